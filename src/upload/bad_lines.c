/*
 * bad_lines.c - reasons for people (an error's detail) and for programs (JSON).
 *
 * Must stay small, whatever is sent as a numbers file: a video has millions of bad
 * lines.
 */
#include "postgres.h"

#include "utils/json.h"

#include "bad_lines.h"

#define BAD_LINES_MAX	1000 /* reported one by one */
#define BAD_LINES_SHOWN 20	 /* in the detail of an error */

void bad_lines_create(BadLines *lines)
{
	lines->count = 0;
	lines->first[0] = '\0';
	initStringInfo(&lines->shown);
	initStringInfo(&lines->json);
}

void bad_lines_add(BadLines *lines, const Number *number)
{
	lines->count++;
	if (lines->count == 1)
		snprintf(lines->first, sizeof(lines->first), "line " INT64_FORMAT ": %s", number->line,
				 number->reason);
	if (lines->count <= BAD_LINES_SHOWN)
		appendStringInfo(&lines->shown, "%sline " INT64_FORMAT ": %s", lines->count > 1 ? "\n" : "",
						 number->line, number->reason);
	if (lines->count > BAD_LINES_MAX)
		return;
	appendStringInfo(&lines->json,
					 "%s{\"line\": " INT64_FORMAT ", \"reason\": ", lines->count > 1 ? ", " : "",
					 number->line);
	escape_json(&lines->json, number->reason);
	appendStringInfoChar(&lines->json, '}');
}

char *bad_lines_detail(const BadLines *lines)
{
	if (lines->count <= BAD_LINES_SHOWN)
		return pstrdup(lines->shown.data);
	return psprintf("%s\nand " INT64_FORMAT " more invalid lines", lines->shown.data,
					lines->count - BAD_LINES_SHOWN);
}

void bad_lines_require(const BadLines *lines, bool skip_invalid, uint64 valid)
{
	if (lines->count > 0 && !skip_invalid)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("numbers file refused, nothing was stored: %s", lines->first),
			 errdetail("%s", bad_lines_detail(lines)),
			 errhint("Correct these lines, or pass skip_invalid => true to send to the others.")));
	if (valid == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("numbers file holds no valid number: %s",
							   lines->count > 0 ? lines->first : "it is empty")));
}
