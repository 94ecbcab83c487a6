/*
 * json_parse.h - PostgreSQL's parser of JSON, whose interface depends on the version.
 */
#ifndef CAMPAIGN_JSON_PARSE_H
#define CAMPAIGN_JSON_PARSE_H

#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

/* What a callback of the parser returns. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType Parsed;
#define PARSED				return JSON_SUCCESS
#define PARSED_BY(callback) return callback
#else
typedef void Parsed;
#define PARSED				return
#define PARSED_BY(callback) callback
#endif

/* A lexer of text in the encoding of the database, which it leaves as it is. */
static inline JsonLexContext *json_lexer(const char *json, size_t length)
{
	char *input = unconstify(char *, json);

#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, input, length, GetDatabaseEncoding(), true);
#else
	return makeJsonLexContextCstringLen(input, (int) length, GetDatabaseEncoding(), true);
#endif
}

static inline void json_lexer_free(JsonLexContext *lex)
{
#if PG_VERSION_NUM >= 170000
	freeJsonLexContext(lex);
#else
	pfree(lex->strval->data);
	pfree(lex->strval);
	pfree(lex);
#endif
}

static inline bool json_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

#endif /* CAMPAIGN_JSON_PARSE_H */
