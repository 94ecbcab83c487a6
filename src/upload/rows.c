/*
 * rows.c - the second half of an upload: numbers become rows of campaign.recipients.
 *
 * Written as COPY writes, many at a time, but without COPY's input functions: a row's number
 * is its only value that has to be made.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "contract/message.h"
#include "numbers.h"
#include "rows.h"

#define BATCH_ROWS	1000
#define BATCH_BYTES 65536

/* The columns of campaign.recipients. */
enum
{
	COLUMN_CAMPAIGN_ID,
	COLUMN_CLASS,
	COLUMN_SEQ,
	COLUMN_PHONE_NUMBER,
	COLUMN_TEXT,
	COLUMN_ATTRIBUTES,
	COLUMNS
};

typedef struct Rows
{
	NumberListPlace place;
	const RowAttributes *attributes; /* NULL: no row has any */
	NumberListPlace attributes_place;
	char *json;			   /* room for the attributes of a row */
	Datum values[COLUMNS]; /* of the row that is next; the first two never change */
	bool nulls[COLUMNS];

	Relation relation;
	EState *estate;
	ResultRelInfo *target;
	BulkInsertState bulk;
	MemoryContext batch; /* what the rows of a batch are made of */
	TupleTableSlot *slots[BATCH_ROWS];
	int count;
	Size bytes;
	bool constrained; /* by more than NOT NULL */
} Rows;

/* Nothing here fires a trigger: an import that passes over one would be wrong silently. */
static void require_no_triggers(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];

		if (TRIGGER_FOR_INSERT(trigger->tgtype) && trigger->tgenabled != TRIGGER_DISABLED)
			ereport(
				ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("campaign.recipients has the trigger \"%s\" for INSERT, which an upload "
						"does not fire",
						trigger->tgname),
				 errhint("Disable it, or wait for the end of what has made it.")));
	}
}

static void open_table(Rows *rows)
{
	TupleDesc descriptor;

	rows->relation = table_openrv(makeRangeVar("campaign", "recipients", -1), RowExclusiveLock);
	descriptor = RelationGetDescr(rows->relation);
	if (descriptor->natts != COLUMNS)
		elog(ERROR, "campaign.recipients has %d columns", descriptor->natts);
	require_no_triggers(rows->relation);
	rows->estate = CreateExecutorState();
	rows->target = makeNode(ResultRelInfo);
	InitResultRelInfo(rows->target, rows->relation, 0, NULL, 0);
	ExecOpenIndices(rows->target, false);
	rows->constrained = descriptor->constr != NULL && descriptor->constr->num_check > 0;
	rows->bulk = GetBulkInsertState();
	rows->batch =
		AllocSetContextCreate(CurrentMemoryContext, "rows of an upload", ALLOCSET_DEFAULT_SIZES);
}

static void close_table(Rows *rows)
{
	for (int i = 0; i < BATCH_ROWS && rows->slots[i] != NULL; i++)
		ExecDropSingleTupleTableSlot(rows->slots[i]);
	FreeBulkInsertState(rows->bulk);
	table_finish_bulk_insert(rows->relation, 0);
	ExecCloseIndices(rows->target);
	FreeExecutorState(rows->estate);
	MemoryContextDelete(rows->batch);
	table_close(rows->relation, NoLock);
}

static void insert_into_indexes(Rows *rows, TupleTableSlot *slot)
{
	ResetPerTupleExprContext(rows->estate);
#if PG_VERSION_NUM >= 160000
	list_free(
		ExecInsertIndexTuples(rows->target, slot, rows->estate, false, false, NULL, NIL, false));
#else
	list_free(ExecInsertIndexTuples(rows->target, slot, rows->estate, false, false, NULL, NIL));
#endif
}

static void write_batch(Rows *rows)
{
	MemoryContext before = MemoryContextSwitchTo(rows->batch);

	table_multi_insert(rows->relation, rows->slots, rows->count, GetCurrentCommandId(true), 0,
					   rows->bulk);
	for (int i = 0; i < rows->count; i++)
	{
		insert_into_indexes(rows, rows->slots[i]);
		ExecClearTuple(rows->slots[i]);
	}
	MemoryContextSwitchTo(before);
	MemoryContextReset(rows->batch);
	rows->count = 0;
	rows->bytes = 0;
	CHECK_FOR_INTERRUPTS();
}

static Datum phone_number(uint64 digits)
{
	text *phone = palloc(VARHDRSZ + 1 + NUMBER_DIGITS_MAX);
	char *at = VARDATA(phone);

	*at = '+';
	SET_VARSIZE(phone, VARHDRSZ + 1 + pg_ulltoa_n(digits, at + 1));
	return PointerGetDatum(phone);
}

/* The attributes of the next row as jsonb; false: it has none. */
static bool next_attributes(Rows *rows, Datum *value)
{
	uint64 place = 0;
	Size length;

	if (!number_list_next(&rows->attributes_place, &place))
		elog(ERROR, "a row of the file has no place");
	length = rows->attributes->write(rows->attributes->argument, place, rows->json);
	if (length == 0)
		return false;
	rows->json[length] = '\0';
	*value = DirectFunctionCall1(
		jsonb_in, CStringGetDatum(pg_any_to_server(rows->json, (int) length, PG_UTF8)));
	rows->bytes += VARSIZE_ANY(DatumGetPointer(*value));
	return true;
}

static void add_row(Rows *rows, uint64 digits)
{
	MemoryContext before = MemoryContextSwitchTo(rows->batch);
	TupleTableSlot *slot;

	rows->values[COLUMN_PHONE_NUMBER] = phone_number(digits);
	if (rows->attributes != NULL)
		rows->nulls[COLUMN_ATTRIBUTES] = !next_attributes(rows, &rows->values[COLUMN_ATTRIBUTES]);
	MemoryContextSwitchTo(before);

	if (rows->slots[rows->count] == NULL)
		rows->slots[rows->count] = table_slot_create(rows->relation, NULL);
	slot = rows->slots[rows->count++];
	memcpy(slot->tts_values, rows->values, sizeof(rows->values));
	memcpy(slot->tts_isnull, rows->nulls, sizeof(rows->nulls));
	ExecStoreVirtualTuple(slot);
	if (rows->constrained)
		ExecConstraints(rows->target, slot, rows->estate);
}

static void write_all(Rows *rows)
{
	uint64 digits;

	while (number_list_next(&rows->place, &digits))
	{
		add_row(rows, digits);
		rows->values[COLUMN_SEQ] = Int64GetDatum(DatumGetInt64(rows->values[COLUMN_SEQ]) + 1);
		if (rows->count == BATCH_ROWS || rows->bytes >= BATCH_BYTES)
			write_batch(rows);
	}
	if (rows->count > 0)
		write_batch(rows);
}

static Datum class_value(Relation relation, const char *class)
{
	Oid type = TupleDescAttr(RelationGetDescr(relation), COLUMN_CLASS)->atttypid;

	return DirectFunctionCall2(enum_in, CStringGetDatum(class), ObjectIdGetDatum(type));
}

void rows_write(const char *campaign_id, const char *class, int64 first_seq,
				const NumberList *numbers, const RowAttributes *attributes)
{
	Rows *rows = palloc0(sizeof(Rows));

	rows->place = number_list_begin(numbers);
	rows->attributes = attributes;
	if (attributes != NULL)
	{
		rows->attributes_place = number_list_begin(attributes->places);
		rows->json = palloc(attributes->size + 1);
	}
	open_table(rows);
	rows->values[COLUMN_CAMPAIGN_ID] = CStringGetTextDatum(campaign_id);
	rows->values[COLUMN_CLASS] = class_value(rows->relation, class);
	rows->values[COLUMN_SEQ] = Int64GetDatum(first_seq);
	rows->nulls[COLUMN_TEXT] = true;
	rows->nulls[COLUMN_ATTRIBUTES] = true;
	write_all(rows);
	close_table(rows);
	pfree(rows);
}
