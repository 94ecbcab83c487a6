/*
 * found_countries.h - whose numbers a file holds, so that a person sees a wrong list at a glance.
 */
#ifndef CAMPAIGN_FOUND_COUNTRIES_H
#define CAMPAIGN_FOUND_COUNTRIES_H

#include "postgres.h"

#include "number.h"

/* Of the valid numbers of a file, repeated ones too. All zeros: none yet. */
typedef struct FoundCountries
{
	int64 count[COUNTRIES_MAX + 1]; /* by country; the first: +1 and no known area code */
	int64 assumed;					/* read as international although nothing said so */
} FoundCountries;

static inline void found_countries_add(FoundCountries *found, const Number *number)
{
	found->count[number->country + 1]++;
	found->assumed += number->assumed;
}

/* "countries": {"BR": 2, …}, "assumed": 0 - members of a JSON object. */
char *found_countries_json(const FoundCountries *found);

#endif /* CAMPAIGN_FOUND_COUNTRIES_H */
