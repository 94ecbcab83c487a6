/*
 * placeholders.h - texts with places for what is known of a recipient: {name}, or {name|default}.
 *
 * A backslash in front of a brace makes it a brace and nothing else; two backslashes in front of
 * one are a backslash. The worker, the proof and the check before the dispatch all fill a text with
 * placeholders_fill(), so that they agree to the byte. Pure: no allocation, no locale, no I/O.
 */
#ifndef CAMPAIGN_TEXTS_PLACEHOLDERS_H
#define CAMPAIGN_TEXTS_PLACEHOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/message.h"
#include "placeholder_parts.h"

/* What is wrong with a text. */
typedef struct PlaceholdersProblem
{
	const char *reason; /* a sentence without its end; never freed */
	size_t at;			/* byte of the text that it is about */
} PlaceholdersProblem;

/* Takes a UTF-8 text apart; false, with *problem, if its braces make no sense or it is too long. */
bool placeholders_parse(Placeholders *placeholders, const char *text, size_t length,
						PlaceholdersProblem *problem);

/* UTF-8 of which whoever gets it sees nothing: empty, or blanks only (utf8_is_blank()). */
bool placeholders_is_blank(PlaceholdersBytes bytes);

typedef enum PlaceholdersResult
{
	PLACEHOLDERS_FILLED,
	PLACEHOLDERS_MISSING,  /* no value, or an empty one, and no default */
	PLACEHOLDERS_NESTED,   /* the value is an object or an array */
	PLACEHOLDERS_TOO_LONG, /* longer than a message may be */
	PLACEHOLDERS_NO_JSON   /* these are no attributes */
} PlaceholdersResult;

/* A filled text. */
typedef struct PlaceholdersText
{
	char bytes[MESSAGE_TEXT_MAX_BYTES + 1]; /* UTF-8, ends with a NUL */
	size_t length;
	uint64_t present; /* bit i: the attributes have the key of part i, whatever its value */
	int failed;		  /* the part that could not be filled: MISSING, NESTED */
} PlaceholdersText;

/*
 * Fills a text from canonical attributes (contract/attributes.h); NULL: none. A string goes in as
 * it is, a number or a boolean as its JSON; null, an empty string and one of blanks only are no
 * value.
 */
PlaceholdersResult placeholders_fill(const Placeholders *placeholders, const char *attributes,
									 size_t attributes_length, PlaceholdersText *text);

#endif /* CAMPAIGN_TEXTS_PLACEHOLDERS_H */
