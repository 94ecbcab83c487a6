/*
 * numbers_json.h - phone numbers in JSON become the lines of a numbers file.
 */
#ifndef CAMPAIGN_NUMBERS_JSON_H
#define CAMPAIGN_NUMBERS_JSON_H

#include "postgres.h"

/*
 * An array of numbers, or of objects that have one each, or a string that is a file; an error of
 * the status 422 for anything else. In valid JSON in the encoding of the database; out UTF-8, never
 * longer than the JSON, and the only memory that this takes, in the current context.
 */
bytea *numbers_json_lines(const char *json, size_t length);

#endif /* CAMPAIGN_NUMBERS_JSON_H */
