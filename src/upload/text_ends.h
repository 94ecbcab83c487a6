/*
 * text_ends.h - what stands at the ends of a text file and is no part of it: a byte order mark, and
 * Ctrl-Z, the end mark of DOS.
 */
#ifndef CAMPAIGN_TEXT_ENDS_H
#define CAMPAIGN_TEXT_ENDS_H

#include <stddef.h>
#include <string.h>

/* Where the text begins. */
static inline size_t text_start(const char *data, size_t length)
{
	return length >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

/* The length without one end mark. */
static inline size_t text_length(const char *data, size_t length)
{
	return length > 0 && data[length - 1] == '\x1A' ? length - 1 : length;
}

#endif /* CAMPAIGN_TEXT_ENDS_H */
