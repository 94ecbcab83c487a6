/*
 * rows.h - a campaign's messages as PostgreSQL has them, in the order of its tree: VIP before
 * NORMAL, each by seq. Identifiers are derived as in publishing.
 *
 * SPI only, a thousand rows in memory at a time. Errors are PostgreSQL's.
 */
#ifndef CAMPAIGN_PROOF_ROWS_H
#define CAMPAIGN_PROOF_ROWS_H

#include "postgres.h"

#include "executor/spi.h"

#include "contract/leaf.h"
#include "identity/cuid2.h"
#include "texts/filling.h"

/* After which message to begin; zeroed: with the first one. */
typedef struct RowsPosition
{
	MessageClass class;
	int64 seq;
} RowsPosition;

/* Seqs whose recipients were left out. */
typedef struct RowsGap
{
	int64 first;
	int64 behind;
} RowsGap;

typedef struct Rows
{
	char *campaign_id;
	RowsPosition last;			/* what was read last */
	LeafText message;			/* of those that have none of their own */
	bool own;					/* recipients may bring a text and attributes */
	Placeholders *placeholders; /* the message is filled for each of them; NULL: it is not */
	PlaceholdersText *filled;
	char *outcomes[MESSAGE_CLASSES]; /* what storing changes in attributes: JSON */
	Cuid2Series series;
	MemoryContext row_context; /* for the texts of one message */
	RowsGap *gaps;			   /* of the class that is read, in order */
	int gap_count;
	int gap; /* those before this one are passed */
	Portal portal;
	SPITupleTable *table;
	uint64 at;
	char identifier[CUID2_LENGTH_DEFAULT + 1];
} Rows;

/* Needs SPI_connect(); rows_close() before SPI_finish(). False if there is no such campaign. */
bool rows_open(Rows *rows, const char *campaign_id, RowsPosition after);

/* The next message; its texts are valid until the next call. False behind the last one. */
bool rows_next(Rows *rows, Leaf *leaf);

/* Wipes the secrets, too. */
void rows_close(Rows *rows);

#endif /* CAMPAIGN_PROOF_ROWS_H */
