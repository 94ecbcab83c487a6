/*
 * dotenv.h - the lines of a .env file.
 */
#ifndef CAMPAIGN_PROGRAM_DOTENV_H
#define CAMPAIGN_PROGRAM_DOTENV_H

#include <stdbool.h>

#include "contract/error.h"

typedef enum DotenvLine
{
	DOTENV_EMPTY, /* blank or a comment */
	DOTENV_PAIR,
	DOTENV_WRONG
} DotenvLine;

/*
 * Takes one line apart, in place: KEY=value, with "export " in front, spaces
 * around, 'literal' or "escaped" quotes, a comment behind, CR at the end. For
 * DOTENV_WRONG *reason says why, without showing the value.
 */
DotenvLine dotenv_line(char *line, char **key, char **value, const char **reason);

/* Called for each pair; `origin` is "file:line". False stops the reading. */
typedef bool (*DotenvPair)(void *argument, const char *key, const char *value, const char *origin,
						   Error *error);

/*
 * Reads a file. A missing one is fine unless it is `required`. False with
 * ERROR_CONFIG and one line naming file:line.
 */
bool dotenv_read(const char *path, bool required, DotenvPair pair, void *argument, Error *error);

#endif /* CAMPAIGN_PROGRAM_DOTENV_H */
