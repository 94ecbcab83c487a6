/*
 * dotenv.c - the lines of a .env file; see dotenv.h.
 *
 * Must never expand variables or run anything: the file is read, not sourced.
 */
#include "dotenv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *skip_blanks(char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return at;
}

static bool only_comment(char *at)
{
	at = skip_blanks(at);
	return *at == '\0' || *at == '#';
}

static DotenvLine wrong(const char **reason, const char *text)
{
	*reason = text;
	return DOTENV_WRONG;
}

/* A name as shells allow it; returns its end, NULL if there is none. */
static char *key_end(char *at)
{
	if (!isalpha((unsigned char) *at) && *at != '_')
		return NULL;
	while (isalnum((unsigned char) *at) || *at == '_')
		at++;
	return at;
}

static char unescape(char c)
{
	switch (c)
	{
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return c;
	}
}

/* `at` is the opening quote; the value ends up in front of *value's end. */
static DotenvLine quoted(char *at, char **value, const char **reason)
{
	char quote = *at++;
	char *out = at;

	*value = out;
	while (*at != quote)
	{
		if (*at == '\0')
			return wrong(reason, "a quote is not closed");
		if (quote == '"' && *at == '\\' && at[1] != '\0')
		{
			*out++ = unescape(at[1]);
			at += 2;
		}
		else
			*out++ = *at++;
	}
	if (!only_comment(at + 1))
		return wrong(reason, "text behind the closing quote");
	*out = '\0';
	return DOTENV_PAIR;
}

static DotenvLine plain(char *at, char **value)
{
	char *end = at;

	*value = at;
	while (*end != '\0' && !(*end == '#' && (end == at || end[-1] == ' ' || end[-1] == '\t')))
		end++;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*end = '\0';
	return DOTENV_PAIR;
}

DotenvLine dotenv_line(char *line, char **key, char **value, const char **reason)
{
	size_t length = strcspn(line, "\r\n");
	char *at;
	char *end;

	line[length] = '\0';
	if (only_comment(line))
		return DOTENV_EMPTY;
	at = skip_blanks(line);
	if (strncmp(at, "export", 6) == 0 && (at[6] == ' ' || at[6] == '\t'))
		at = skip_blanks(at + 6);
	*key = at;
	end = key_end(at);
	if (end == NULL)
		return wrong(reason, "expected KEY=value");
	at = skip_blanks(end);
	if (*at != '=')
		return wrong(reason, "expected KEY=value");
	*end = '\0';
	at = skip_blanks(at + 1);
	if (*at == '"' || *at == '\'')
		return quoted(at, value, reason);
	return plain(at, value);
}

static bool take_line(const char *path, int number, char *line, DotenvPair pair, void *argument,
					  Error *error)
{
	char *key = NULL;
	char *value = NULL;
	const char *reason = NULL;
	char origin[300];

	snprintf(origin, sizeof(origin), "%.250s:%d", path, number);
	switch (dotenv_line(line, &key, &value, &reason))
	{
		case DOTENV_EMPTY:
			return true;
		case DOTENV_PAIR:
			return pair(argument, key, value, origin, error);
		default:
			return error_set(error, ERROR_CONFIG, "%s: %s", origin, reason);
	}
}

bool dotenv_read(const char *path, bool required, DotenvPair pair, void *argument, Error *error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	bool done = true;

	if (file == NULL)
	{
		if (errno == ENOENT && !required)
			return true;
		return error_set(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	}
	for (int number = 1; done && (length = getline(&line, &size, file)) >= 0; number++)
	{
		char *start = line;

		if (number == 1 && strncmp(line, "\xEF\xBB\xBF", 3) == 0)
			start += 3;
		if (strlen(line) != (size_t) length)
			done = error_set(error, ERROR_CONFIG, "%s:%d: a NUL byte", path, number);
		else
			done = take_line(path, number, start, pair, argument, error);
	}
	if (done && ferror(file))
		done = error_set(error, ERROR_CONFIG, "%s: %s", path, strerror(errno));
	if (line != NULL)
		explicit_bzero(line, size);
	free(line);
	fclose(file);
	return done;
}
