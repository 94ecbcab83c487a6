/*
 * lookalike.c - documents, dates and rounded numbers, recognised by how they are written.
 *
 * Their digits could be a number: only the punctuation tells.
 */
#include "lookalike.h"

#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Whether `text` is written like `form`, in which 9 stands for any digit. */
static bool has_form(const char *text, size_t length, const char *form)
{
	if (strlen(form) != length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (form[i] == '9' ? !is_digit(text[i]) : text[i] != form[i])
			return false;
	return true;
}

/* Reads digits from *at on: how many there are, and their value in *value. */
static size_t read_part(const char *text, size_t length, size_t *at, unsigned int *value)
{
	size_t start = *at;

	*value = 0;
	for (; *at < length && *at - start < 5 && is_digit(text[*at]); (*at)++)
		*value = *value * 10 + (unsigned int) (text[*at] - '0');
	return *at - start;
}

static bool is_day_and_month(unsigned int one, unsigned int other)
{
	return one >= 1 && other >= 1 && ((one <= 12 && other <= 31) || (one <= 31 && other <= 12));
}

/* Day, month and year in the usual orders, with or without a time behind them. */
static bool is_date(const char *text, size_t length)
{
	unsigned int values[3];
	size_t sizes[3];
	size_t at = 0;
	char separator = '\0';

	for (int part = 0; part < 3; part++)
	{
		if (part > 0)
		{
			if (at >= length || strchr("-/.", text[at]) == NULL ||
				(separator != '\0' && text[at] != separator))
				return false;
			separator = text[at++];
		}
		sizes[part] = read_part(text, length, &at, &values[part]);
	}
	if (at < length && text[at] != ' ' && text[at] != 'T')
		return false;
	if (at + 1 < length && !is_digit(text[at + 1]))
		return false;
	if (sizes[0] == 4)
		return (sizes[1] == 1 || sizes[1] == 2) && (sizes[2] == 1 || sizes[2] == 2) &&
			   values[0] >= 1900 && values[0] < 2100 && is_day_and_month(values[1], values[2]);
	return (sizes[0] == 1 || sizes[0] == 2) && (sizes[1] == 1 || sizes[1] == 2) &&
		   (sizes[2] == 2 || (sizes[2] == 4 && values[2] >= 1900 && values[2] < 2100)) &&
		   is_day_and_month(values[0], values[1]);
}

/* 5.51196E+12: the last digits are lost. */
static bool is_rounded(const char *text, size_t length)
{
	size_t at = 0;
	unsigned int value;
	size_t digits;

	if (read_part(text, length, &at, &value) != 1)
		return false;
	if (at < length && (text[at] == '.' || text[at] == ','))
		for (at++; at < length && is_digit(text[at]); at++)
			;
	if (at >= length || (text[at] != 'E' && text[at] != 'e'))
		return false;
	at++;
	if (at < length && text[at] == '+')
		at++;
	digits = read_part(text, length, &at, &value);
	return digits > 0 && at == length;
}

const char *lookalike_name(const char *text, size_t length, bool brazil)
{
	if (has_form(text, length, "999.999.999-99"))
		return "a CPF";
	if (brazil && has_form(text, length, "999999999-99"))
		return "a CPF";
	if (has_form(text, length, "99.999.999-99") || has_form(text, length, "99.999.999-9"))
		return "a document";
	if (has_form(text, length, "99-99999999-9") && strchr("23", text[0]) != NULL)
		return "a CUIT";
	if (has_form(text, length, "99.999.999/9999-99"))
		return "a CNPJ";
	if (brazil && (has_form(text, length, "99999-999") || has_form(text, length, "99.999-999")))
		return "a CEP";
	if (is_date(text, length))
		return "a date";
	if (is_rounded(text, length))
		return "a number that a spreadsheet has rounded (format the column as text)";
	return NULL;
}
