/*
 * check_line.c - the lines of `--check`; see check_line.h.
 */
#include "check_line.h"

#include <stdio.h>

#include "program.h"

void check_line_print(Server server, bool done, const char *detail, const Error *error,
					  ErrorCode *worst)
{
	printf("%-5s  %-10s  %s\n", done ? "ok" : "wrong", health_server_name(server),
		   done ? detail : error->text);
	if (done || *worst == ERROR_UNREACHABLE)
		return;
	*worst = error->code;
}

int check_line_exit_code(ErrorCode worst)
{
	switch (worst)
	{
		case ERROR_NONE:
			return EXIT_OK;
		case ERROR_CONFIG:
			return EXIT_CONFIG;
		case ERROR_MEMORY:
			return EXIT_FAILED;
		default:
			return EXIT_UNREACHABLE;
	}
}
