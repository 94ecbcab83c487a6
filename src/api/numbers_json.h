/*
 * numbers_json.h - phone numbers in JSON become the lines of a numbers file.
 */
#ifndef CAMPAIGN_NUMBERS_JSON_H
#define CAMPAIGN_NUMBERS_JSON_H

#include "postgres.h"

#include "json_parse.h"
#include "lib/stringinfo.h"

typedef struct NumbersLines
{
	StringInfoData text; /* behind the place for the length of a bytea */
	int64 elements;		 /* of the array, so far */
	bool in_array;
	int depth; /* of arrays and objects in the element */
	JsonLexContext *lex;
	const char *start;	 /* of the object that is read */
	const char *refusal; /* why they are not phone numbers, in the current context; NULL so far */
} NumbersLines;

/* Begins to read an array of numbers, or of objects that have one each, or a string that is a file.
 * Its lines, UTF-8, take no more than `length`, that of the JSON. `lex` is the parser's that calls
 * back. */
void numbers_lines_begin(NumbersLines *lines, JsonLexContext *lex, size_t length);

/* The parser's callbacks, for the value alone. What is refused is kept in `refusal`, and the rest
 * is read on: who sends it may not be told before it is known who that is. */
Parsed numbers_lines_array_start(NumbersLines *lines);
Parsed numbers_lines_array_end(NumbersLines *lines);
Parsed numbers_lines_object_start(NumbersLines *lines);
Parsed numbers_lines_object_end(NumbersLines *lines);
Parsed numbers_lines_scalar(NumbersLines *lines, char *token, JsonTokenType type);

/* Instead of the callbacks for a value, with its quotes, that is a string in UTF-8: it may be the
 * whole file, and is not copied from one buffer into the next. */
bool numbers_lines_is_file(const char *json);
void numbers_lines_take_file(NumbersLines *lines, const char *json, size_t length);

/* The lines, and the only memory that was taken. */
bytea *numbers_lines_finish(NumbersLines *lines);

#endif /* CAMPAIGN_NUMBERS_JSON_H */
