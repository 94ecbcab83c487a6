/*
 * claim.c - claims and results in MongoDB; see claim.h.
 *
 * Must never change a document whose claim it does not name.
 */
#include "claim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "claim_change.h"
#include "claim_join.h"
#include "contract/utf8.h"
#include "program/sometimes.h"
#include "store_read.h"

static const char *const STATUSES[] = {[CLAIM_SENDING] = CHUNK_SENDING,
									   [CLAIM_SENT] = CLAIM_STATUS_SENT,
									   [CLAIM_FAILED] = "failed",
									   [CLAIM_UNKNOWN] = "unknown",
									   [CLAIM_REPORTED] = "reported"};

#define STATUS_COUNT (sizeof(STATUSES) / sizeof(*STATUSES))

static void read_text(const bson_iter_t *iter, char *out, size_t size)
{
	uint32_t length;
	const char *text;

	if (!BSON_ITER_HOLDS_UTF8(iter))
		return;
	/* Cut off between two characters: half of one would make every report of it fail. */
	text = bson_iter_utf8(iter, &length);
	(void) utf8_clean(out, size, text, length);
}

/* An unknown status is doubt: better not sent than sent twice. */
static ClaimStatus status_of(const bson_iter_t *iter)
{
	const char *name = BSON_ITER_HOLDS_UTF8(iter) ? bson_iter_utf8(iter, NULL) : "";

	for (size_t i = CLAIM_SENDING; i < STATUS_COUNT; i++)
	{
		if (strcmp(STATUSES[i], name) == 0)
			return (ClaimStatus) i;
	}
	return CLAIM_UNKNOWN;
}

/* Somebody else may have written anything: what is asked of PostgreSQL must be an id. */
static bool is_claim(const char *text)
{
	if (strlen(text) != CLAIM_LENGTH || text[CLAIM_SENDER_LENGTH] != '-')
		return false;
	for (int i = 0; i < CLAIM_LENGTH; i++)
	{
		if (i != CLAIM_SENDER_LENGTH && !islower((unsigned char) text[i]) &&
			!isdigit((unsigned char) text[i]))
			return false;
	}
	return true;
}

static void read_error(const bson_iter_t *iter, Claim *claim)
{
	bson_iter_t field;

	if (!BSON_ITER_HOLDS_DOCUMENT(iter) || !bson_iter_recurse(iter, &field))
		return;
	while (bson_iter_next(&field))
	{
		if (strcmp(bson_iter_key(&field), "code") == 0)
			read_text(&field, claim->code, sizeof(claim->code));
		else if (strcmp(bson_iter_key(&field), "text") == 0)
			read_text(&field, claim->text, sizeof(claim->text));
	}
}

static void read_claim(const bson_t *document, Claim *claim)
{
	bson_iter_t iter;

	memset(claim, 0, sizeof(*claim));
	if (!bson_iter_init(&iter, document))
		return;
	while (bson_iter_next(&iter))
	{
		const char *name = bson_iter_key(&iter);

		if (strcmp(name, CHUNK_FIELD_STATUS) == 0)
			claim->status = status_of(&iter);
		else if (strcmp(name, CHUNK_FIELD_CLAIM) == 0)
			read_text(&iter, claim->claim, sizeof(claim->claim));
		else if (strcmp(name, "attempts") == 0)
			claim->attempts = (int) bson_iter_as_int64(&iter);
		else if (strcmp(name, "error") == 0)
			read_error(&iter, claim);
	}
	if (!is_claim(claim->claim))
		*claim->claim = '\0';
}

static bool read_range(Store *store, const Chunk *chunk, const Range *range, Claim *claims,
					   const bson_t *options, Error *error)
{
	mongoc_cursor_t *cursor =
		store_read_range(store_collection(store), range->campaign_id, range->class,
						 range->first_seq, range->last_seq, options);
	const bson_t *document;
	bson_error_t reason;
	bool done;

	while (mongoc_cursor_next(cursor, &document))
	{
		int64_t offset = store_read_seq(document) - range->first_seq;
		int place = range->first_document + (int) offset;

		if (offset >= 0 && offset < range_documents(range) && chunk->states[place] == CHUNK_PRESENT)
			read_claim(document, &claims[place]);
	}
	done = !mongoc_cursor_error(cursor, &reason) ||
		   store_failed(error, "cannot read what is claimed", &reason);
	mongoc_cursor_destroy(cursor);
	return done;
}

static bool has_present(const Chunk *chunk, const Range *range)
{
	return memchr(chunk->states + range->first_document, CHUNK_PRESENT,
				  (size_t) range_documents(range)) != NULL;
}

bool claim_read(Store *store, const Chunk *chunk, Claim *claims, Error *error)
{
	bson_t *options =
		BCON_NEW("projection", "{", CHUNK_FIELD_STATUS, BCON_INT32(1), CHUNK_FIELD_CLAIM,
				 BCON_INT32(1), "attempts", BCON_INT32(1), "error", BCON_INT32(1), "}");
	bool done = true;

	for (int i = 0; done && i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];

		if (has_present(chunk, range))
			done = read_range(store, chunk, range, claims, options, error);
	}
	bson_destroy(options);
	return done;
}

struct ClaimChanges
{
	int count;
	int capacity;
	ClaimChange *items;
	bool alone; /* they could not be made together: each is an update of its own */
};

ClaimChanges *claim_changes_new(void)
{
	return calloc(1, sizeof(ClaimChanges));
}

void claim_changes_free(ClaimChanges *changes)
{
	if (changes == NULL)
		return;
	for (int i = 0; i < changes->count; i++)
	{
		bson_destroy(changes->items[i].filter);
		bson_destroy(changes->items[i].update);
	}
	free(changes->items);
	free(changes);
}

int claim_changes_count(const ClaimChanges *changes)
{
	return changes->count;
}

/* A change of the document that has this claim. Out of memory ends the program, as in libbson. */
static ClaimChange *add(ClaimChanges *changes, const bson_t *document, const char *claim)
{
	ClaimChange *change;
	bson_iter_t iter;

	if (changes->count == changes->capacity)
	{
		changes->capacity = changes->capacity == 0 ? 64 : 2 * changes->capacity;
		changes->items =
			bson_realloc(changes->items, (size_t) changes->capacity * sizeof(*changes->items));
	}
	change = &changes->items[changes->count++];
	*change = (ClaimChange){
		.filter = bson_new(), .update = bson_new(), .document = document, .claim = claim};
	if (bson_iter_init_find(&iter, document, "_id"))
		bson_append_iter(change->filter, "_id", -1, &iter);
	BSON_APPEND_UTF8(change->filter, CHUNK_FIELD_CLAIM, claim);
	return change;
}

void claim_put_result(ClaimChanges *changes, const bson_t *document, const char *claim,
					  ClaimStatus status, const GatewayResult *result, int64_t ended_ms)
{
	ClaimChange *change = add(changes, document, claim);
	bson_t set;
	bson_t part;

	if (status == CLAIM_SENT && result->attempts == 1)
		change->sent_ms = ended_ms;
	BSON_APPEND_DOCUMENT_BEGIN(change->update, "$set", &set);
	BSON_APPEND_UTF8(&set, CHUNK_FIELD_STATUS, STATUSES[status]);
	BSON_APPEND_DATE_TIME(&set, "updated_at", ended_ms);
	BSON_APPEND_INT32(&set, "attempts", result->attempts);
	if (status == CLAIM_SENT)
		BSON_APPEND_DATE_TIME(&set, "sent_at", ended_ms);
	if (status == CLAIM_FAILED || status == CLAIM_UNKNOWN)
	{
		BSON_APPEND_DOCUMENT_BEGIN(&set, "error", &part);
		BSON_APPEND_UTF8(&part, "code", result->code);
		BSON_APPEND_UTF8(&part, "text", result->text);
		bson_append_document_end(&set, &part);
	}
	bson_append_document_end(change->update, &set);
	BSON_APPEND_DOCUMENT_BEGIN(change->update, "$unset", &part);
	BSON_APPEND_UTF8(&part, CHUNK_FIELD_CLAIM, "");
	bson_append_document_end(change->update, &part);
}

/* As add(), unless somebody has taken its sender for dead meanwhile: then it is reported. */
static ClaimChange *add_undoubted(ClaimChanges *changes, const bson_t *document, const char *claim)
{
	ClaimChange *change = add(changes, document, claim);

	BSON_APPEND_UTF8(change->filter, CHUNK_FIELD_STATUS, CHUNK_SENDING);
	return change;
}

void claim_put_removal(ClaimChanges *changes, const bson_t *document, const char *claim)
{
	(void) add_undoubted(changes, document, claim);
}

void claim_put_doubt(ClaimChanges *changes, const bson_t *document, const char *claim)
{
	ClaimChange *change = add_undoubted(changes, document, claim);
	bson_t set;

	/* Its claim stays: if its sender lives after all, it may still say how it ended. */
	BSON_APPEND_DOCUMENT_BEGIN(change->update, "$set", &set);
	BSON_APPEND_UTF8(&set, CHUNK_FIELD_STATUS, STATUSES[CLAIM_UNKNOWN]);
	bson_append_document_end(change->update, &set);
}

static void set_claim(ClaimChange *change, ClaimStatus status, const char *claim)
{
	bson_t set;

	BSON_APPEND_DOCUMENT_BEGIN(change->update, "$set", &set);
	BSON_APPEND_UTF8(&set, CHUNK_FIELD_STATUS, STATUSES[status]);
	BSON_APPEND_UTF8(&set, CHUNK_FIELD_CLAIM, claim);
	bson_append_document_end(change->update, &set);
}

void claim_put_taking(ClaimChanges *changes, const bson_t *document, const char *claim,
					  const char *taker)
{
	set_claim(add(changes, document, claim), CLAIM_SENDING, taker);
}

void claim_put_return(ClaimChanges *changes, const bson_t *document, const char *claim,
					  const Claim *found)
{
	/* It may have been in doubt before, and reported so. */
	set_claim(add_undoubted(changes, document, claim), found->status, found->claim);
}

static bool put_alone(mongoc_bulk_operation_t *bulk, const ClaimChange *change,
					  bson_error_t *reason)
{
	if (bson_empty(change->update))
		return mongoc_bulk_operation_remove_one_with_opts(bulk, change->filter, NULL, reason);
	return mongoc_bulk_operation_update_one_with_opts(bulk, change->filter, change->update, NULL,
													  reason);
}

/* Those of one class from `first` to `end`. */
static bool put_together(mongoc_bulk_operation_t *bulk, const ClaimChange *items, int first,
						 int end, bson_error_t *reason)
{
	bson_t filter = BSON_INITIALIZER;
	bson_t update = BSON_INITIALIZER;
	bool joined = claim_join(items, first, end, &filter, &update) > 0;
	bool done = !joined ||
				mongoc_bulk_operation_update_many_with_opts(bulk, &filter, &update, NULL, reason);

	for (int i = first; done && i < end; i++)
	{
		if (!joined || items[i].sent_ms == 0)
			done = put_alone(bulk, &items[i], reason);
	}
	bson_destroy(&filter);
	bson_destroy(&update);
	return done;
}

static bool put_all(mongoc_bulk_operation_t *bulk, const ClaimChanges *changes,
					bson_error_t *reason)
{
	bool done = true;
	int end;

	for (int first = 0; done && first < changes->count; first = end)
	{
		end = first + 1;
		if (changes->alone)
			done = put_alone(bulk, &changes->items[first], reason);
		else
		{
			end = claim_join_end(changes->items, first, changes->count);
			done = put_together(bulk, changes->items, first, end, reason);
		}
	}
	return done;
}

bool claim_apply(Store *store, ClaimChanges *changes, Error *error)
{
	bson_t *options = BCON_NEW("ordered", BCON_BOOL(false));
	mongoc_bulk_operation_t *bulk =
		mongoc_collection_create_bulk_operation_with_opts(store_collection(store), options);
	bson_t reply = BSON_INITIALIZER;
	bson_error_t reason;
	bool done = put_all(bulk, changes, &reason);

	SOMETIMES_IF(changes->alone, "consumer.results_one_by_one");
	if (done && changes->count > 0)
	{
		bson_destroy(&reply);
		done = mongoc_bulk_operation_execute(bulk, &reply, &reason) != 0;
	}
	bson_destroy(&reply);
	mongoc_bulk_operation_destroy(bulk);
	bson_destroy(options);
	/* What keeps one of them from being written keeps none of the others. */
	changes->alone = !done;
	return done || store_failed(error, "cannot write what was sent", &reason);
}
