/*
 * characters.h - UTF-8, character by character, as people's files hold it.
 */
#ifndef CAMPAIGN_CHARACTERS_H
#define CAMPAIGN_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHARACTER_BAD UINT32_MAX

/* What a character is in a number. */
typedef enum CharacterKind
{
	CHARACTER_OTHER,
	CHARACTER_DIGIT,
	CHARACTER_BLANK,
	CHARACTER_INVISIBLE /* without meaning and without width */
} CharacterKind;

/*
 * Decodes one character and moves *at behind it; CHARACTER_BAD, and one byte
 * further, for what is not UTF-8 (overlong forms and surrogates included).
 */
uint32_t character_next(const char **at, const char *end);

/*
 * The kind of `c`, and in *plain how it would be written in ASCII: the digit of any script, '+',
 * '-' for dashes, '(' ')' '.' '/' for those of full width, quotes; what has no such form: '?'.
 */
CharacterKind character_kind(uint32_t c, char *plain);

/* False for what would be invisible in a report, or turn its text around. */
bool character_is_printable(uint32_t c);

#endif /* CAMPAIGN_CHARACTERS_H */
