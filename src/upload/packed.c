/*
 * packed.c - campaign.packed_recipients: a thousand numbers in a row, eight bytes
 * each, so that adding one number to a million does not read a million rows.
 *
 * Only a copy of what campaign.recipients holds, whose rows never change. Each
 * class is packed from seq 1 up to some seq, and what comes after is read as
 * rows: a draft with few packed numbers or none (a small or a restored one) is
 * compared like any other. Only speed may depend on this.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "contract/message.h"
#include "packed.h"

#define PACKED_NUMBERS	  1000	/* of a row, which fills a page */
#define PACKED_WORTH	  10000 /* fewer stay rows; sql/20_campaigns.sql knows this number */
#define PACKED_WRITE_ROWS 128	/* at a time */

/* campaign.packed_recipients.numbers of a row that is being made. */
typedef struct PackedRow
{
	char header[VARHDRSZ];
	char digits[PACKED_NUMBERS * sizeof(uint64)];
} PackedRow;

void packed_create(Packed *packed, Datum campaign_id, Datum class)
{
	packed->campaign_id = campaign_id;
	packed->class = class;
	packed->until = 0;
	packed->preview = false;
	number_list_create(&packed->loose);
}

/* Both tables begin with campaign_id, class and a seq, their key, and the numbers follow. */
#define KEY_COLUMNS	   3
#define COLUMN_SEQ	   3
#define COLUMN_NUMBERS 4

typedef void (*Take)(Packed *packed, NumberSet *seen, int64 seq, Datum numbers);

/*
 * Calls take() for each row of the class that is not packed yet. Without SPI: a
 * plan costs more than reading a small draft, and may trust wrong statistics.
 */
static void read_rows(Packed *packed, char *table, char *key, Take take, NumberSet *seen)
{
	Relation relation = table_openrv(makeRangeVar("campaign", table, -1), AccessShareLock);
	Relation index = relation_openrv(makeRangeVar("campaign", key, -1), AccessShareLock);
	TupleDesc descriptor = RelationGetDescr(relation);
	ScanKeyData keys[KEY_COLUMNS];
	SysScanDesc scan;
	HeapTuple tuple;

	ScanKeyEntryInitialize(&keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID,
						   F_TEXTEQ, packed->campaign_id);
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_ENUM_EQ, packed->class);
	ScanKeyInit(&keys[2], COLUMN_SEQ, BTGreaterStrategyNumber, F_INT8GT,
				Int64GetDatum(packed->until));
	scan = systable_beginscan_ordered(relation, index, GetActiveSnapshot(), KEY_COLUMNS, keys);
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL)
	{
		bool isnull;
		int64 seq = DatumGetInt64(heap_getattr(tuple, COLUMN_SEQ, descriptor, &isnull));

		take(packed, seen, seq, heap_getattr(tuple, COLUMN_NUMBERS, descriptor, &isnull));
		CHECK_FOR_INTERRUPTS();
	}
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	table_close(relation, NoLock);
}

/* A row behind a hole is not used: everything from the hole on is read from recipients. */
static void take_packed(Packed *packed, NumberSet *seen, int64 first_seq, Datum value)
{
	bytea *numbers = DatumGetByteaPP(value);
	int count = (int) (VARSIZE_ANY_EXHDR(numbers) / sizeof(uint64));
	const char *at = VARDATA_ANY(numbers);

	if (first_seq != packed->until + 1)
		return;
	for (int i = 0; i < count; i++, at += sizeof(uint64))
	{
		uint64 digits;

		memcpy(&digits, at, sizeof(digits));
		number_set_mark(seen, pg_ntoh64(digits));
	}
	packed->until += count;
}

static void take_loose(Packed *packed, NumberSet *seen, int64 seq, Datum value)
{
	text *phone = DatumGetTextPP(value);
	const char *at = VARDATA_ANY(phone);
	const char *end = at + VARSIZE_ANY_EXHDR(phone);
	uint64 digits = 0;

	for (at++; at < end; at++)
		digits = digits * 10 + (uint64) (*at - '0');
	number_set_mark(seen, digits);
	number_list_add(&packed->loose, digits);
}

/* One row from the list's next numbers; false if none is left. */
static bool make_row(PackedRow *row, NumberListPlace *place)
{
	uint64 digits;
	int count = 0;

	while (count < PACKED_NUMBERS && number_list_next(place, &digits))
	{
		digits = pg_hton64(digits);
		memcpy(row->digits + count++ * sizeof(digits), &digits, sizeof(digits));
	}
	SET_VARSIZE(row, VARHDRSZ + count * sizeof(uint64));
	return count > 0;
}

static void insert_rows(const Packed *packed, int64 first_seq, Datum *rows, int count)
{
	ArrayType *numbers = construct_array(rows, count, BYTEAOID, -1, false, TYPALIGN_INT);
	Oid types[5] = {TEXTOID, TEXTOID, INT8OID, INT8OID, BYTEAARRAYOID};
	Datum class = DirectFunctionCall1(enum_out, packed->class);
	Datum values[5] = {packed->campaign_id, CStringGetTextDatum(DatumGetCString(class)),
					   Int64GetDatum(first_seq - PACKED_NUMBERS), Int64GetDatum(PACKED_NUMBERS),
					   PointerGetDatum(numbers)};

	/* Rows behind a hole are there already. */
	if (SPI_execute_with_args(
			"INSERT INTO campaign.packed_recipients (campaign_id, class, first_seq, numbers)"
			" SELECT $1, $2::campaign.recipient_class,"
			" $3 OPERATOR(pg_catalog.+) (place OPERATOR(pg_catalog.*) $4), made.numbers"
			" FROM pg_catalog.unnest($5) WITH ORDINALITY AS made (numbers, place)"
			" ON CONFLICT (campaign_id, class, first_seq) DO UPDATE SET numbers = excluded.numbers",
			5, types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "recipients could not be packed");
	pfree(numbers);
}

/* Packs what is loose, if it is worth it: then nothing is loose any more. */
static void pack_loose(Packed *packed)
{
	NumberListPlace place = number_list_begin(&packed->loose);
	PackedRow *rows;
	Datum values[PACKED_WRITE_ROWS];
	int count;

	if (packed->loose.count < PACKED_WORTH || packed->preview)
		return;
	SPI_connect();
	rows = palloc(PACKED_WRITE_ROWS * sizeof(PackedRow));
	for (int64 first_seq = packed->until + 1;; first_seq += (int64) count * PACKED_NUMBERS)
	{
		for (count = 0; count < PACKED_WRITE_ROWS && make_row(&rows[count], &place); count++)
			values[count] = PointerGetDatum(&rows[count]);
		if (count == 0)
			break;
		insert_rows(packed, first_seq, values, count);
	}
	SPI_finish();
	packed->until += (int64) packed->loose.count;
	number_list_clear(&packed->loose);
}

static void compare_class(Packed *packed, NumberSet *seen)
{
	read_rows(packed, "packed_recipients", "packed_recipients_pkey", take_packed, seen);
	read_rows(packed, "recipients", "recipients_pkey", take_loose, seen);
	pack_loose(packed);
}

void packed_compare(Packed *packed, Oid class_type, NumberSet *seen)
{
	static const char *const names[MESSAGE_CLASSES] = {"VIP", "NORMAL"};

	compare_class(packed, seen);
	for (int i = 0; i < MESSAGE_CLASSES; i++)
	{
		Packed other;

		packed_create(
			&other, packed->campaign_id,
			DirectFunctionCall2(enum_in, CStringGetDatum(names[i]), ObjectIdGetDatum(class_type)));
		other.preview = packed->preview;
		if (DatumGetObjectId(other.class) != DatumGetObjectId(packed->class))
			compare_class(&other, seen);
	}
}

void packed_append(Packed *packed, const NumberList *numbers)
{
	NumberListPlace place = number_list_begin(numbers);
	uint64 digits;

	/* Most drafts get one file. The next one finds these as rows, and packs them. */
	if (packed->until == 0 && packed->loose.count == 0)
		return;
	if (packed->loose.count + numbers->count < PACKED_WORTH)
		return;
	while (number_list_next(&place, &digits))
		number_list_add(&packed->loose, digits);
	pack_loose(packed);
}
