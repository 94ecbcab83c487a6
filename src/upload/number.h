/*
 * number.h - reads one field as one phone number: a line of a plain list, or a cell of a table.
 *
 * Pure: no PostgreSQL header, no allocation. What is certain is understood, whatever dress it
 * comes in; what is not is refused with a reason, and never stored as another number.
 */
#ifndef CAMPAIGN_NUMBER_H
#define CAMPAIGN_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "countries.h"

/* E.164 as accepted here: country code and number, the first digit not 0. */
#define NUMBER_DIGITS_MIN 8
#define NUMBER_DIGITS_MAX 15

/* A longer field is no number. */
#define NUMBER_FIELD_MAX 512 /* bytes */

/* A reason with its excerpt, in bytes with the NUL: always valid, printable UTF-8. */
#define NUMBER_REASON_SIZE 256

/* How numbers without + or 00 are meant. */
typedef struct NumberRules
{
	int country; /* they are national ones of this country; COUNTRY_NONE: international ones */
} NumberRules;

typedef struct Number
{
	int64_t line; /* set by numbers_next() only */

	/* NUMBER_VALID: "+5511987654321" with its NUL, and the digits as a number. */
	char text[NUMBER_DIGITS_MAX + 2];
	int text_length;
	uint64_t digits;
	int country;  /* place in `countries`; COUNTRY_NONE: +1 with an area code that is not known */
	bool assumed; /* neither +, 00 nor a country said that it is international */

	/* NUMBER_INVALID: what is wrong, for a person. */
	char reason[NUMBER_REASON_SIZE];
} Number;

typedef enum NumberResult
{
	NUMBER_BLANK, /* nothing to see in it, or only the separators of empty columns */
	NUMBER_VALID,
	NUMBER_INVALID
} NumberResult;

/* "BR", "55" or "+55"; NULL, "" and "none": no country. False, and no country: there is none such.
 */
bool number_rules_set(NumberRules *rules, const char *country);

/*
 * One field of `length` bytes, UTF-8. Taken off: blanks, quotes, the apostrophe and ="…" of
 * spreadsheets, empty columns behind it, tel: and sms:, what WhatsApp puts behind a number, the
 * trunk 0 behind a country code, and a final ".0". Columns in a reason are characters of the
 * field, from 1. `line` is left as it is.
 */
NumberResult number_read(const NumberRules *rules, const char *field, size_t length,
						 Number *number);

#endif /* CAMPAIGN_NUMBER_H */
