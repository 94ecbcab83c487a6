/*
 * countries.h - what the numbering plans of the world say: calling codes, the lengths that are
 * possible behind them, and whose a number is.
 *
 * The tables are Google's libphonenumber metadata, written into country_table.c by countries.py.
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_COUNTRIES_H
#define CAMPAIGN_COUNTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTRY_NONE		 (-1)
#define COUNTRY_CODE_NONE	 255
#define COUNTRY_CODE_DIGITS	 3 /* of the longest calling code, and what tells any of them */
#define COUNTRY_NAME_SIZE	 5 /* "BR", or "+870" where no country has the code */
#define COUNTRY_CODE_NANP	 1
#define COUNTRY_AREA_DIGITS	 3 /* of an area code behind +1 */
#define COUNTRIES_MAX		 320
#define COUNTRY_LENGTHS_SIZE 64 /* of country_lengths() */

typedef struct Country
{
	char name[COUNTRY_NAME_SIZE];
	uint8_t code;	  /* its place in country_codes */
	char trunk[3];	  /* dialled before a national number: "0", "1", "8", "06"; "": nothing */
	char abroad[5];	  /* dialled before a call abroad: "00", "011"; "": several, or not known */
	uint16_t lengths; /* bit n: fixed and mobile numbers of n digits, with their area code */
	uint16_t mobile;  /* bit n: mobile numbers of n digits */
} Country;

typedef struct CountryCode
{
	uint16_t calling;
	uint16_t first_country; /* the main one, whose rules hold for all of them */
	uint16_t possible;		/* bit n: n digits are possible behind the code */
	uint16_t first_prefix;
	uint16_t prefix_count;
	uint8_t digits; /* of the code */
	uint8_t country_count;
} CountryCode;

/* The first two digits of its numbers: bit n % 32 of word n / 32 for the digits n. */
typedef struct CountryStarts
{
	uint32_t fixed[4];
	uint32_t mobile[4];
} CountryStarts;

/* Leading digits behind a shared calling code that belong to another country than the main one. */
typedef struct CountryPrefix
{
	char digits[7];
	uint16_t country;
} CountryPrefix;

extern const char country_table_version[];
extern const Country countries[];
extern const int countries_count;
extern const CountryCode country_codes[];
extern const CountryStarts country_starts[]; /* in the order of country_codes */
extern const int country_codes_count;
extern const CountryPrefix country_prefixes[];
extern const uint8_t country_code_of[1000];
extern const uint32_t digit_zeros[];
extern const size_t digit_zeros_count;

/* By ISO code in any case ("BR") or calling code ("55", "+55"); COUNTRY_NONE if there is no such
 * country.
 */
int country_find(const char *name);

/* The calling code that these digits begin with, at least three of them; NULL: none does. */
static inline const CountryCode *country_code_find(const char *digits)
{
	int first = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
	uint8_t place = country_code_of[first];

	return place == COUNTRY_CODE_NONE ? NULL : &country_codes[place];
}

static inline bool country_length_is_possible(uint16_t lengths, size_t digits)
{
	return digits < 16 && (lengths >> digits & 1) != 0;
}

/* Whether numbers that begin with the first two of these digits exist there. */
static inline bool country_starts_with(const uint32_t starts[4], const char *digits)
{
	unsigned int first = (unsigned int) (digits[0] - '0') * 10 + (unsigned int) (digits[1] - '0');

	return (starts[first / 32] >> first % 32 & 1) != 0;
}

/* Whether a 0 in front of a national number is dialled inside the country only. */
static inline bool country_drops_zero(const CountryCode *code)
{
	const char *trunk = countries[code->first_country].trunk;

	return trunk[0] == '0' && trunk[1] == '\0';
}

/* Whose number this is; `national`: the digits behind the code. COUNTRY_NONE: +1, no such area. */
int country_of(const CountryCode *code, const char *national, size_t length);

/* "8, 9 or 10": the lengths of a mask, for a person. */
const char *country_lengths(uint16_t lengths, char out[COUNTRY_LENGTHS_SIZE]);

#endif /* CAMPAIGN_COUNTRIES_H */
