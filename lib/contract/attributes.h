/*
 * attributes.h - what a recipient's attributes may be, so that the JSON that
 * travels, the BSON that MongoDB keeps and the JSON made of it again are the
 * same: keys that MongoDB can hold, and numbers in one form.
 *
 * The worker refuses by these rules when recipients are added, the consumer when
 * a message comes. Pure: no allocation, no locale, no I/O.
 */
#ifndef CAMPAIGN_CONTRACT_ATTRIBUTES_H
#define CAMPAIGN_CONTRACT_ATTRIBUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Digits of a decimal, before and behind its point: so many survive a double unchanged. */
#define ATTRIBUTES_DECIMAL_DIGITS 15

/* A sign, the digits, a zero, a point and NUL. */
#define ATTRIBUTES_NUMBER_SIZE 24

typedef enum AttributesNumber
{
	ATTRIBUTES_NO_NUMBER, /* not in canonical form, or out of range */
	ATTRIBUTES_WHOLE,	  /* fits an int64 */
	ATTRIBUTES_DECIMAL	  /* has a fraction, and is the double's only text of so few digits */
} AttributesNumber;

/*
 * Reads a number in canonical form: no exponent, no '+', no "-0", no leading
 * zeros, none at the end of a fraction. Sets *whole or *decimal.
 */
AttributesNumber attributes_number(const char *text, size_t length, int64_t *whole,
								   double *decimal);

/*
 * The canonical text of a double that came from one, with its NUL; returns its length, 0 if no
 * canonical decimal makes this double.
 */
size_t attributes_decimal_text(double decimal, char out[ATTRIBUTES_NUMBER_SIZE]);

/* Why MongoDB cannot hold this as a key; NULL if it can. */
const char *attributes_key_problem(const char *key, size_t length);

#endif /* CAMPAIGN_CONTRACT_ATTRIBUTES_H */
