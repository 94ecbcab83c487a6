/*
 * attributes.h - a recipient's attributes: from the JSON of a message to the
 * BSON of its document, under the rules of lib/contract/attributes.h.
 *
 * Part of decode.c's step: none of them is trusted, and anything else in
 * their place makes the whole message malformed.
 */
#ifndef CAMPAIGN_CONSUMER_ATTRIBUTES_H
#define CAMPAIGN_CONSUMER_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/message.h"
#include "json.h"

/*
 * BSON is at most so many times as long as its JSON: "1," in an array becomes a type, a place of up
 * to four digits with its NUL, and eight bytes.
 */
#define ATTRIBUTES_GROWTH	7
#define ATTRIBUTES_BSON_MAX (ATTRIBUTES_GROWTH * MESSAGE_ATTRIBUTES_MAX)

/*
 * Takes an object and writes it to `out` as a BSON document of *length bytes, at most `capacity`.
 * Its keys have to be in order, its numbers in canonical form. False with the error of `json`.
 */
bool attributes_decode(Json *json, uint8_t *out, size_t capacity, size_t *length);

#endif /* CAMPAIGN_CONSUMER_ATTRIBUTES_H */
