/*
 * filling.h - placeholders.h for the server: memory of its contexts, its errors.
 */
#ifndef CAMPAIGN_TEXTS_FILLING_H
#define CAMPAIGN_TEXTS_FILLING_H

#include "postgres.h"

#include "placeholders.h"

/* A UTF-8 text, taken apart in a context; an error if its braces make no sense. */
Placeholders *filling_open(MemoryContext context, const char *message);

/* Fills it from canonical attributes in UTF-8, NULL: none; an error if it cannot be. */
void filling_fill(const Placeholders *placeholders, const char *attributes, PlaceholdersText *text);

/* Why it could not be filled, as a sentence without its end; palloc'd, NULL if it could. */
char *filling_problem(const Placeholders *placeholders, PlaceholdersResult result,
					  const PlaceholdersText *text);

#endif /* CAMPAIGN_TEXTS_FILLING_H */
