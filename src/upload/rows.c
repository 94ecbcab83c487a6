/*
 * rows.c - the second half of an upload: numbers go to COPY in its binary format,
 * through the same callback that logical replication uses: COPY's speed without
 * a copy of the file.
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/copy.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "contract/message.h"
#include "numbers.h"
#include "rows.h"

#define BUFFER_SIZE 65536 /* bytes made ready for COPY at a time */
#define ROW_MAX		256	  /* bytes of one row in COPY's binary format */

typedef struct Rows
{
	NumberListPlace place;
	const RowAttributes *attributes; /* NULL: the rows have no such column */
	NumberListPlace attributes_place;
	int64 next_seq;
	char prefix[ROW_MAX]; /* of every row: field count, campaign_id, class */
	int prefix_length;

	char *buffer; /* what COPY has not taken yet */
	int buffer_start;
	int buffer_end;
	bool finished;
} Rows;

/* COPY's callback has no argument. */
static Rows *current_rows = NULL;

static int put_int16(char *out, int value)
{
	uint16 network = pg_hton16((uint16) value);

	memcpy(out, &network, sizeof(network));
	return sizeof(network);
}

static int put_int32(char *out, int32 value)
{
	uint32 network = pg_hton32((uint32) value);

	memcpy(out, &network, sizeof(network));
	return sizeof(network);
}

static int put_field(char *out, const char *data, int length)
{
	put_int32(out, length);
	memcpy(out + 4, data, length);
	return length + 4;
}

/* The header of COPY's binary format, from PostgreSQL's documentation of COPY. */
static int put_copy_header(char *out)
{
	static const char signature[11] = "PGCOPY\n\377\r\n";

	memcpy(out, signature, sizeof(signature));
	memset(out + sizeof(signature), 0, 8);
	return sizeof(signature) + 8;
}

/* jsonb in COPY's binary format: its version, and JSON. */
static int put_attributes(Rows *rows, char *out)
{
	uint64 place = 0;
	int length;

	if (!number_list_next(&rows->attributes_place, &place))
		elog(ERROR, "a row of the file has no place");
	length = (int) rows->attributes->write(rows->attributes->argument, place, out + 5);
	if (length == 0)
		return put_int32(out, -1);
	put_int32(out, length + 1);
	out[4] = 1;
	return length + 5;
}

static void put_row(Rows *rows, uint64 digits)
{
	char *out = rows->buffer + rows->buffer_end;
	uint64 seq = pg_hton64((uint64) rows->next_seq);
	char phone[NUMBER_DIGITS_MAX + 2] = "+";
	int length = rows->prefix_length;

	memcpy(out, rows->prefix, length);
	length += put_field(out + length, (const char *) &seq, sizeof(seq));
	length += put_field(out + length, phone, 1 + pg_ulltoa_n(digits, phone + 1));
	if (rows->attributes != NULL)
		length += put_attributes(rows, out + length);
	rows->buffer_end += length;
	rows->next_seq++;
}

static void fill_buffer(Rows *rows)
{
	uint64 digits;

	rows->buffer_start = rows->buffer_end = 0;
	while (!rows->finished && rows->buffer_end < BUFFER_SIZE)
	{
		if (number_list_next(&rows->place, &digits))
		{
			put_row(rows, digits);
		}
		else
		{
			rows->buffer_end += put_int16(rows->buffer + rows->buffer_end, -1);
			rows->finished = true;
		}
	}
	CHECK_FOR_INTERRUPTS();
}

static int copy_read(void *out, int minimum, int maximum)
{
	Rows *rows = current_rows;
	int copied = 0;

	while (copied < minimum)
	{
		int available = rows->buffer_end - rows->buffer_start;
		int length = Min(available, maximum - copied);

		if (available == 0)
		{
			if (rows->finished)
				break;
			fill_buffer(rows);
			continue;
		}
		memcpy((char *) out + copied, rows->buffer + rows->buffer_start, length);
		rows->buffer_start += length;
		copied += length;
	}
	return copied;
}

static void copy_from(Rows *rows)
{
	Relation relation = table_openrv(makeRangeVar("campaign", "recipients", -1), RowExclusiveLock);
	ParseState *pstate = make_parsestate(NULL);
	List *columns = list_make4(makeString("campaign_id"), makeString("class"), makeString("seq"),
							   makeString("phone_number"));
	List *more = rows->attributes != NULL ? lappend(columns, makeString("attributes")) : columns;
	List *options = list_make1(makeDefElem("format", (Node *) makeString("binary"), -1));
	CopyFromState copy;

	(void) addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock, NULL, false, false);
	PG_TRY();
	{
		current_rows = rows;
		copy = BeginCopyFrom(pstate, relation, NULL, NULL, false, copy_read, more, options);
		(void) CopyFrom(copy);
		EndCopyFrom(copy);
	}
	PG_FINALLY();
	{
		current_rows = NULL;
	}
	PG_END_TRY();
	table_close(relation, NoLock);
}

void rows_copy(const char *campaign_id, const char *class, int64 first_seq,
			   const NumberList *numbers, const RowAttributes *attributes)
{
	Rows *rows = palloc0(sizeof(Rows));
	Size row_max = ROW_MAX + (attributes != NULL ? attributes->size : 0);

	if (strlen(campaign_id) > MESSAGE_ID_MAX)
		elog(ERROR, "campaign id \"%s\" is longer than %d characters", campaign_id, MESSAGE_ID_MAX);
	rows->place = number_list_begin(numbers);
	rows->attributes = attributes;
	if (attributes != NULL)
		rows->attributes_place = number_list_begin(attributes->places);
	rows->next_seq = first_seq;
	rows->prefix_length = put_int16(rows->prefix, attributes != NULL ? 5 : 4);
	rows->prefix_length +=
		put_field(rows->prefix + rows->prefix_length, campaign_id, strlen(campaign_id));
	rows->prefix_length += put_field(rows->prefix + rows->prefix_length, class, strlen(class));
	rows->buffer = palloc(BUFFER_SIZE + row_max);
	rows->buffer_end = put_copy_header(rows->buffer);
	copy_from(rows);
}
