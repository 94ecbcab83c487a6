/*
 * chunk.h - what is stored by one insert: the BSON documents of some batches,
 * and which ranges of which campaigns they are.
 *
 * Belongs to one lane and takes its memory once; filled by pipeline.c, stored
 * by store.c. Must never allocate per document.
 */
#ifndef CAMPAIGN_CONSUMER_CHUNK_H
#define CAMPAIGN_CONSUMER_CHUNK_H

#include <mongoc/mongoc.h>
#include <stdbool.h>
#include <stdint.h>

#include "contract/message.h"
#include "decode.h"

/*
 * BSON bytes of a chunk. More gains nothing, and five lanes (with libmongoc's
 * own copy of each) must stay below 64 MB even if every text is the longest.
 */
#define CHUNK_BYTES_MAX (2 * 1024 * 1024)

/* A document that is to be sent says by whom: `status` sending, `claim`. */
#define CHUNK_FIELD_STATUS "status"
#define CHUNK_FIELD_CLAIM  "claim"
#define CHUNK_SENDING	   "sending"

/* The id of a sender's session, a dash, and what it counts: so many characters. */
#define CLAIM_SENDER_LENGTH 24
#define CLAIM_LENGTH		(CLAIM_SENDER_LENGTH + 1 + 16)

/* Neighbouring seqs of one campaign and class. */
typedef struct Range
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	MessageClass class;
	int64_t first_seq;
	int64_t last_seq;
	int first_document; /* place of first_seq's document in the chunk */
	bool doubtful;		/* its campaign was halted when it was admitted: ask before it is stored */
	bool halted;		/* what MongoDB does not have of it must not be stored; halt.c's */
	bool ended;			/* for good: its campaign is cancelled, or behind its deadline */
	bool late;			/* admitted behind the deadline of its campaign */
	int64_t valid_until_ms; /* nor from then on, unless it was left out; INT64_MAX: no deadline */
	bool resumed;			/* halted, but its campaign is not any more: to be published again */
	bool suppressed;		/* its recipients were left out: nothing of it is stored */
	int64_t read_ms;		/* when `behind` was last seen in MongoDB; 0: it is not looked for */
	uint8_t behind[MESSAGE_DOCUMENT_ID_SIZE]; /* the document that its place was read from */
} Range;

typedef struct RangeList
{
	Range *items;
	int count;
} RangeList;

/* What became of a document. */
typedef enum ChunkState
{
	CHUNK_MISSING = 0,
	CHUNK_PRESENT,	 /* found in MongoDB with the same content */
	CHUNK_CONFLICT,	 /* found in MongoDB with other content */
	CHUNK_REFUSED,	 /* MongoDB will never take it */
	CHUNK_HALTED,	 /* not stored, because its campaign is halted */
	CHUNK_SUPPRESSED /* not stored: the recipient was left out; the document has an _id only */
} ChunkState;

typedef struct Chunk
{
	int capacity; /* documents */
	bool single;  /* a message that may be sent comes alone, what is left out goes together */
	bool full;	  /* for that reason */
	int count;
	int stored;		/* documents before this one are done; store.c's */
	int parked;		/* documents in CHUNK_CONFLICT or CHUNK_REFUSED */
	int halted;		/* documents in CHUNK_HALTED */
	int suppressed; /* documents in CHUNK_SUPPRESSED */
	bool look;		/* a range is halted: what has MongoDB of it? */
	bool doubt;		/* a range is suppressed: was it stored before? */
	bool split;		/* some of it was: its ranges are not as they came */
	bool left_out;	/* what is halted has been taken out of its ranges */
	uint64_t tag;	/* last delivery that ends in this chunk; 0: none */
	size_t used;	/* bytes */
	RangeList ranges;
	RangeList resumed; /* ranges that were left out although their campaign goes on */
	bson_t *documents;
	uint8_t *states; /* ChunkState of each document */
	uint8_t *bytes;
	uint8_t *shared;	/* the fields that a batch's documents share */
	size_t text_length; /* of the first of them, the campaign's text */
	size_t shared_length;
	bool claims;		/* its documents say who sends them: chunk_claim() */
	uint8_t dates[192]; /* created_at, updated_at, deleted, the claim and the end; chunk_stamp() */
	size_t dates_length;
	size_t claim_at; /* place of the claim's text in `dates` */
	const DecodedBatch *batch;
	uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE];
} Chunk;

/* `capacity`: documents. NULL when out of memory. */
Chunk *chunk_new(int capacity);
void chunk_free(Chunk *chunk);

/* Empties it for the next turn. */
void chunk_reset(Chunk *chunk);

/* The next documents come from this batch, which must stay valid until then. */
void chunk_use(Chunk *chunk, const DecodedBatch *batch);

/*
 * Adds the recipients of the batch in use from place `from` on, until it ends
 * or the chunk is full. Returns the place of the first one not added. `doubtful`:
 * as in Range.
 */
int chunk_add(Chunk *chunk, int from, bool doubtful);

/* From `chunk->stored` on, what is still missing of halted ranges will not be stored. */
void chunk_halt(Chunk *chunk);

/*
 * Takes what was not stored out of the ranges, unless it was left out by the publisher: only what
 * is done is reported. Does nothing the second time.
 */
void chunk_leave_out_halted(Chunk *chunk);

static inline int range_documents(const Range *range)
{
	return (int) (range->last_seq - range->first_seq + 1);
}

/*
 * Whether nothing more of it may be stored, or begun to be sent: from the deadline on. What was
 * left out is late only if it came with recipients behind the deadline (Range.late).
 */
static inline bool range_has_expired(const Range *range, int64_t now_ms)
{
	return now_ms >= range->valid_until_ms && (range->late || !range->suppressed);
}

/* All documents are being stored now: their dates say so. */
void chunk_stamp(Chunk *chunk);

/* Who sends them, on documents of a chunk with `claims`: CLAIM_LENGTH characters. */
void chunk_claim(Chunk *chunk, const char *claim);

bool chunk_is_full(const Chunk *chunk);

/* Copies the ranges of `from` into `to`, which has the same capacity. */
void chunk_copy_ranges(RangeList *to, const RangeList *from);

#endif /* CAMPAIGN_CONSUMER_CHUNK_H */
