/*
 * segments.h - how many SMS a text is: GSM 7-bit if all of its characters are in that alphabet,
 * else UCS-2 (3GPP TS 23.038, and TS 23.040 for texts of several segments).
 *
 * Pure: no allocation, no locale, no I/O.
 */
#ifndef CAMPAIGN_TEXTS_SEGMENTS_H
#define CAMPAIGN_TEXTS_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum SegmentsEncoding
{
	SEGMENTS_GSM7,
	SEGMENTS_UCS2
} SegmentsEncoding;

/* Units of a text that is one segment, and of each one of several: those have a header. */
#define SEGMENTS_GSM7_SINGLE 160
#define SEGMENTS_GSM7_EACH	 153
#define SEGMENTS_UCS2_SINGLE 70
#define SEGMENTS_UCS2_EACH	 67

typedef struct Segments
{
	SegmentsEncoding encoding;
	int units; /* septets, or 16-bit units */
	int segments;
} Segments;

/* "GSM-7" or "UCS-2". */
const char *segments_encoding_name(SegmentsEncoding encoding);

/* Septets of a character in the GSM 7-bit alphabet: 1, 2 with its extension, 0 if it is not in it.
 */
int segments_septets(uint32_t character);

/*
 * A character's spelling in the GSM 7-bit alphabet, which may be empty, such as "a" for U+00E1;
 * NULL if there is none that a reader would take for the same.
 */
const char *segments_plain(uint32_t character);

/* The next character of UTF-8; UTF8_WRONG for a byte that begins none. Moves *at behind it. */
uint32_t segments_next(const char **at);

/* Counts a text of UTF-8, which ends with a NUL: as it is, or with plain spellings if `plain`. */
Segments segments_count(const char *text, bool plain);

#endif /* CAMPAIGN_TEXTS_SEGMENTS_H */
