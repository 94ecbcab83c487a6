/*
 * option.h - what a setting is: name, flag, limits, default and help text, in a
 * table that each program has once, and the help made from it.
 */
#ifndef CAMPAIGN_PROGRAM_OPTION_H
#define CAMPAIGN_PROGRAM_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* After a URL's name or flag: the value is in a file. */
#define OPTION_FILE_SUFFIX		"_FILE"
#define OPTION_FILE_FLAG_SUFFIX "-file"

#define OPTIONS_MAX 48

typedef enum OptionKind
{
	OPTION_URL, /* a text that is secret: also from a file */
	OPTION_TEXT,
	OPTION_NUMBER, /* into an int */
	OPTION_WORD,   /* one of `words`; its place among them into an enum */
	OPTION_SWITCH  /* OPTION_NO_YES into an int; the flag alone means yes */
} OptionKind;

typedef struct Option
{
	const char *key;
	const char *flag;
	const char *argument; /* in the help; of words, all of them */
	const char *fallback; /* NULL: none, the setting is required */
	const char *help;
	OptionKind kind;
	size_t offset; /* in the program's Config */
	size_t size;
	long low;
	long high;
	const char *const *words; /* ends with NULL */
	bool is_command;		  /* the flag asks for something: never with an empty value */
} Option;

/* .offset and .size of a field in the program's Config. */
#define OPTION_PLACE(field) .offset = offsetof(Config, field), .size = sizeof(((Config *) 0)->field)

/* Every program that logs has these two, at the end of its table: LogFormat and LogLevel. */
#define OPTION_LOG_FORMAT                                                                          \
	{                                                                                              \
		"CAMPAIGN_LOG_FORMAT", "log-format", "auto|text|json", "auto",                             \
			"text, json, or auto: text on a terminal", OPTION_WORD, OPTION_PLACE(log_format),      \
			.words = OPTION_LOG_FORMATS                                                            \
	}
#define OPTION_LOG_LEVEL                                                                           \
	{                                                                                              \
		"CAMPAIGN_LOG_LEVEL", "log-level", "debug|info|warning|error", "info",                     \
			"log this level and what is worse", OPTION_WORD, OPTION_PLACE(log_level),              \
			.words = OPTION_LOG_LEVELS                                                             \
	}

extern const char *const OPTION_LOG_FORMATS[];
extern const char *const OPTION_LOG_LEVELS[];
extern const char *const OPTION_NO_YES[];

typedef struct OptionTable
{
	const char *program;
	const char *prefix; /* of names that only this program has: an unknown one is an error */
	const char *about;	/* what the program does, for the help */
	const char *check;	/* what --check does, for the help */
	const Option *options;
	size_t count; /* at most OPTIONS_MAX */
} OptionTable;

/*
 * The place in the table of an environment name, or of a flag without its
 * dashes; -1 if there is none. *is_file: it is the file form.
 */
int option_find(const OptionTable *table, const char *name, bool flag, bool *is_file);

/* The name in the table, or flag, that somebody may have meant by a mistyped one; NULL: none. */
const char *option_nearest(const OptionTable *table, const char *name, bool flag);

/* The text of --help. */
void option_print_help(const OptionTable *table, FILE *out);

#endif /* CAMPAIGN_PROGRAM_OPTION_H */
