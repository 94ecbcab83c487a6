/*
 * cells.h - a line of text as a terminal shows it: cut and filled by columns, not by bytes.
 *
 * Pure, but for the locale: LC_CTYPE must be a UTF-8 one if `utf8` is set. Whatever a text holds,
 * what comes out is one line without control characters: names come from people, and reach a
 * terminal.
 */
#ifndef CAMPAIGN_MONITOR_CELLS_H
#define CAMPAIGN_MONITOR_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line of so many columns at most; wider terminals have a margin. */
#define CELLS_WIDTH_MAX 400
/* Letters with marks on them take no column of their own: what does not fit is left out. */
#define CELLS_SIZE (CELLS_WIDTH_MAX * 6 + 1)

typedef struct Cells
{
	char text[CELLS_SIZE]; /* ends with NUL */
	size_t length;
	int used;  /* columns */
	int width; /* columns that there are */
	bool utf8; /* false: ASCII; everything else is a question mark */
} Cells;

/* An empty line. */
void cells_start(Cells *cells, int width, bool utf8);

/* Appends a text; what does not fit is cut off. */
void cells_put(Cells *cells, const char *text);

/* Appends a printf-style text. */
void cells_print(Cells *cells, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Blanks up to this column. */
void cells_fill(Cells *cells, int column);

/* Appends a text as a field of so many columns: cut with an ellipsis, or filled with blanks. */
void cells_put_field(Cells *cells, const char *text, int width);

/* Appends a text that ends at the last column; less of it if that is not free. */
void cells_put_right(Cells *cells, const char *text);

/* How many columns a text takes. */
int cells_measure(const char *text, bool utf8);

/*
 * The bytes of a text that are its next line if it is broken at blanks: what fits into so many
 * columns, or its first word if that alone is too long.
 */
size_t cells_next_line(const char *text, int width, bool utf8);

/* A bar of so many columns, brackets included. */
void cells_put_bar(Cells *cells, int64_t done, int64_t total, int width);

#endif /* CAMPAIGN_MONITOR_CELLS_H */
