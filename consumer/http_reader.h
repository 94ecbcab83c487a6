/*
 * http_reader.h - reads a file of JSON strictly, key by key: an unknown key, a key
 * twice or a value of another kind is an error with the file and the line.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_READER_H
#define CAMPAIGN_CONSUMER_HTTP_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/error.h"
#include "json.h"

#define HTTP_READER_FILE_MAX 65536 /* bytes of a file */

typedef struct HttpReader
{
	const char *path;
	char *original; /* as it is in the file: for the lines */
	char *text;		/* as json.c leaves it behind */
	size_t length;
	Json json;
	Error json_error;
	Error *error; /* the caller's: one line that begins with file:line */
	void *target; /* of the functions that read values */
} HttpReader;

typedef struct HttpKey
{
	const char *name;
	bool (*read)(HttpReader *reader);
	bool required;
} HttpKey;

/* False and *error (ERROR_CONFIG). */
bool http_reader_open(HttpReader *reader, const char *path, Error *error);

/* From the beginning again: what was read before points to nothing any more. */
void http_reader_rewind(HttpReader *reader);

void http_reader_close(HttpReader *reader);

/* Sets the error with the file and the line where the reader is; returns false. */
bool http_reader_fail(HttpReader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Takes an object that has these keys and no others; at most 32. */
bool http_reader_object(HttpReader *reader, const HttpKey *keys, size_t count);

/* Takes an object with keys of any name, each once: `each` takes the value. */
bool http_reader_pairs(HttpReader *reader,
					   bool (*each)(HttpReader *reader, const JsonString *name));

/* Takes an array; or one value, as if it were an array of it. */
bool http_reader_values(HttpReader *reader, bool (*each)(HttpReader *reader));

/* Takes a string that fits, with its NUL, into `size` bytes. */
bool http_reader_text(HttpReader *reader, char *out, size_t size);

bool http_reader_string(HttpReader *reader, JsonString *string);

/* Takes true or false. */
bool http_reader_switch(HttpReader *reader, bool *out);

/* Takes a whole number from `low` to `high`. */
bool http_reader_number(HttpReader *reader, int64_t low, int64_t high, int64_t *out);

/* Takes any value and forgets it. */
bool http_reader_skip(HttpReader *reader);

/* Nothing may follow. */
bool http_reader_finish(HttpReader *reader);

#endif /* CAMPAIGN_CONSUMER_HTTP_READER_H */
