/*
 * form.c - campaign.form_fields() and campaign.form_file(): the body of a form with files, which
 * PostgREST passes on as it came. sql/62_api_forms.sql decides what is made of it.
 *
 * Must never make a field of a file, or the other way round: only what has a filename is a file.
 * Nor may fields take the memory that a file may: as JSON they are up to six times as long.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "body_errors.h"
#include "upload/multipart.h"

PG_FUNCTION_INFO_V1(campaign_form_fields);
PG_FUNCTION_INFO_V1(campaign_form_file);

/* Begins with the arguments (body bytea, content_type text). */
static void form_open(MultipartReader *reader, FunctionCallInfo fcinfo)
{
	bytea *body = PG_GETARG_BYTEA_PP(0);

	if (!multipart_open(reader, text_to_cstring(PG_GETARG_TEXT_PP(1)), VARDATA_ANY(body),
						VARSIZE_ANY_EXHDR(body)))
		ereport(ERROR, (errcode(BODY_MALFORMED), errmsg("not a form with a boundary"),
						errhint("Send it as multipart/form-data.")));
}

static bool form_next(MultipartReader *reader, MultipartPart *part)
{
	MultipartStep step = multipart_next(reader, part);

	if (step == MULTIPART_MALFORMED)
		ereport(ERROR, (errcode(BODY_MALFORMED), errmsg("the form breaks off or is malformed")));
	return step == MULTIPART_PART;
}

/* Adds bytes as a JSON string; an error unless they are a text without NUL. */
static void append_string(StringInfo json, const char *bytes, size_t length)
{
	char *copy = pnstrdup(bytes, length);

	pg_verify_mbstr(PG_UTF8, bytes, (int) length, false);
	escape_json(json, pg_any_to_server(copy, (int) length, PG_UTF8));
}

Datum campaign_form_fields(PG_FUNCTION_ARGS)
{
	MultipartReader reader;
	MultipartPart part;
	StringInfoData json;
	const char *start;
	size_t files = 0; /* bytes */

	form_open(&reader, fcinfo);
	start = reader.at;
	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	while (form_next(&reader, &part))
	{
		files += part.is_file ? part.length : 0;
		if ((size_t) (reader.at - start) - files > BODY_FIELDS_MAX)
			ereport(ERROR, (errcode(BODY_TOO_LARGE), errmsg("request is too large"),
							errhint("Only the file may be longer than 1 MB.")));
		if (part.is_file)
			continue;
		if (json.len > 1)
			appendStringInfoChar(&json, ',');
		append_string(&json, part.name, strlen(part.name));
		appendStringInfoChar(&json, ':');
		append_string(&json, part.content, part.length);
	}
	appendStringInfoChar(&json, '}');
	PG_RETURN_TEXT_P(cstring_to_text_with_len(json.data, json.len));
}

Datum campaign_form_file(PG_FUNCTION_ARGS)
{
	MultipartReader reader;
	MultipartPart part;
	MultipartPart file = {.content = NULL};
	bytea *copy;

	form_open(&reader, fcinfo);
	while (form_next(&reader, &part))
	{
		/* What a browser sends if nobody has chosen a file. */
		if (!part.is_file || (!part.is_named && part.length == 0))
			continue;
		if (file.content != NULL)
			ereport(ERROR, (errcode(BODY_UNACCEPTABLE), errmsg("the form has more than one file"),
							errhint("Send each in a request of its own.")));
		file = part;
	}
	if (file.content == NULL)
		PG_RETURN_NULL();
	copy = (bytea *) palloc(VARHDRSZ + file.length);
	SET_VARSIZE(copy, VARHDRSZ + file.length);
	memcpy(VARDATA(copy), file.content, file.length);
	PG_RETURN_BYTEA_P(copy);
}
