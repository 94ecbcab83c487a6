/*
 * http_answer.h - what a provider's answer means: by its status, and by values in
 * its JSON, after the rules of the template.
 *
 * Pure. An answer that no rule knows is never taken for a success.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_ANSWER_H
#define CAMPAIGN_CONSUMER_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/error.h"

#define HTTP_POINTER_SIZE	128
#define HTTP_POINTERS_MAX	4
#define HTTP_RULES_MAX		32
#define HTTP_RULE_STATUSES	8
#define HTTP_RULE_VALUES	32
#define HTTP_RULE_VALUE_MAX 63

typedef enum HttpVerdict
{
	HTTP_SENT,
	HTTP_FAILED, /* for good */
	HTTP_AGAIN,	 /* the provider has not taken it: try again later */
	HTTP_UNCLEAR /* it may have been taken */
} HttpVerdict;

/* An answer as it came. */
typedef struct HttpAnswer
{
	int status; /* 0: there was none */
	const char *body;
	size_t length;
	bool complete; /* the body came to its end, and was not too long */
} HttpAnswer;

typedef struct HttpRule
{
	int low[HTTP_RULE_STATUSES]; /* of a status; no status: any */
	int high[HTTP_RULE_STATUSES];
	size_t statuses;
	char pointer[HTTP_POINTER_SIZE]; /* "": whatever the body holds */
	char values[HTTP_RULE_VALUES][HTTP_RULE_VALUE_MAX + 1];
	size_t value_count;
	HttpVerdict verdict;
} HttpRule;

/* Places in the answer, of which the first that holds something counts. */
typedef struct HttpPlaces
{
	char pointers[HTTP_POINTERS_MAX][HTTP_POINTER_SIZE];
	size_t count;
} HttpPlaces;

typedef struct HttpRules
{
	HttpRule list[HTTP_RULES_MAX];
	size_t count;
} HttpRules;

/*
 * Whether it is a JSON pointer (RFC 6901) that this reads: "" is none here, `*`
 * stands for every element of an array.
 */
bool http_pointer_check(const char *pointer);

/*
 * The first rule decides. Without one: 2xx, 502 and 504 are unclear, because the
 * provider may have taken it; 408, 425, 429 and the other 5xx are to be tried again;
 * everything else has failed.
 */
HttpVerdict http_answer_judge(const HttpRules *rules, const HttpAnswer *answer);

/* The text at the first of the places that has one, as one clean line of at most `size` bytes. */
bool http_answer_text(const HttpPlaces *places, const HttpAnswer *answer, char *out, size_t size);

#endif /* CAMPAIGN_CONSUMER_HTTP_ANSWER_H */
