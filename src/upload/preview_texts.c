/*
 * preview_texts.c - what the rows of a file would get from a campaign; see preview_texts.h.
 *
 * The attributes of a row are made once more from the file and become canonical JSON, as they would
 * on their way through a table: the text is the same to the byte.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "preview_texts.h"
#include "publish/attributes.h"

/* The attributes of the row at a place; NULL if it has none. */
static const char *attributes_of(TableFile *file, uint64 place, char *json)
{
	Size length = table_attributes(file->table, place, json);
	Datum attributes;

	if (length == 0)
		return NULL;
	json[length] = '\0';
	attributes = DirectFunctionCall1(
		jsonb_in, CStringGetDatum(pg_any_to_server(json, (int) length, PG_UTF8)));
	return attributes_canonical(DatumGetJsonbP(attributes));
}

/* Adds the numbers of a class; without a file they have no attributes. */
static void add_class(const PreviewTexts *texts, MessageClass class, const NumberList *numbers,
					  TableFile *file)
{
	char *json = file == NULL ? NULL : palloc(TABLE_JSON_SIZE + 1);
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "campaign preview", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(row_context);
	NumberListPlace at = number_list_begin(numbers);
	NumberListPlace at_place = {0};
	MeasureRecipient recipient = {.class = message_class_name(class),
								  .seq = texts->first_seqs[class]};
	uint64 digits;
	uint64 place;

	if (file != NULL)
		at_place = number_list_begin(&file->places[class]);
	while (number_list_next(&at, &digits))
	{
		recipient.phone_number = psprintf("+" UINT64_FORMAT, digits);
		if (file != NULL && number_list_next(&at_place, &place))
			recipient.attributes = attributes_of(file, place, json);
		measure_add(texts->measure, &recipient);
		recipient.seq++;
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row_context);
}

void preview_texts_list(const PreviewTexts *texts, const NumbersFile *file, MessageClass class)
{
	if (texts->measure == NULL)
		return;
	if (measure_is_filling(texts->measure))
		add_class(texts, class, &file->numbers, NULL);
	else
		measure_add_same(texts->measure, (int64) file->numbers.count);
}

void preview_texts_table(const PreviewTexts *texts, TableFile *file)
{
	if (texts->measure == NULL)
		return;
	if (!measure_is_filling(texts->measure))
	{
		measure_add_same(texts->measure, (int64) table_file_count(file));
		return;
	}
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		add_class(texts, (MessageClass) class, &file->numbers[class], file);
}
