/*
 * option.c - looking a setting up in a program's table, and the help made from
 * the table; see option.h.
 */
#include "option.h"

#include <string.h>

const char *const OPTION_LOG_FORMATS[] = {"auto", "text", "json", NULL};
const char *const OPTION_LOG_LEVELS[] = {"debug", "info", "warning", "error", NULL};

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

		fprintf(out, "  --%s %s, %s%s\n        %s", option->flag, option->argument, option->key,
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
			"69 a server is unreachable (--check), 78 wrong setting.\n",
			table->check);
}
