/*
 * http_outcome.h - what became of one attempt, in the words that PostgreSQL and
 * people get to see.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_OUTCOME_H
#define CAMPAIGN_CONSUMER_HTTP_OUTCOME_H

#include <curl/curl.h>

#include "gateway.h"
#include "http_request.h"

/*
 * Judges a request that libcurl has ended with `code`, and fills in code and text of
 * the result: what the provider says if the template knows where; else the status, or
 * "unreachable" (nothing was sent), "no_answer". A message that was sent has the
 * provider's identifier as its text.
 */
HttpVerdict http_outcome(const HttpRequest *request, CURLcode code, GatewayResult *result);

#endif /* CAMPAIGN_CONSUMER_HTTP_OUTCOME_H */
