/*
 * json_text.h - strings of JSON: their escapes, and values without blanks.
 *
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_JSON_TEXT_H
#define CAMPAIGN_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* The character of an escape at *at, which moves behind it; -1, and stays there, if it is none. */
int32_t json_escape(const char **at, const char *end);

/*
 * What is between the quotes of a valid string, without its escapes. Returns its
 * length; `size` if it does not fit.
 */
size_t json_text(const char *string, size_t length, char *out, size_t size);

/* A valid value without the blanks between its parts; returns its length. */
size_t json_compact(const char *value, size_t length, char *out);

#endif /* CAMPAIGN_JSON_TEXT_H */
