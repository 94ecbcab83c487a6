/*
 * encoding.h - UTF-16 and Windows-1252 into UTF-8, for a numbers file whose encoding
 * is named.
 *
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_ENCODING_H
#define CAMPAIGN_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Encoding
{
	ENCODING_UTF8,
	ENCODING_UTF16,	  /* its byte order mark decides; without one, little-endian */
	ENCODING_UTF16LE, /* a byte order mark is left out */
	ENCODING_UTF16BE,
	ENCODING_WINDOWS1252
} Encoding;

/* A byte is three in UTF-8 at most; two of UTF-16 too. */
#define ENCODING_GROWTH 3

/* "UTF-16", "windows-1252", "latin1" … in any case, with or without punctuation. */
bool encoding_of_name(const char *name, Encoding *encoding);

/*
 * Writes UTF-8 into `out`, which has ENCODING_GROWTH bytes for each of `data`, and sets
 * *length. False: *length is the place of the first byte that has no meaning.
 */
bool encoding_decode(Encoding encoding, const char *data, size_t size, char *out, size_t *length);

#endif /* CAMPAIGN_ENCODING_H */
