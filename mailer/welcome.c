/*
 * welcome.c - reading, checking and filling the three texts; see welcome.h.
 */
#include "welcome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "headers.h"
#include "template.h"
#include "contract/utf8.h"

#define FILE_MAX (1024 * 1024)

/* A placeholder more is a line more here and in welcome_fill(). */
static const TemplateValue PLACEHOLDERS[] = {{"email", ""}, {NULL, NULL}};

static bool wrong(const char *path, const char *what, Error *error)
{
	return error_set(error, ERROR_CONFIG, "%s: %s", path, what);
}

/* Up to FILE_MAX bytes of UTF-8, into a string. */
static bool read_text(FILE *file, const char *path, char *text, Error *error)
{
	size_t length = fread(text, 1, FILE_MAX + 1, file);

	if (ferror(file))
		return wrong(path, strerror(errno), error);
	if (length > FILE_MAX)
		return wrong(path, "larger than 1 MiB", error);
	text[length] = '\0';
	if (strlen(text) != length || !utf8_check(text))
		return wrong(path, "not UTF-8, or a NUL byte in it", error);
	return true;
}

/* The whole file, as a string to be freed. */
static char *read_file(const char *path, Error *error)
{
	FILE *file = fopen(path, "re");
	char *text;
	bool done;

	if (file == NULL)
	{
		wrong(path, strerror(errno), error);
		return NULL;
	}
	text = malloc(FILE_MAX + 1);
	if (text == NULL)
		done = error_set(error, ERROR_MEMORY, "out of memory");
	else
		done = read_text(file, path, text, error);
	fclose(file);
	if (done)
		return text;
	free(text);
	return NULL;
}

/* Every line's end as CR LF, whatever it was: the encoder takes a bare LF for a character. */
static char *mail_lines(const char *text)
{
	char *lines = malloc(strlen(text) * 2 + 1);
	char *out = lines;

	for (; lines != NULL && *text != '\0'; text++)
	{
		if (*text == '\r' && text[1] == '\n')
			continue;
		if (*text == '\r' || *text == '\n')
			*out++ = '\r';
		*out++ = *text == '\r' ? '\n' : *text;
	}
	if (lines != NULL)
		*out = '\0';
	return lines;
}

static char *load(const char *folder, const char *name, Error *error)
{
	char path[4096];
	char *text;
	char *lines = NULL;
	Error unknown;

	if ((size_t) snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
	{
		wrong("the folder of the templates", "too long a path", error);
		return NULL;
	}
	text = read_file(path, error);
	if (text == NULL)
		return NULL;
	if (!template_check(text, PLACEHOLDERS, &unknown))
		wrong(path, unknown.text, error);
	else if ((lines = mail_lines(text)) == NULL)
		error_set(error, ERROR_MEMORY, "out of memory");
	free(text);
	return lines;
}

/* Whether a header can hold it with the longest address in it. */
static bool check_filled(const char *subject, Error *error)
{
	char longest[ADDRESS_MAX + 1];
	const TemplateValue values[] = {{"email", longest}, {NULL, NULL}};
	char line[HEADERS_LINE_SIZE];
	char *filled;
	bool done;

	memset(longest, 'x', ADDRESS_MAX);
	longest[ADDRESS_MAX] = '\0';
	filled = template_fill(subject, values, false);
	done = filled != NULL ? headers_text("with the longest address in it", filled, line, error)
						  : error_set(error, ERROR_MEMORY, "out of memory");
	free(filled);
	return done;
}

/* One line that fits. */
static bool check_subject(const char *folder, char *subject, Error *error)
{
	static const char *const name = "welcome.subject";
	Error reason = {0};
	size_t length = strcspn(subject, "\r\n");

	if (subject[length + strspn(subject + length, "\r\n")] != '\0')
		return error_set(error, ERROR_CONFIG, "%s/%s: more than one line", folder, name);
	subject[length] = '\0';
	if (length == 0 || !check_filled(subject, &reason))
		return error_set(error, ERROR_CONFIG, "%s/%s: %s", folder, name,
						 length == 0 ? "it is empty" : reason.text);
	return true;
}

bool welcome_load(const char *folder, Welcome *welcome, Error *error)
{
	*welcome = (Welcome){0};
	if ((welcome->subject = load(folder, "welcome.subject", error)) != NULL &&
		check_subject(folder, welcome->subject, error) &&
		(welcome->text = load(folder, "welcome.txt", error)) != NULL &&
		(welcome->html = load(folder, "welcome.html", error)) != NULL)
		return true;
	welcome_free(welcome);
	return false;
}

bool welcome_fill(const Welcome *welcome, const char *email, Welcome *filled)
{
	const TemplateValue values[] = {{"email", email}, {NULL, NULL}};

	filled->subject = template_fill(welcome->subject, values, false);
	filled->text = template_fill(welcome->text, values, false);
	filled->html = template_fill(welcome->html, values, true);
	if (filled->subject != NULL && filled->text != NULL && filled->html != NULL)
		return true;
	welcome_free(filled);
	return false;
}

void welcome_free(Welcome *welcome)
{
	free(welcome->subject);
	free(welcome->text);
	free(welcome->html);
	*welcome = (Welcome){0};
}
