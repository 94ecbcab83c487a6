/*
 * excerpt.c - cuts texts between characters; see excerpt.h.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "excerpt.h"

char *excerpt(const char *text, int length, int most)
{
	return pnstrdup(text, pg_mbcliplen(text, length, most));
}
