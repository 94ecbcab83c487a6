/*
 * texts.c - reading, checking and filling the texts of mails; see texts.h.
 */
#include "texts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "headers.h"
#include "template.h"
#include "contract/utf8.h"

#define FILE_MAX (1024 * 1024)

#define PLACEHOLDERS_MAX 4

/* What may be filled into the texts of a kind. The subject has the address only: it must fit. */
static const struct
{
	const char *name;
	TemplateValue placeholders[PLACEHOLDERS_MAX];
	const char *needed; /* placeholder without which the text is of no use, or NULL */
} KINDS[TEXTS_KINDS] = {
	{"welcome", {{"email", ""}, {NULL, NULL}}, NULL},
	{"confirm", {{"email", ""}, {"code", ""}, {NULL, NULL}}, "{code}"},
	{"reset", {{"email", ""}, {"code", ""}, {NULL, NULL}}, "{code}"},
	{"invitation", {{"email", ""}, {"company", ""}, {"inviter", ""}, {NULL, NULL}}, NULL},
};
static const TemplateValue OF_SUBJECT[] = {{"email", ""}, {NULL, NULL}};

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

/* What is wrong with a file's text, in *error; false then. */
static bool check_text(const char *path, const char *text, const TemplateValue *placeholders,
					   const char *needed, Error *error)
{
	Error unknown;

	if (!template_check(text, placeholders, &unknown))
		return wrong(path, unknown.text, error);
	if (needed != NULL && strstr(text, needed) == NULL)
		return error_set(error, ERROR_CONFIG, "%s: no %s in it", path, needed);
	return true;
}

static char *load(const char *folder, const char *kind, const char *part,
				  const TemplateValue *placeholders, const char *needed, Error *error)
{
	char path[4096];
	char *text;
	char *lines = NULL;

	if ((size_t) snprintf(path, sizeof(path), "%s/%s.%s", folder, kind, part) >= sizeof(path))
	{
		wrong("the folder of the templates", "too long a path", error);
		return NULL;
	}
	text = read_file(path, error);
	if (text == NULL)
		return NULL;
	if (check_text(path, text, placeholders, needed, error) && (lines = mail_lines(text)) == NULL)
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
static bool check_subject(const char *folder, const char *kind, char *subject, Error *error)
{
	Error reason = {0};
	size_t length = strcspn(subject, "\r\n");

	if (subject[length + strspn(subject + length, "\r\n")] != '\0')
		return error_set(error, ERROR_CONFIG, "%s/%s.subject: more than one line", folder, kind);
	subject[length] = '\0';
	if (length == 0 || !check_filled(subject, &reason))
		return error_set(error, ERROR_CONFIG, "%s/%s.subject: %s", folder, kind,
						 length == 0 ? "it is empty" : reason.text);
	return true;
}

static bool load_kind(const char *folder, int kind, Texts *texts, Error *error)
{
	const char *name = KINDS[kind].name;
	const TemplateValue *placeholders = KINDS[kind].placeholders;
	const char *needed = KINDS[kind].needed;

	return (texts->subject = load(folder, name, "subject", OF_SUBJECT, NULL, error)) != NULL &&
		   check_subject(folder, name, texts->subject, error) &&
		   (texts->text = load(folder, name, "txt", placeholders, needed, error)) != NULL &&
		   (texts->html = load(folder, name, "html", placeholders, needed, error)) != NULL;
}

bool texts_load(const char *folder, TextsSet *set, Error *error)
{
	*set = (TextsSet){0};
	for (int kind = 0; kind < TEXTS_KINDS; kind++)
	{
		if (!load_kind(folder, kind, &set->kinds[kind], error))
		{
			texts_set_free(set);
			return false;
		}
	}
	return true;
}

const Texts *texts_find(const TextsSet *set, const char *kind)
{
	for (int i = 0; i < TEXTS_KINDS; i++)
	{
		if (strcmp(KINDS[i].name, kind) == 0)
			return &set->kinds[i];
	}
	return NULL;
}

bool texts_fill(const Texts *texts, const TextsValues *values, Texts *filled)
{
	const TemplateValue list[] = {{"email", values->email},
								  {"code", values->code},
								  {"company", values->company},
								  {"inviter", values->inviter},
								  {NULL, NULL}};

	filled->subject = template_fill(texts->subject, list, false);
	filled->text = template_fill(texts->text, list, false);
	filled->html = template_fill(texts->html, list, true);
	if (filled->subject != NULL && filled->text != NULL && filled->html != NULL)
		return true;
	texts_free(filled);
	return false;
}

static void wipe(char *text)
{
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
}

void texts_free(Texts *texts)
{
	wipe(texts->subject);
	wipe(texts->text);
	wipe(texts->html);
	*texts = (Texts){0};
}

void texts_set_free(TextsSet *set)
{
	for (int kind = 0; kind < TEXTS_KINDS; kind++)
		texts_free(&set->kinds[kind]);
}
