/*
 * http_secrets.c - secrets from files; see http_secrets.h.
 */
#include "http_secrets.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

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
	bool done;
	int reason;
	size_t length;

	if (file == NULL)
		return http_reader_fail(reader, "cannot read the secret in %s: %s", path, strerror(errno));
	errno = 0;
	done = fgets(value, HTTP_SECRET_SIZE, file) != NULL;
	reason = errno;
	(void) fclose(file);
	if (!done)
		return http_reader_fail(reader, "cannot read the secret in %s: %s", path,
								reason != 0 ? strerror(reason) : "it is empty");
	length = strlen(value);
	if (length == HTTP_SECRET_SIZE - 1 && value[length - 1] != '\n')
		return http_reader_fail(reader, "the secret in %s is longer than %d bytes", path,
								HTTP_SECRET_SIZE - 2);
	if (strncmp(value, mark, strlen(mark)) == 0)
		memmove(value, value + strlen(mark), length - strlen(mark) + 1);
	value[strcspn(value, "\r\n")] = '\0';
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

/* Of a text that was cut: it may end in the middle of a secret. */
static void hide_beginning(const char *secret, size_t length, char *text)
{
	size_t size = strlen(text);

	for (size_t shown = length < size ? length : size; shown >= HIDDEN_MIN; shown--)
	{
		if (memcmp(text + size - shown, secret, shown) != 0)
			continue;
		memset(text + size - shown, '*', shown);
		return;
	}
}

void http_secrets_hide(const HttpSecrets *secrets, char *text, size_t size)
{
	/* It is cut between two characters, of which the next one may have had four bytes. */
	bool is_cut = strlen(text) + 4 >= size;

	for (size_t i = 0; i < secrets->count; i++)
	{
		const char *secret = secrets->list[i].value;
		size_t length = strlen(secret);
		char *at = length < HIDDEN_MIN ? NULL : strstr(text, secret);

		/* On behind what was replaced: a secret may itself consist of asterisks. */
		for (; at != NULL; at = strstr(at + length, secret))
			memset(at, '*', length);
		if (is_cut)
			hide_beginning(secret, length, text);
	}
}
