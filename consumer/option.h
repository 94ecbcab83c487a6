/*
 * option.h - the table of the consumer's settings: name, flag, limits, default
 * and help text of each, written once.
 */
#ifndef CAMPAIGN_CONSUMER_OPTION_H
#define CAMPAIGN_CONSUMER_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

/* Behind a URL's name or flag: the value stands in a file. */
#define OPTION_FILE_SUFFIX		"_FILE"
#define OPTION_FILE_FLAG_SUFFIX "-file"

typedef enum OptionKind
{
	OPTION_URL, /* required, secret, also from a file */
	OPTION_TEXT,
	OPTION_NUMBER,
	OPTION_FORMAT,
	OPTION_LEVEL
} OptionKind;

typedef struct Option
{
	const char *key;
	const char *flag;
	const char *argument;
	const char *fallback; /* NULL: none, the setting is required */
	const char *help;
	OptionKind kind;
	size_t offset; /* in Config */
	size_t size;
	long low;
	long high;
} Option;

#define OPTION_COUNT 11

extern const Option OPTIONS[OPTION_COUNT];

/*
 * The place in OPTIONS of an environment name, or of a flag without its dashes;
 * -1 if there is none. *is_file: it is the file form.
 */
int option_find(const char *name, bool flag, bool *is_file);

#endif /* CAMPAIGN_CONSUMER_OPTION_H */
