/*
 * file.c - the first half of an upload: the whole file is read before anything is
 * written. A refused file costs only its reading, and leaves nothing behind.
 *
 * Only the parser (numbers.c) knows the file's format: it turns bytes into numbers
 * or reasons, one at a time.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "file.h"
#include "numbers.h"

#define LINE_TYPICAL 14 /* bytes of a line, to guess how many there are */

static void answer_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

static void take_number(NumbersFile *file, const Number *number)
{
	uint64 digits = number->digits;

	found_countries_add(&file->found, number);
	if (file->bad.count > 0 && !file->skip_invalid)
		return;
	if (file->allow_duplicates || number_set_add(&file->seen, digits))
		number_list_add(&file->numbers, digits);
	else
		file->duplicates++;
}

void file_read(NumbersFile *file, const char *data, Size length)
{
	NumbersParser parser;
	NumbersResult result;
	Number number;

	number_list_create(&file->numbers);
	bad_lines_create(&file->bad);
	file->duplicates = 0;
	memset(&file->found, 0, sizeof(file->found));
	if (!file->allow_duplicates)
		number_set_create(&file->seen, length / LINE_TYPICAL);

	numbers_open(&parser, &file->rules, data, length);
	parser.pause = answer_interrupts;
	while ((result = numbers_next(&parser, &number)) != NUMBERS_END)
	{
		if (result == NUMBERS_VALID)
			take_number(file, &number);
		else
			bad_lines_add(&file->bad, &number);
	}
}

static bool is_marked(const void *set, uint64 digits)
{
	return number_set_is_marked(set, digits);
}

void file_drop_marked(NumbersFile *file)
{
	if (file->seen.marked == 0)
		return;
	number_list_filter(&file->numbers, is_marked, &file->seen);
	file->duplicates += file->seen.marked;
}

void file_require(const NumbersFile *file)
{
	bad_lines_require(&file->bad, file->skip_invalid, file->numbers.count);
}
