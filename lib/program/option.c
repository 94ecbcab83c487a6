/*
 * option.c - looking a setting up in a program's table, and the help made from
 * the table; see option.h.
 */
#include "option.h"

#include <string.h>

/* Up to so many wrong characters are a typing error. */
#define NEAR			3
#define NAME_MAX_LENGTH 64

const char *const OPTION_LOG_FORMATS[] = {"auto", "text", "json", NULL};
const char *const OPTION_LOG_LEVELS[] = {"debug", "info", "warning", "error", NULL};
const char *const OPTION_NO_YES[] = {"no", "yes", NULL};

int option_find(const OptionTable *table, const char *name, bool flag, bool *is_file)
{
	const char *suffix = flag ? OPTION_FILE_FLAG_SUFFIX : OPTION_FILE_SUFFIX;

	for (size_t i = 0; i < table->count; i++)
	{
		const Option *option = &table->options[i];
		const char *own = flag ? option->flag : option->key;
		size_t length = strlen(own);

		*is_file = false;
		if (strcmp(name, own) == 0)
			return (int) i;
		*is_file = true;
		if (option->kind == OPTION_URL && strncmp(name, own, length) == 0 &&
			strcmp(name + length, suffix) == 0)
			return (int) i;
	}
	return -1;
}

static int smallest(int a, int b, int c)
{
	int least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many characters have to be added, dropped or changed (Levenshtein). */
static int distance(const char *from, const char *to)
{
	int row[NAME_MAX_LENGTH + 1];
	int length = (int) strlen(to);

	if (length > NAME_MAX_LENGTH)
		return length;
	for (int i = 0; i <= length; i++)
		row[i] = i;
	for (int changed = 1; *from != '\0'; from++, changed++)
	{
		int diagonal = row[0];

		row[0] = changed;
		for (int i = 1; i <= length; i++)
		{
			int above = row[i];

			row[i] = smallest(above + 1, row[i - 1] + 1, diagonal + (*from != to[i - 1]));
			diagonal = above;
		}
	}
	return row[length];
}

const char *option_nearest(const OptionTable *table, const char *name, bool flag)
{
	static const char *const others[] = {"check", "env-file", "help", "version"};
	const char *nearest = NULL;
	int least = NEAR + 1;

	for (size_t i = 0; i < table->count + sizeof(others) / sizeof(*others); i++)
	{
		const char *candidate;
		int changes;

		if (i >= table->count && !flag)
			break;
		if (i >= table->count)
			candidate = others[i - table->count];
		else
			candidate = flag ? table->options[i].flag : table->options[i].key;
		changes = distance(name, candidate);
		if (changes < least)
		{
			least = changes;
			nearest = candidate;
		}
	}
	return nearest;
}

void option_print_help(const OptionTable *table, FILE *out)
{
	fprintf(out,
			"%s: %s\n"
			"\n"
			"Usage: %s [option]...\n"
			"\n"
			"Each option can also be set in the environment or in a .env file, under the name in\n"
			"capitals. Options win over the environment, the environment over .env. "
			"With " OPTION_FILE_SUFFIX "\n"
			"behind the name (or " OPTION_FILE_FLAG_SUFFIX
			" behind the option) a URL is read from a file.\n"
			"\n",
			table->program, table->about, table->program);
	for (size_t i = 0; i < table->count; i++)
	{
		const Option *option = &table->options[i];

		fprintf(out, "  --%s%s%s, %s%s\n        %s", option->flag,
				option->kind == OPTION_SWITCH ? "" : " ",
				option->kind == OPTION_SWITCH ? "" : option->argument, option->key,
				option->kind == OPTION_URL ? "[" OPTION_FILE_SUFFIX "]" : "", option->help);
		if (option->fallback == NULL)
			fputs(" (required)\n", out);
		else
			fprintf(out, " (default: %s)\n",
					*option->fallback != '\0' ? option->fallback : "empty");
	}
	fprintf(out,
			"  --env-file FILE\n"
			"        read this instead of .env in the current directory\n"
			"  --check\n"
			"        %s, say what is wrong, and end\n"
			"  --help, --version\n"
			"\n"
			"Exit codes: 0 ended by a signal or all well, 1 failure, 2 wrong command line,\n"
			"69 a server is unreachable or refuses (--check), 78 wrong setting.\n",
			table->check);
}
