/*
 * decode.c - campaign.upload_decode(): a numbers file in the encoding that its sender
 * names becomes UTF-8, which is all that the parsers know.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "encoding.h"

PG_FUNCTION_INFO_V1(campaign_upload_decode);

Datum campaign_upload_decode(PG_FUNCTION_ARGS)
{
	bytea *file = PG_GETARG_BYTEA_PP(0);
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(1));
	Size size = VARSIZE_ANY_EXHDR(file);
	Encoding encoding = ENCODING_UTF8;
	size_t length;
	bytea *decoded;

	if (*name != '\0' && !encoding_of_name(name, &encoding))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("encoding must be utf-8, utf-16, utf-16le, utf-16be or "
							   "windows-1252")));
	if (encoding == ENCODING_UTF8)
		PG_RETURN_BYTEA_P(file);
	if (size > (MaxAllocSize - VARHDRSZ) / ENCODING_GROWTH)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("numbers file is too long for another encoding than UTF-8"),
						errhint("Save it as UTF-8, or send it in parts.")));
	decoded = palloc(VARHDRSZ + ENCODING_GROWTH * size);
	if (!encoding_decode(encoding, VARDATA_ANY(file), size, VARDATA(decoded), &length))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("numbers file refused, nothing was stored: it is not %s: byte %zu",
							   name, length + 1)));
	SET_VARSIZE(decoded, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(decoded);
}
