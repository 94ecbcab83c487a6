/*
 * http_rules.h - the part of a template that says what an answer means.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_RULES_H
#define CAMPAIGN_CONSUMER_HTTP_RULES_H

#include <stdbool.h>

#include "http_answer.h"
#include "http_reader.h"

/* Takes the list of rules; false and the reader's error. */
bool http_rules_read(HttpReader *reader, HttpRules *rules);

/* Takes one place in the answer or a list of them; false and the reader's error. */
bool http_places_read(HttpReader *reader, HttpPlaces *places);

#endif /* CAMPAIGN_CONSUMER_HTTP_RULES_H */
