/*
 * utf8.h - the characters of a text, one after the other.
 */
#ifndef CAMPAIGN_MAILER_UTF8_H
#define CAMPAIGN_MAILER_UTF8_H

#include <stdbool.h>
#include <stdint.h>

/* No character: the bytes are not UTF-8. */
#define UTF8_WRONG UINT32_MAX

/*
 * The character at *at, and moves *at behind it; 0 at the end of the text, where
 * *at stays. UTF8_WRONG for bytes that are no UTF-8 (RFC 3629: no overlong forms,
 * no surrogates); *at moves one byte on.
 */
uint32_t utf8_next(const char **at);

/* The whole text is UTF-8. */
bool utf8_check(const char *text);

/* It would end a line, or change how what stands around it is read or shown. */
bool utf8_is_control(uint32_t character);

#endif /* CAMPAIGN_MAILER_UTF8_H */
