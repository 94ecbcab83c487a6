/*
 * number_types.h - a phone number, and how those without a country code are meant: the words that
 * everything that reads numbers shares.
 */
#ifndef CAMPAIGN_NUMBER_TYPES_H
#define CAMPAIGN_NUMBER_TYPES_H

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
	const Country *home; /* they are national ones of this country; NULL: international ones */
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

#endif /* CAMPAIGN_NUMBER_TYPES_H */
