/*
 * http_template.h - a provider's form of request and answer, from a file that
 * docs/gateways.md describes.
 *
 * What it holds after it was read never changes. Its texts hold the secrets.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_TEMPLATE_H
#define CAMPAIGN_CONSUMER_HTTP_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "contract/error.h"
#include "http_answer.h"
#include "http_fill.h"

#define HTTP_HEADERS_MAX 16
#define HTTP_METHOD_SIZE 8
#define HTTP_HOST_SIZE	 256
#define HTTP_PATH_SIZE	 2048

typedef struct HttpLimits
{
	int64_t attempts;
	int64_t timeout_ms; /* of an attempt, from its beginning to the end of the answer */
	int64_t connect_timeout_ms;
	int64_t backoff_ms; /* the first wait */
	int64_t backoff_max_ms;
	int64_t retry_after_max_ms; /* as long as a provider is believed at most */
	int64_t answer_max;			/* bytes that are read */
} HttpLimits;

typedef struct HttpTemplate
{
	char method[HTTP_METHOD_SIZE];
	char host[HTTP_HOST_SIZE]; /* with its port: for the log */
	HttpFill url;
	HttpFill headers[HTTP_HEADERS_MAX]; /* whole lines */
	size_t header_count;
	HttpFill body;
	bool has_body;
	const char *content_type; /* of the body: a whole line */
	bool idempotent;		  /* the provider sends an identifier once, however often it comes */
	bool has_key;			  /* its headers have an Idempotency-Key of their own */
	bool has_content_type;	  /* the same of that header */
	bool clear_text;		  /* http:// to another machine is meant */
	char ca_file[HTTP_PATH_SIZE]; /* "": the system's */
	HttpRules rules;
	HttpPlaces error_code;
	HttpPlaces error_text;
	HttpPlaces message_id;
	HttpLimits limits;
	HttpSecrets secrets;
} HttpTemplate;

/* A template with the defaults of all keys; NULL if memory is short. */
HttpTemplate *http_template_new(void);

/* Whether the URL goes unencrypted to another machine. */
bool http_template_is_clear(const HttpTemplate *template);

/* Overwrites the secrets; NULL is fine. */
void http_template_free(HttpTemplate *template);

#endif /* CAMPAIGN_CONSUMER_HTTP_TEMPLATE_H */
