/*
 * number_list.h - the numbers of a file in their order, eight bytes each: what is
 * kept between reading a file and storing it.
 */
#ifndef CAMPAIGN_NUMBER_LIST_H
#define CAMPAIGN_NUMBER_LIST_H

#include "postgres.h"

typedef struct NumberChunk NumberChunk;

typedef struct NumberList
{
	NumberChunk *first;
	NumberChunk *last;
	uint64 count;
	MemoryContext context;
} NumberList;

typedef struct NumberListPlace
{
	NumberChunk *chunk;
	int at;
} NumberListPlace;

/* An empty list in the current memory context. */
void number_list_create(NumberList *list);

/* Empties a list; frees nothing, which ends with its context. */
void number_list_clear(NumberList *list);

void number_list_add(NumberList *list, uint64 digits);

NumberListPlace number_list_begin(const NumberList *list);

/* The number at this place, which moves on; false at the end. */
bool number_list_next(NumberListPlace *place, uint64 *digits);

/* Takes out the numbers for which leave_out() is true; the others keep their order. */
void number_list_filter(NumberList *list, bool (*leave_out)(const void *, uint64),
						const void *argument);

#endif /* CAMPAIGN_NUMBER_LIST_H */
