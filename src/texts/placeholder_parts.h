/*
 * placeholder_parts.h - a text with placeholders, taken apart: placeholders.c makes it.
 */
#ifndef CAMPAIGN_TEXTS_PLACEHOLDER_PARTS_H
#define CAMPAIGN_TEXTS_PLACEHOLDER_PARTS_H

#include <stddef.h>

#include "contract/message.h"

#define PLACEHOLDERS_MAX	  64  /* in a text */
#define PLACEHOLDERS_NAME_MAX 128 /* bytes of a name */

typedef struct PlaceholdersBytes
{
	const char *bytes;
	size_t length;
} PlaceholdersBytes;

typedef struct PlaceholdersPart
{
	PlaceholdersBytes before; /* text in front of the placeholder */
	PlaceholdersBytes name;
	PlaceholdersBytes key;		/* the name as a key in JSON, with its quotes */
	PlaceholdersBytes fallback; /* .bytes NULL: none */
} PlaceholdersPart;

/* A text, taken apart. Points into itself: must not be copied. */
typedef struct Placeholders
{
	PlaceholdersPart parts[PLACEHOLDERS_MAX];
	int count;
	PlaceholdersBytes rest; /* text behind the last placeholder */
	size_t used;			/* bytes of storage */
	char storage[MESSAGE_TEXT_MAX_BYTES + PLACEHOLDERS_MAX * (2 * PLACEHOLDERS_NAME_MAX + 2)];
} Placeholders;

#endif
