/*
 * utf8.h - UTF-8: the characters of a text, and any bytes made into a text.
 *
 * Pure. RFC 3629: no overlong forms, no surrogates.
 */
#ifndef CAMPAIGN_CONTRACT_UTF8_H
#define CAMPAIGN_CONTRACT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No character: the bytes are not UTF-8. */
#define UTF8_WRONG UINT32_MAX

/*
 * The character at *at, and moves *at behind it; 0 at the end of the text, where
 * *at stays. UTF8_WRONG for bytes that are not UTF-8; *at moves one byte on.
 */
uint32_t utf8_next(const char **at);

/* The same for bytes that end at `end`, which *at has not reached; 0 is a NUL byte. */
uint32_t utf8_next_before(const char **at, const char *end);

/* Writes a character, of 4 bytes at most; returns how many. */
size_t utf8_put(uint32_t c, char *out);

/* The whole text is UTF-8. */
bool utf8_check(const char *text);

/* It would end a line, or change how the text around it is read or shown. */
bool utf8_is_control(uint32_t character);

/* There is nothing to see of it: a space, a line break, or what has no width. */
bool utf8_is_blank(uint32_t character);

/*
 * Makes `length` bytes, which may be anything, one line of UTF-8 that any log and
 * any database accepts: NUL bytes and control characters become blanks, bytes that
 * are not UTF-8 question marks; what does not fit into `size` bytes, with the NUL,
 * is cut off between two characters. `out` may be `bytes`. Returns its length.
 */
size_t utf8_clean(char *out, size_t size, const char *bytes, size_t length);

#endif /* CAMPAIGN_CONTRACT_UTF8_H */
