/*
 * template.h - texts with placeholders: {name}, small letters and underscores.
 * Any other brace is a brace.
 *
 * Pure. What is filled in is never looked at for placeholders again.
 */
#ifndef CAMPAIGN_MAILER_TEMPLATE_H
#define CAMPAIGN_MAILER_TEMPLATE_H

#include <stdbool.h>

#include "contract/error.h"

/* The last of a list has a NULL name. */
typedef struct TemplateValue
{
	const char *name;
	const char *text;
} TemplateValue;

/* True if all its placeholders are in the list; else *error names the one that is not. */
bool template_check(const char *text, const TemplateValue *values, Error *error);

/*
 * A checked text with its placeholders filled in, to be freed; `html`: the values
 * with what HTML gives a meaning escaped. NULL: out of memory.
 */
char *template_fill(const char *text, const TemplateValue *values, bool html);

#endif /* CAMPAIGN_MAILER_TEMPLATE_H */
