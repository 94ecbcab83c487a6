/*
 * error.c - one line of text for what failed, for both programs.
 *
 * Never allocates: it must still work when memory is what failed.
 */
#include "error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

/* Half a character at the end of a cut text is dropped. */
static void drop_cut_character(char *text)
{
	size_t length = strlen(text);
	size_t start = length;

	while (start > 0 && ((unsigned char) text[start - 1] & 0xC0) == 0x80)
		start--;
	if (start > 0 && (unsigned char) text[start - 1] >= 0xC0)
		text[start - 1] = '\0';
}

_Bool error_set(Error *error, ErrorCode code, const char *format, ...)
{
	va_list arguments;
	int length;

	error->code = code;
	va_start(arguments, format);
	length = vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	if (length < 0)
		error->text[0] = '\0';
	else if ((size_t) length >= sizeof(error->text))
		drop_cut_character(error->text);
	/* The texts of brokers and servers may hold any bytes, in any encoding. */
	(void) utf8_clean(error->text, sizeof(error->text), error->text, strlen(error->text));
	return false;
}
