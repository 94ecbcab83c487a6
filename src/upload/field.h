/*
 * field.h - a field in plain characters: what number.c reads, instead of bytes.
 */
#ifndef CAMPAIGN_FIELD_H
#define CAMPAIGN_FIELD_H

#include "number_types.h"

typedef struct Field
{
	const char *start; /* as it came */
	const char *end;

	/* What is left to read is text[from … to-1]: ASCII, '?' for what has no such form. */
	char text[NUMBER_FIELD_MAX + 1];
	uint16_t offset[NUMBER_FIELD_MAX]; /* of each character, in bytes from `start` */
	uint16_t column[NUMBER_FIELD_MAX]; /* of each character, in characters from 1 */
	size_t from;
	size_t to;
} Field;

/* False with the reason in `number`: too long, a NUL, or not UTF-8. Never a field of no bytes. */
bool field_decode(Field *field, const char *start, size_t length, Number *number);

/* Takes blanks, quotes and what else is no part of a number off both ends. True: WhatsApp's. */
bool field_undress(Field *field);

/* Refuses the character at `place`, shown as itself or, if that shows nothing, as U+XXXX. */
NumberResult field_refuse_character(const Field *field, size_t place, Number *number);

/*
 * Refuses a field without digits, with the beginning of it between quotes, and what is not
 * printable as '?': the report becomes JSON and is shown on terminals.
 */
NumberResult field_refuse_text(const Field *field, Number *number);

#endif /* CAMPAIGN_FIELD_H */
