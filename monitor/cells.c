/*
 * cells.c - text by columns; see cells.h.
 */
#include "cells.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "contract/utf8.h"

#define LAST_ASCII 0x7E

void cells_start(Cells *cells, int width, bool utf8)
{
	cells->text[0] = '\0';
	cells->length = 0;
	cells->used = 0;
	cells->width = width < CELLS_WIDTH_MAX ? width : CELLS_WIDTH_MAX;
	cells->utf8 = utf8;
}

/* What is shown of a character, and in *width how many columns it takes. */
static uint32_t shown(uint32_t character, bool utf8, int *width)
{
	*width = 1;
	if (character == UTF8_WRONG)
		return '?';
	if (utf8_is_control(character))
		return ' ';
	if (character <= LAST_ASCII)
		return character;
	*width = utf8 ? wcwidth((wchar_t) character) : -1;
	if (*width >= 0)
		return character;
	*width = 1;
	return '?';
}

/* False if it does not fit any more. */
static bool put_character(Cells *cells, uint32_t character)
{
	char bytes[4];
	size_t length;
	int width;

	character = shown(character, cells->utf8, &width);
	length = utf8_put(character, bytes);
	if (cells->used + width > cells->width || cells->length + length >= CELLS_SIZE)
		return false;
	memcpy(cells->text + cells->length, bytes, length);
	cells->length += length;
	cells->text[cells->length] = '\0';
	cells->used += width;
	return true;
}

void cells_put(Cells *cells, const char *text)
{
	uint32_t character;

	while ((character = utf8_next(&text)) != 0 && put_character(cells, character))
		continue;
}

void cells_print(Cells *cells, const char *format, ...)
{
	char text[CELLS_SIZE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	cells_put(cells, text);
}

void cells_fill(Cells *cells, int column)
{
	while (cells->used < column && put_character(cells, ' '))
		continue;
}

int cells_measure(const char *text, bool utf8)
{
	uint32_t character;
	int columns = 0;
	int width;

	while ((character = utf8_next(&text)) != 0)
	{
		(void) shown(character, utf8, &width);
		columns += width;
	}
	return columns;
}

size_t cells_next_line(const char *text, int width, bool utf8)
{
	const char *at = text;
	size_t end = strcspn(text, " ");
	int columns = 0;
	uint32_t character;
	int taken;

	while ((character = utf8_next(&at)) != 0)
	{
		(void) shown(character, utf8, &taken);
		columns += taken;
		if (columns > width)
			return end;
		if (*at == ' ' || *at == '\0')
			end = (size_t) (at - text) > end ? (size_t) (at - text) : end;
	}
	return end;
}

void cells_put_field(Cells *cells, const char *text, int width)
{
	int before = cells->width;
	int end = cells->used + width;

	if (width <= 0)
		return;
	if (end > cells->width)
		end = cells->width;
	cells->width = end;
	if (cells_measure(text, cells->utf8) <= end - cells->used)
		cells_put(cells, text);
	else
	{
		cells->width = end - 1;
		cells_put(cells, text);
		cells->width = end;
		cells_put(cells, cells->utf8 ? "\u2026" : "~");
	}
	cells->width = before;
	cells_fill(cells, end);
}

void cells_put_right(Cells *cells, const char *text)
{
	int columns = cells_measure(text, cells->utf8);

	if (cells->used > 0 && cells->used < cells->width)
		cells_put(cells, " ");
	cells_fill(cells, cells->width - columns);
	cells_put_field(cells, text, cells->width - cells->used);
}

void cells_put_bar(Cells *cells, int64_t done, int64_t total, int width)
{
	int room = width - 2;
	int filled = total > 0 ? (int) ((double) done / (double) total * room) : 0;

	if (room <= 0)
		return;
	if (filled > room)
		filled = room;
	cells_put(cells, "[");
	for (int i = 0; i < room; i++)
		cells_put(cells,
				  i < filled ? (cells->utf8 ? "\u2588" : "#") : (cells->utf8 ? "\u2591" : "-"));
	cells_put(cells, "]");
}
