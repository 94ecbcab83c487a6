/*
 * http_request.h - one message as a request to the provider, and its answer: a libcurl
 * handle with what it needs, used for one message after the other.
 *
 * Must never send more than one request for one call of http_request_begin(), which
 * libcurl would do on its own when an idle connection breaks.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_REQUEST_H
#define CAMPAIGN_CONSUMER_HTTP_REQUEST_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "contract/error.h"
#include "http_template.h"

#define HTTP_HEADER_VALUE_SIZE 64

typedef struct HttpRequest
{
	const HttpTemplate *template;
	CURL *curl;
	HttpBuffer text; /* URL, header lines, body, one behind the other */
	size_t body_at;
	struct curl_slist lines[HTTP_HEADERS_MAX + 2]; /* point into `text` */
	int status;									   /* 0: no answer yet */
	size_t header_bytes;
	HttpBuffer answer;
	char retry_after[HTTP_HEADER_VALUE_SIZE];
	char date[HTTP_HEADER_VALUE_SIZE];
	bool begun;	   /* something of it may have left */
	bool too_long; /* the answer */
	char reason[CURL_ERROR_SIZE];
} HttpRequest;

/* The template outlives it. False and *error. */
bool http_request_open(HttpRequest *request, const HttpTemplate *template, Error *error);

/* The request of a message. False and *error: ERROR_PROTOCOL if it cannot be filled in. */
bool http_request_fill(HttpRequest *request, const GatewayMessage *message, Error *error);

/* Ready to be given to libcurl, with what was filled in; also for the next attempt. */
bool http_request_begin(HttpRequest *request, Error *error);

/* What has come, once libcurl has ended with `code`; valid until the next begin. */
HttpAnswer http_request_answer(const HttpRequest *request, CURLcode code);

void http_request_close(HttpRequest *request);

#endif /* CAMPAIGN_CONSUMER_HTTP_REQUEST_H */
