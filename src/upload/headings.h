/*
 * headings.h - what the heading of a column says: is it that of the numbers, in
 * Portuguese, English or Spanish, or with a German or Italian word? And what an attribute of that
 * name is called.
 *
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_HEADINGS_H
#define CAMPAIGN_HEADINGS_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a column's name; what is longer is cut off between two characters. */
#define HEADING_NAME_MAX 100

/* Bytes of a heading. A longer cell is none: it may be a whole file without a line end. */
#define HEADING_MAX 256

typedef enum HeadingMeaning
{
	HEADING_OTHER,
	HEADING_NUMBER,		  /* "Telefone", "mobile phone" … */
	HEADING_LIKE_NUMBER,  /* "Fone res.", "Celular do cliente" …: such a word, and whose it is */
	HEADING_MAYBE_NUMBER, /* "Número" may also be that of a house: if no other says more */
	HEADING_NO_NUMBER,	  /* "id", "CPF" …: digits that are never a phone number */
	HEADING_PART,		  /* "DDD" …: a part of a number, in a column of its own */
	HEADING_CLASS,		  /* "class", "tier" … */
	HEADING_ATTRIBUTE	  /* "Nome", "city" …: a heading, and nothing more */
} HeadingMeaning;

/* Case, accents, blanks and punctuation do not matter. */
HeadingMeaning heading_meaning(const char *heading, size_t length);

/* Whether a word of a phone is in it, beside whatever else: "Alternate phone". */
bool heading_mentions_number(const char *heading, size_t length);

/* Whether it says that its numbers get no SMS: "Telefone fixo". */
bool heading_is_of_landlines(const char *heading, size_t length);

/* Whether two headings are the same but for case, accents, blanks and punctuation. */
bool heading_is(const char *heading, size_t length, const char *name, size_t name_length);

/*
 * The name of an attribute under this heading, which MongoDB can hold: without
 * dots, a leading '$', control characters and blanks at its ends. Not NUL-terminated; returns
 * its length, 0 for a heading without a name, -1 for one that is not UTF-8.
 */
int heading_name(const char *heading, size_t length, char out[HEADING_NAME_MAX]);

#endif /* CAMPAIGN_HEADINGS_H */
