/*
 * document.h - BSON elements (bsonspec.org, version 1.1) written straight into
 * a buffer. Each function writes one element at `at` and returns the place
 * behind it; the caller keeps the room.
 */
#ifndef CAMPAIGN_CONSUMER_DOCUMENT_H
#define CAMPAIGN_CONSUMER_DOCUMENT_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *document_int32_bytes(uint8_t *at, uint32_t number)
{
	number = htole32(number);
	memcpy(at, &number, sizeof(number));
	return at + sizeof(number);
}

static inline uint8_t *document_int64_bytes(uint8_t *at, int64_t number)
{
	uint64_t bytes = htole64((uint64_t) number);

	memcpy(at, &bytes, sizeof(bytes));
	return at + sizeof(bytes);
}

static inline uint8_t *document_name(uint8_t *at, uint8_t type, const char *name)
{
	size_t size = strlen(name) + 1;

	*at++ = type;
	memcpy(at, name, size);
	return at + size;
}

static inline uint8_t *document_text(uint8_t *at, const char *name, const char *text, size_t length)
{
	at = document_name(at, 0x02, name);
	at = document_int32_bytes(at, (uint32_t) length + 1);
	memcpy(at, text, length);
	at[length] = 0;
	return at + length + 1;
}

static inline uint8_t *document_binary(uint8_t *at, const char *name, const uint8_t *bytes,
									   size_t length)
{
	at = document_name(at, 0x05, name);
	at = document_int32_bytes(at, (uint32_t) length);
	*at++ = 0x00; /* generic subtype */
	memcpy(at, bytes, length);
	return at + length;
}

/* A finished document, whose length stands in front of it. */
static inline uint8_t *document_inner(uint8_t *at, const char *name, const uint8_t *document)
{
	uint32_t length;

	memcpy(&length, document, sizeof(length));
	length = le32toh(length);
	at = document_name(at, 0x03, name);
	memcpy(at, document, length);
	return at + length;
}

static inline uint8_t *document_int64(uint8_t *at, const char *name, int64_t number)
{
	return document_int64_bytes(document_name(at, 0x12, name), number);
}

/* Milliseconds since 1970. */
static inline uint8_t *document_date(uint8_t *at, const char *name, int64_t milliseconds)
{
	return document_int64_bytes(document_name(at, 0x09, name), milliseconds);
}

static inline uint8_t *document_bool(uint8_t *at, const char *name, bool value)
{
	at = document_name(at, 0x08, name);
	*at++ = value;
	return at;
}

/* The length in front of a finished document. */
static inline void document_length(uint8_t *start, size_t length)
{
	(void) document_int32_bytes(start, (uint32_t) length);
}

#endif /* CAMPAIGN_CONSUMER_DOCUMENT_H */
