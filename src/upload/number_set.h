/*
 * number_set.h - the set of phone numbers that an upload has seen.
 *
 * Eight bytes a slot and no more: each number costs a cache miss, and nothing in the
 * import costs as much.
 */
#ifndef CAMPAIGN_NUMBER_SET_H
#define CAMPAIGN_NUMBER_SET_H

#include "postgres.h"

typedef struct NumberSet
{
	uint64 *slots;	   /* 0: free; no number is 0, and none needs the highest bit, the mark */
	uint64 multiplier; /* random and odd: nobody can send a file of collisions */
	int bits;		   /* 2^bits slots */
	uint64 count;
	uint64 marked;
	MemoryContext context;
} NumberSet;

/* A set in the current memory context, with room for about `expected` numbers before it grows. */
void number_set_create(NumberSet *set, uint64 expected);

/* Adds the digits of a number; false if it was there. */
bool number_set_add(NumberSet *set, uint64 digits);

/* Marks a number, if it is there. */
void number_set_mark(NumberSet *set, uint64 digits);

bool number_set_is_marked(const NumberSet *set, uint64 digits);

#endif /* CAMPAIGN_NUMBER_SET_H */
