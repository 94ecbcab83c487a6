/*
 * http_request_form.h - the part of a template that says what a request looks like:
 * URL, headers, login and body. Each function takes the value of one key.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_REQUEST_FORM_H
#define CAMPAIGN_CONSUMER_HTTP_REQUEST_FORM_H

#include <stdbool.h>

#include "http_reader.h"
#include "http_template.h"

/* The reader's target is the template; false and the reader's error. */
bool http_request_form_url(HttpReader *reader);
bool http_request_form_headers(HttpReader *reader);
bool http_request_form_basic(HttpReader *reader);
bool http_request_form_json(HttpReader *reader);
bool http_request_form_form(HttpReader *reader);

#endif /* CAMPAIGN_CONSUMER_HTTP_REQUEST_FORM_H */
