/*
 * template.c - filling in; see template.h.
 */
#include "template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of the placeholder that begins here, braces and all; 0: none does. */
static size_t placeholder_length(const char *at)
{
	size_t length = 1;

	if (*at != '{')
		return 0;
	while (islower((unsigned char) at[length]) || at[length] == '_')
		length++;
	return length > 1 && at[length] == '}' ? length + 1 : 0;
}

static const char *value_of(const char *placeholder, size_t length, const TemplateValue *values)
{
	for (; values->name != NULL; values++)
	{
		if (strlen(values->name) == length - 2 &&
			strncmp(values->name, placeholder + 1, length - 2) == 0)
			return values->text;
	}
	return NULL;
}

bool template_check(const char *text, const TemplateValue *values, Error *error)
{
	while ((text = strchr(text, '{')) != NULL)
	{
		size_t length = placeholder_length(text);

		if (length > 0 && value_of(text, length, values) == NULL)
			return error_set(error, ERROR_CONFIG, "unknown placeholder %.*s",
							 (int) (length < 64 ? length : 64), text);
		text += length > 0 ? length : 1;
	}
	return true;
}

static const char *html_entity(char c)
{
	switch (c)
	{
		case '&':
			return "&amp;";
		case '<':
			return "&lt;";
		case '>':
			return "&gt;";
		case '"':
			return "&quot;";
		case '\'':
			return "&#39;";
		default:
			return NULL;
	}
}

static void put_value(FILE *out, const char *value, bool html)
{
	for (; *value != '\0'; value++)
	{
		const char *entity = html ? html_entity(*value) : NULL;

		if (entity != NULL)
			fputs(entity, out);
		else
			fputc(*value, out);
	}
}

char *template_fill(const char *text, const TemplateValue *values, bool html)
{
	char *filled = NULL;
	size_t size;
	FILE *out = open_memstream(&filled, &size);
	bool failed;

	if (out == NULL)
		return NULL;
	while (*text != '\0')
	{
		size_t length = placeholder_length(text);
		const char *value = length > 0 ? value_of(text, length, values) : NULL;

		if (value != NULL)
		{
			put_value(out, value, html);
			text += length;
		}
		else
			fputc(*text++, out);
	}
	failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed)
	{
		free(filled);
		return NULL;
	}
	return filled;
}
