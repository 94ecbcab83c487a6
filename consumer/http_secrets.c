/*
 * http_secrets.c - secrets from files; see http_secrets.h.
 */
#include "http_secrets.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"

/* Shorter ones could stand anywhere, and are no secrets. */
#define HIDDEN_MIN 4

#define PATH_SIZE 4096

typedef struct Reading
{
	const char *folder;
	HttpSecrets *secrets;
} Reading;

static bool is_name(const JsonString *name)
{
	if (name->length > HTTP_SECRET_NAME_MAX)
		return false;
	for (size_t i = 0; i < name->length; i++)
	{
		if (!isalnum((unsigned char) name->bytes[i]) && name->bytes[i] != '_')
			return false;
	}
	return true;
}

/* The first line, without the mark that some editors begin with. */
static bool read_line(HttpReader *reader, const char *path, char value[HTTP_SECRET_SIZE])
{
	static const char mark[] = "\xEF\xBB\xBF";
	FILE *file = fopen(path, "re");
	const char *end;
	int reason;
	size_t length;

	if (file == NULL)
		return http_reader_fail(reader, "cannot read the secret in %s: %s", path, strerror(errno));
	errno = 0;
	length = fread(value, 1, HTTP_SECRET_SIZE - 1, file);
	reason = errno;
	(void) fclose(file);
	if (length == 0)
		return http_reader_fail(reader, "cannot read the secret in %s: %s", path,
								reason != 0 ? strerror(reason) : "it is empty");
	end = memchr(value, '\n', length);
	if (end == NULL && length == HTTP_SECRET_SIZE - 1)
		return http_reader_fail(reader, "the secret in %s is longer than %d bytes", path,
								HTTP_SECRET_SIZE - 2);
	length = end != NULL ? (size_t) (end - value) : length;
	value[length] = '\0';
	if (strlen(value) != length)
		return http_reader_fail(reader, "the secret in %s has a NUL byte", path);
	if (strncmp(value, mark, strlen(mark)) == 0)
		memmove(value, value + strlen(mark), length - strlen(mark) + 1);
	value[strcspn(value, "\r")] = '\0';
	return *value != '\0' || http_reader_fail(reader, "the first line of %s is empty", path);
}

static bool read_secret(HttpReader *reader, const JsonString *name)
{
	const Reading *reading = reader->target;
	HttpSecrets *secrets = reading->secrets;
	HttpSecret *secret = &secrets->list[secrets->count];
	char file[PATH_SIZE / 2];
	char path[PATH_SIZE];

	if (secrets->count == HTTP_SECRETS_MAX)
		return http_reader_fail(reader, "more than %d secrets", HTTP_SECRETS_MAX);
	if (!is_name(name))
		return http_reader_fail(reader, "the name of a secret has letters, digits and _ only");
	memcpy(secret->name, name->bytes, name->length);
	secret->name[name->length] = '\0';
	if (!http_reader_text(reader, file, sizeof(file)))
		return false;
	if ((size_t) snprintf(path, sizeof(path), "%s%s", *file == '/' ? "" : reading->folder, file) >=
		sizeof(path))
		return http_reader_fail(reader, "the path is too long");
	if (!read_line(reader, path, secret->value))
		return false;
	secrets->count++;
	return true;
}

bool http_secrets_read(HttpReader *reader, const char *folder, HttpSecrets *secrets)
{
	Reading reading = {folder, secrets};
	void *before = reader->target;
	bool done;

	reader->target = &reading;
	done = http_reader_pairs(reader, read_secret);
	reader->target = before;
	return done;
}

/* How a text may spell a secret: as it is, as a URL or a form has it, as JSON has it. */
typedef enum Spelling
{
	SPELLING_PLAIN,
	SPELLING_PERCENT,
	SPELLING_JSON,
	SPELLING_COUNT
} Spelling;

/* The number in so many hexadecimal digits; false: these are none. */
static bool read_hex(const char *text, size_t digits, uint32_t *number)
{
	char copy[5] = "";
	char *end;

	memcpy(copy, text, digits);
	*number = (uint32_t) strtoul(copy, &end, 16);
	return strspn(copy, "0123456789abcdefABCDEF") == digits;
}

/* As read_character(), of an escape with its backslash. */
static size_t read_json_escape(const char *text, char bytes[4], size_t *count)
{
	size_t left = strlen(text);
	uint32_t high;
	uint32_t low;

	bytes[0] = text[1];
	if (left < 2 || (text[1] == 'u' && left < 6))
		return 0;
	if (text[1] != 'u' || !read_hex(text + 2, 4, &high))
		return 2;
	if (high < 0xD800 || high > 0xDBFF)
	{
		*count = utf8_put(high, bytes);
		return 6;
	}
	if (left < 12)
		return 0;
	if (text[6] == '\\' && text[7] == 'u' && read_hex(text + 8, 4, &low))
		*count = utf8_put(0x10000 + ((high & 0x3FF) << 10 | (low & 0x3FF)), bytes);
	return 12;
}

/* What the text's next character stands for, and how long it is; 0: the text ends within it. */
static size_t read_character(const char *text, Spelling spelling, char bytes[4], size_t *count)
{
	uint32_t number;

	bytes[0] = *text;
	*count = 1;
	if (*text == '\0')
		return 0;
	if (spelling == SPELLING_JSON && *text == '\\')
		return read_json_escape(text, bytes, count);
	if (spelling != SPELLING_PERCENT || *text != '%')
		return 1;
	if (strlen(text) < 3)
		return 0;
	if (!read_hex(text + 1, 2, &number))
		return 1;
	bytes[0] = (char) number;
	return 3;
}

/* How much of the text spells the secret, or, if the text was cut, may be its beginning. */
static size_t spelled(const char *text, const char *secret, Spelling spelling, bool is_cut)
{
	const char *at = text;

	while (*secret != '\0')
	{
		char bytes[4];
		size_t count;
		size_t length = read_character(at, spelling, bytes, &count);

		if (length == 0)
			return is_cut && strlen(text) >= HIDDEN_MIN ? strlen(text) : 0;
		if (strncmp(secret, bytes, count) != 0 &&
			!(spelling == SPELLING_PERCENT && *at == '+' && *secret == ' '))
			return 0;
		at += length;
		secret += count;
	}
	return (size_t) (at - text);
}

static void hide(const char *secret, char *text, bool is_cut)
{
	size_t length;

	if (strlen(secret) < HIDDEN_MIN)
		return;
	/* On behind what was replaced: a secret may itself consist of asterisks. */
	for (; *text != '\0'; text += length > 0 ? length : 1)
	{
		length = 0;
		for (int spelling = 0; length == 0 && spelling < SPELLING_COUNT; spelling++)
			length = spelled(text, secret, (Spelling) spelling, is_cut);
		memset(text, '*', length);
	}
}

void http_secrets_hide(const HttpSecrets *secrets, char *text, size_t size)
{
	/* It is cut between two characters, of which the next one may have had four bytes. */
	bool is_cut = strlen(text) + 4 >= size;

	/* The longest one first: a part of it may be another. */
	if (secrets->login.length > 0)
		hide(secrets->login.bytes, text, is_cut);
	for (size_t i = 0; i < secrets->count; i++)
		hide(secrets->list[i].value, text, is_cut);
}
