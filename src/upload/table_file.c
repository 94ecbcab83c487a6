/*
 * table_file.c - both halves of an upload of a table: reading it, and its rows.
 *
 * The attributes of a row are read twice, when the file is checked and when it is
 * stored: between the two, a row is its number and its place in the file.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "miscadmin.h"

#include "rows.h"
#include "table_file.h"

#define ROW_TYPICAL 40 /* bytes of a row, to guess how many there are */

void table_file_pause(void)
{
	CHECK_FOR_INTERRUPTS();
}

void table_file_open(TableFile *file)
{
	file->table = palloc0(sizeof(Table));
	file->wanted.pause = table_file_pause;
	if (!table_begin(file->table, file->data, file->length, file->format, &file->wanted))
	{
		const Columns *columns = &file->table->columns;

		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("numbers file refused, nothing was stored: %s",
							   pg_any_to_server(file->table->columns.problem,
												(int) strlen(columns->problem), PG_UTF8)),
						columns->hint == NULL ? 0 : errhint("%s", columns->hint)));
	}
}

MessageClass table_file_class(const TableFile *file, TableClass class)
{
	switch (class)
	{
		case TABLE_CLASS_VIP:
			return MESSAGE_CLASS_VIP;
		case TABLE_CLASS_NORMAL:
			return MESSAGE_CLASS_NORMAL;
		default:
			return file->class;
	}
}

static void take_row(TableFile *file, const TableRow *row)
{
	MessageClass class = table_file_class(file, row->class);

	found_countries_add(&file->found, &row->number);
	if (file->bad.count > 0 && !file->skip_invalid)
		return;
	if (!file->allow_duplicates && !number_set_add(&file->seen, row->number.digits))
	{
		file->duplicates++;
		return;
	}
	number_list_add(&file->numbers[class], row->number.digits);
	number_list_add(&file->places[class], row->place);
	file->with_attributes += row->json_length > 0;
}

void table_file_read(TableFile *file)
{
	TableRow *row = palloc(sizeof(TableRow));
	TableResult result;

	bad_lines_create(&file->bad);
	file->duplicates = 0;
	file->with_attributes = 0;
	memset(&file->found, 0, sizeof(file->found));
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
	{
		number_list_create(&file->numbers[class]);
		number_list_create(&file->places[class]);
	}
	if (!file->allow_duplicates)
		number_set_create(&file->seen, file->length / ROW_TYPICAL);
	table_file_open(file);
	while ((result = table_next(file->table, row)) != TABLE_END)
	{
		if (result == TABLE_VALID)
			take_row(file, row);
		else
			bad_lines_add(&file->bad, &row->number);
	}
	pfree(row);
}

uint64 table_file_count(const TableFile *file)
{
	uint64 count = 0;

	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		count += file->numbers[class].count;
	return count;
}

static void drop_marked(TableFile *file, NumberList *numbers, NumberList *places)
{
	NumberListPlace at = number_list_begin(numbers);
	NumberListPlace at_place = number_list_begin(places);
	NumberList kept;
	NumberList kept_places;
	uint64 digits;
	uint64 place;

	number_list_create(&kept);
	number_list_create(&kept_places);
	while (number_list_next(&at, &digits) && number_list_next(&at_place, &place))
	{
		if (number_set_is_marked(&file->seen, digits))
			continue;
		number_list_add(&kept, digits);
		number_list_add(&kept_places, place);
	}
	file->duplicates += (int64) (numbers->count - kept.count);
	*numbers = kept;
	*places = kept_places;
}

void table_file_drop_marked(TableFile *file)
{
	if (file->seen.marked == 0)
		return;
	for (int class = 0; class < MESSAGE_CLASSES; class ++)
		drop_marked(file, &file->numbers[class], &file->places[class]);
}

static Size write_attributes(void *argument, uint64 place, char *out)
{
	TableFile *file = argument;

	return table_attributes(file->table, place, out);
}

void table_file_store(TableFile *file, const char *campaign_id, MessageClass class, int64 first_seq)
{
	RowAttributes attributes = {.places = &file->places[class],
								.write = write_attributes,
								.argument = file,
								.size = TABLE_JSON_SIZE};

	rows_write(campaign_id, message_class_name(class), first_seq, &file->numbers[class],
			   file->with_attributes > 0 ? &attributes : NULL);
}
