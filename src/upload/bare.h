/*
 * bare.h - what digits without + and 00 may be where a country is given.
 *
 * Pure: no PostgreSQL header, no allocation.
 */
#ifndef CAMPAIGN_BARE_H
#define CAMPAIGN_BARE_H

#include "number_types.h"

#define LOCAL_DIGITS_MIN 7 /* of a number without its area code */

typedef enum BareReading
{
	BARE_NEITHER,
	BARE_NATIONAL, /* a national number as it is */
	BARE_OWN_CODE, /* one with the country's calling code in front */
	BARE_BOTH,	   /* nobody can tell which of the two */
	BARE_NO_ZERO,  /* a national number, or a part of one: with its trunk 0 it would be certain */
	BARE_ABROAD	   /* a fixed number without its trunk 0, or a mobile of another country */
} BareReading;

/* `digits` begin with neither the trunk prefix nor the prefix for calls abroad of `home`. */
BareReading bare_read(const Country *home, const char *digits, size_t count);

/* Whether so many digits can be a national number as they are, whatever they begin with. */
bool bare_length_is_possible(const Country *home, const char *digits, size_t count);

/*
 * Whether digits behind a trunk prefix are a mobile behind the country's calling code, "049 151 …",
 * rather than a number of an area code that begins like it.
 */
bool bare_is_own_code(const Country *home, const char *digits, size_t count);

/* Whether so many digits may be a number without its area code. `home`: NULL, nobody knows. */
bool bare_may_be_local(const Country *home, size_t count);

#endif /* CAMPAIGN_BARE_H */
