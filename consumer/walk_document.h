/*
 * walk_document.h - a document of MongoDB as the message that it should be.
 *
 * Part of walk.c's step. Must never take a document for a message because some of its fields are
 * right.
 */
#ifndef CAMPAIGN_CONSUMER_WALK_DOCUMENT_H
#define CAMPAIGN_CONSUMER_WALK_DOCUMENT_H

#include <mongoc/mongoc.h>
#include <stdint.h>

#include "contract/leaf.h"

/* Where a document stands, by its _id. Zeroed: before the first one. */
typedef struct WalkPlace
{
	uint8_t class; /* 0 and 1 are MessageClass; others are nobody's */
	int64_t seq;
} WalkPlace;

/* Its texts belong to the document that was read; so it cannot be copied. */
typedef struct WalkDocument
{
	WalkPlace place;
	Leaf leaf;
	const char *wrong; /* a field that no message can have so; NULL: none */
	char attributes[MESSAGE_ATTRIBUTES_MAX];
} WalkDocument;

void walk_document_read(const bson_t *bson, const char *campaign_id, WalkDocument *document);

#endif /* CAMPAIGN_CONSUMER_WALK_DOCUMENT_H */
