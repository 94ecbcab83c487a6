/*
 * check_line.h - the lines of `--check`: one for each server.
 */
#ifndef CAMPAIGN_PROGRAM_CHECK_LINE_H
#define CAMPAIGN_PROGRAM_CHECK_LINE_H

#include <stdbool.h>

#include "contract/error.h"
#include "health.h"

#define CHECK_LINE_DETAIL_SIZE 600

/*
 * Prints what was found: `detail` if all is well, else the error. *worst starts
 * as ERROR_NONE and becomes ERROR_UNREACHABLE as soon as a server cannot be reached,
 * else the last error.
 */
void check_line_print(Server server, bool done, const char *detail, const Error *error,
					  ErrorCode *worst);

/* The program's exit code: 69 if a server cannot be reached or refuses. */
int check_line_exit_code(ErrorCode worst);

#endif /* CAMPAIGN_PROGRAM_CHECK_LINE_H */
