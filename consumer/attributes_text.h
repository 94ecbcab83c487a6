/*
 * attributes_text.h - attributes that MongoDB holds, back in the canonical JSON
 * that they came in.
 */
#ifndef CAMPAIGN_CONSUMER_ATTRIBUTES_TEXT_H
#define CAMPAIGN_CONSUMER_ATTRIBUTES_TEXT_H

#include <bson/bson.h>
#include <stddef.h>

/*
 * Writes the JSON of a document into `out`; returns its length, without a NUL. 0 if it does
 * not fit, or if it holds what no message has put there: another type, another form of a number.
 */
size_t attributes_text(const bson_iter_t *attributes, char *out, size_t capacity);

#endif /* CAMPAIGN_CONSUMER_ATTRIBUTES_TEXT_H */
