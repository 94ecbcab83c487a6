/*
 * bad_lines.c - reasons for people (an error's detail) and for programs (JSON).
 *
 * Must stay small, whatever is sent as a numbers file: a video has millions of bad
 * lines.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "bad_lines.h"

#define BAD_LINES_MAX	1000 /* reported one by one */
#define BAD_LINES_SHOWN 20	 /* in the detail of an error */

/* Reasons quote the file: what the database's encoding lacks is a '?', still in UTF-8. */
static char *representable(const char *reason)
{
	char *text = pstrdup(reason);
	char *end = text;
	Oid conversion = GetDatabaseEncoding() == PG_UTF8
						 ? InvalidOid
						 : FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	unsigned char converted[4 * MAX_CONVERSION_GROWTH + 1];
	int length;

	if (!OidIsValid(conversion))
		return text;
	for (; *reason != '\0'; reason += length)
	{
		length = (int) strnlen(reason, pg_utf_mblen((const unsigned char *) reason));
		if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, GetDatabaseEncoding(),
										  (unsigned char *) reason, length, converted,
										  sizeof(converted), true) < length)
			*end++ = '?';
		else
		{
			memcpy(end, reason, length);
			end += length;
		}
	}
	*end = '\0';
	return text;
}

void bad_lines_create(BadLines *lines)
{
	lines->count = 0;
	lines->first[0] = '\0';
	initStringInfo(&lines->shown);
	initStringInfo(&lines->json);
}

void bad_lines_add(BadLines *lines, const Number *number)
{
	char *reason;

	if (++lines->count > BAD_LINES_MAX)
		return;
	reason = representable(number->reason);
	if (lines->count == 1)
		snprintf(lines->first, sizeof(lines->first), "line " INT64_FORMAT ": %s", number->line,
				 reason);
	if (lines->count <= BAD_LINES_SHOWN)
		appendStringInfo(&lines->shown, "%sline " INT64_FORMAT ": %s", lines->count > 1 ? "\n" : "",
						 number->line, reason);
	appendStringInfo(&lines->json,
					 "%s{\"line\": " INT64_FORMAT ", \"reason\": ", lines->count > 1 ? ", " : "",
					 number->line);
	escape_json(&lines->json, reason);
	appendStringInfoChar(&lines->json, '}');
	pfree(reason);
}

static char *to_server(const char *utf8)
{
	return pg_any_to_server(pstrdup(utf8), (int) strlen(utf8), PG_UTF8);
}

char *bad_lines_detail(const BadLines *lines)
{
	if (lines->count <= BAD_LINES_SHOWN)
		return to_server(lines->shown.data);
	return psprintf("%s\nand " INT64_FORMAT " more invalid lines", to_server(lines->shown.data),
					lines->count - BAD_LINES_SHOWN);
}

void bad_lines_require(const BadLines *lines, bool skip_invalid, uint64 valid)
{
	if (lines->count > 0 && !skip_invalid)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("numbers file refused, nothing was stored: %s", to_server(lines->first)),
			 errdetail("%s", bad_lines_detail(lines)),
			 errhint("Correct these lines, or pass skip_invalid => true to send to the others.")));
	if (valid == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("numbers file holds no valid number: %s",
							   lines->count > 0 ? to_server(lines->first) : "it is empty")));
}
