/*
 * http_attribute.h - one attribute of a recipient as text, from the JSON of all.
 *
 * Pure.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_ATTRIBUTE_H
#define CAMPAIGN_CONSUMER_HTTP_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/message.h"

/*
 * A string as it is, a number as it is written, true or false; *length bytes into
 * `out`. False if there is none, or it is null, an object, an array or the empty
 * string. `attributes` may be NULL.
 */
bool http_attribute(const char *attributes, const char *name, size_t name_length,
					char out[MESSAGE_ATTRIBUTES_MAX + 1], size_t *length);

#endif /* CAMPAIGN_CONSUMER_HTTP_ATTRIBUTE_H */
