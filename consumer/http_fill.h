/*
 * http_fill.h - the texts of an HTTP request: compiled once from a gateway's
 * template, filled in for each message, every value escaped for where it stands.
 *
 * Pure. A message that fills it cannot end the string, the line or the field in
 * which its values stand, whatever they hold.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_FILL_H
#define CAMPAIGN_CONSUMER_HTTP_FILL_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/error.h"
#include "gateway.h"

#define HTTP_SECRETS_MAX	 16
#define HTTP_SECRET_SIZE	 2048
#define HTTP_SECRET_NAME_MAX 63

/* Bytes that grow; what is in them may be read up to `length`. */
typedef struct HttpBuffer
{
	char *bytes;
	size_t length;
	size_t size;
} HttpBuffer;

typedef enum HttpPlace
{
	HTTP_PLACE_URL,	   /* values are percent-encoded, the template's own text is not */
	HTTP_PLACE_FORM,   /* all of it is percent-encoded */
	HTTP_PLACE_JSON,   /* inside a string */
	HTTP_PLACE_HEADER, /* a line: control characters are refused */
} HttpPlace;

typedef enum HttpValue
{
	HTTP_VALUE_NONE, /* literal text */
	HTTP_VALUE_NUMBER,
	HTTP_VALUE_DIGITS, /* the number without its + */
	HTTP_VALUE_TEXT,
	HTTP_VALUE_ID,
	HTTP_VALUE_CAMPAIGN_ID,
	HTTP_VALUE_ATTRIBUTE,
	HTTP_VALUE_COUNT
} HttpValue;

typedef struct HttpPart
{
	HttpValue value;
	HttpPlace place;
	size_t at; /* of the literal text, or of the attribute's name, in the bytes */
	size_t length;
	bool has_fallback;
	size_t fallback_length; /* it stands behind the name */
} HttpPart;

typedef struct HttpFill
{
	HttpBuffer bytes; /* may hold secrets */
	HttpPart *parts;
	size_t count;
	size_t room;
	bool uses[HTTP_VALUE_COUNT];
} HttpFill;

typedef struct HttpSecret
{
	char name[HTTP_SECRET_NAME_MAX + 1];
	char value[HTTP_SECRET_SIZE];
	bool used;
} HttpSecret;

typedef struct HttpSecrets
{
	HttpSecret list[HTTP_SECRETS_MAX];
	size_t count;
	HttpBuffer login; /* user and password as HTTP sends them, with a NUL; empty: none */
} HttpSecrets;

/* Adds bytes; false without memory. */
bool http_buffer_add(HttpBuffer *buffer, const char *bytes, size_t length);

/* Overwrites and frees what it holds. */
void http_buffer_free(HttpBuffer *buffer);

/* Adds bytes as they have to be in this place; false and *error. */
bool http_escape(HttpBuffer *buffer, HttpPlace place, const char *bytes, size_t length,
				 Error *error);

/* Adds text that is written as it is; false without memory. */
bool http_fill_literal(HttpFill *fill, const char *bytes, size_t length);

/*
 * Adds a template's string: {number}, {digits}, {text}, {id}, {campaign_id},
 * {attribute:NAME}, {attribute:NAME|default}, {secret:NAME}; {{ and }} are braces.
 * False and *error (ERROR_CONFIG), which shows no secret.
 */
bool http_fill_compile(HttpFill *fill, HttpPlace place, const char *string, size_t length,
					   HttpSecrets *secrets, Error *error);

/*
 * Adds the text for a message. False and *error: ERROR_PROTOCOL if this message
 * cannot be filled in (no such attribute), ERROR_MEMORY.
 */
bool http_fill_write(const HttpFill *fill, const GatewayMessage *message, HttpBuffer *out,
					 Error *error);

void http_fill_free(HttpFill *fill);

#endif /* CAMPAIGN_CONSUMER_HTTP_FILL_H */
