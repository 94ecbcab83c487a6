/*
 * claim_join.c - one update for many results; see claim_join.h.
 *
 * By a range of `_id`, because a clustered collection reads all from the first to the last of a
 * list of them; and by the claim, as every change. Must never change a document that lies in the
 * range and is not one of those that were sent.
 */
#include "claim_join.h"

#include <string.h>

#include "chunk.h"
#include "contract/message.h"
#include "store_read.h"

/* Fewer are not worth it. */
#define JOIN_MIN 8

/* Seqs between two of them: what lies there is read, too. */
#define JOIN_GAP_MAX 16

static const uint8_t *id_of(const bson_t *document)
{
	bson_iter_t iter;
	bson_subtype_t subtype;
	uint32_t length = 0;
	const uint8_t *id = NULL;

	if (bson_iter_init_find(&iter, document, "_id") && BSON_ITER_HOLDS_BINARY(&iter))
		bson_iter_binary(&iter, &subtype, &length, &id);
	return length == MESSAGE_DOCUMENT_ID_SIZE ? id : NULL;
}

static bool belongs(const ClaimChange *last, const ClaimChange *next)
{
	const uint8_t *id = id_of(next->document);
	int64_t distance;

	if (id == NULL)
		return false;
	if (last == NULL)
		return true;
	distance = store_read_seq(next->document) - store_read_seq(last->document);
	return distance > 0 && distance <= JOIN_GAP_MAX &&
		   memcmp(id_of(last->document), id, MESSAGE_DOCUMENT_PREFIX_SIZE + 1) == 0 &&
		   strcmp(last->claim, next->claim) == 0;
}

int claim_join_end(const ClaimChange *changes, int first, int count)
{
	const ClaimChange *last = NULL;
	int end = first;

	for (; end < count; end++)
	{
		if (changes[end].sent_ms == 0)
			continue;
		if (!belongs(last, &changes[end]))
			break;
		last = &changes[end];
	}
	return end > first ? end : first + 1;
}

/* Appends when each was sent by its seq, and which seqs between the first and the last one are
 * somebody else's. */
static void put_seqs(const ClaimChange *changes, int first, int end, bson_t *times, bson_t *others)
{
	int64_t next = store_read_seq(changes[first].document);
	uint32_t place = 0;
	uint32_t count = 0;
	char digits[16];
	const char *key;

	for (int i = first; i < end; i++)
	{
		int64_t seq = store_read_seq(changes[i].document);

		if (changes[i].sent_ms == 0)
			continue;
		for (; next < seq; next++)
		{
			(void) bson_uint32_to_string(count++, &key, digits, sizeof(digits));
			BSON_APPEND_INT64(others, key, next);
			(void) bson_uint32_to_string(place++, &key, digits, sizeof(digits));
			BSON_APPEND_NULL(times, key);
		}
		(void) bson_uint32_to_string(place++, &key, digits, sizeof(digits));
		BSON_APPEND_DATE_TIME(times, key, changes[i].sent_ms);
		next = seq + 1;
	}
}

static void put_filter(const ClaimChange *first, const ClaimChange *last, const bson_t *others,
					   bson_t *filter)
{
	bson_t bounds;
	bson_t seqs;

	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &bounds);
	BSON_APPEND_BINARY(&bounds, "$gte", BSON_SUBTYPE_BINARY, id_of(first->document),
					   MESSAGE_DOCUMENT_ID_SIZE);
	BSON_APPEND_BINARY(&bounds, "$lte", BSON_SUBTYPE_BINARY, id_of(last->document),
					   MESSAGE_DOCUMENT_ID_SIZE);
	bson_append_document_end(filter, &bounds);
	BSON_APPEND_UTF8(filter, CHUNK_FIELD_CLAIM, first->claim);
	if (bson_empty(others))
		return;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "seq", &seqs);
	BSON_APPEND_ARRAY(&seqs, "$nin", others);
	bson_append_document_end(filter, &seqs);
}

/* A pipeline: each document finds its own time. */
static void put_update(int64_t first_seq, const bson_t *times, bson_t *update)
{
	bson_t *when =
		BCON_NEW("$arrayElemAt", "[", "{", "$literal", BCON_ARRAY(times), "}", "{", "$subtract",
				 "[", BCON_UTF8("$seq"), BCON_INT64(first_seq), "]", "}", "]");

	BCON_APPEND(update, "0", "{", "$set", "{", CHUNK_FIELD_STATUS, BCON_UTF8(CLAIM_STATUS_SENT),
				"attempts", BCON_INT32(1), "sent_at", BCON_DOCUMENT(when), "}", "}", "1", "{",
				"$set", "{", "updated_at", BCON_UTF8("$sent_at"), "}", "}", "2", "{", "$unset",
				BCON_UTF8(CHUNK_FIELD_CLAIM), "}");
	bson_destroy(when);
}

int claim_join(const ClaimChange *changes, int first, int end, bson_t *filter, bson_t *update)
{
	bson_t times = BSON_INITIALIZER;
	bson_t others = BSON_INITIALIZER;
	const ClaimChange *last = NULL;
	int count = 0;

	while (first < end && changes[first].sent_ms == 0)
		first++;
	for (int i = first; i < end; i++)
	{
		if (changes[i].sent_ms == 0)
			continue;
		last = &changes[i];
		count++;
	}
	if (count < JOIN_MIN)
		return 0;
	put_seqs(changes, first, end, &times, &others);
	put_filter(&changes[first], last, &others, filter);
	put_update(store_read_seq(changes[first].document), &times, update);
	bson_destroy(&times);
	bson_destroy(&others);
	return count;
}
