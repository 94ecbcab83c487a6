/*
 * json.h - a small strict reader of JSON (RFC 8259), one token after the other.
 *
 * It sits under decode.c and knows nothing of messages. It works inside the
 * caller's buffer (escapes are undone in place) and must never allocate, read
 * past the end or recurse without a limit: its input comes from the network.
 */
#ifndef CAMPAIGN_CONSUMER_JSON_H
#define CAMPAIGN_CONSUMER_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/error.h"

/* Deeper values than this inside ignored fields are refused. */
#define JSON_DEPTH_MAX 32

typedef struct Json
{
	char *start;
	char *at;
	char *end;
	Error *error; /* the caller's; set once, by the first failure */
} Json;

/* Points into the body; not NUL-terminated. */
typedef struct JsonString
{
	const char *bytes;
	size_t length;
	size_t characters; /* Unicode code points */
} JsonString;

void json_begin(Json *json, char *body, size_t length, Error *error);

/* Sets the error (ERROR_PROTOCOL) with the position in the body; returns false. */
bool json_fail(Json *json, const char *what);

/* Skips white space, then takes `token` if it is next. */
bool json_accept(Json *json, char token);

/* The same, but its absence is an error. */
bool json_expect(Json *json, char token);

/*
 * Takes a string: valid UTF-8, no control characters, no NUL, surrogates only
 * in pairs. The bytes stay valid as long as the body does.
 */
bool json_string(Json *json, JsonString *string);

/* Takes a whole number without fraction or exponent that fits an int64. */
bool json_integer(Json *json, int64_t *number);

/* Takes a number as it is written. */
bool json_number(Json *json, JsonString *number);

/* Takes true, false or null and returns its first letter; NUL and the error if it is none. */
char json_word(Json *json);

/* The first character of what is next, behind white space; NUL at the end. Takes nothing. */
char json_peek(Json *json);

/* Takes any value and forgets it, checking that it is JSON. */
bool json_skip(Json *json);

/* Nothing but white space may be left. */
bool json_finish(Json *json);

#endif /* CAMPAIGN_CONSUMER_JSON_H */
