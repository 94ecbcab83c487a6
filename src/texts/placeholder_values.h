/*
 * placeholder_values.h - the values that a recipient's attributes have for the placeholders of a
 * text.
 */
#ifndef CAMPAIGN_TEXTS_PLACEHOLDER_VALUES_H
#define CAMPAIGN_TEXTS_PLACEHOLDER_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "placeholder_parts.h"

/*
 * Finds them in the JSON from `at` to `end`, which is canonical: without blanks, keys as
 * message_escape() writes them. values[i] is that of parts[i], as it stands there, and is left
 * alone if there is none; bit i of *present is set if there is one. False if this is not such
 * an object.
 */
bool placeholder_values_find(const Placeholders *placeholders, const char *at, const char *end,
							 PlaceholdersBytes *values, uint64_t *present);

#endif
