/*
 * number_list.c - a chain of chunks that double up to a megabyte: nothing is ever
 * moved, and a short list is short.
 */
#include "postgres.h"

#include "number_list.h"

#define CHUNK_ROOM_MIN 16
#define CHUNK_ROOM_MAX 131072

struct NumberChunk
{
	NumberChunk *next;
	int count;
	int room;
	uint64 digits[FLEXIBLE_ARRAY_MEMBER];
};

void number_list_create(NumberList *list)
{
	*list = (NumberList){.context = CurrentMemoryContext};
}

void number_list_clear(NumberList *list)
{
	list->first = list->last = NULL;
	list->count = 0;
}

static void add_chunk(NumberList *list)
{
	int room = list->last == NULL ? CHUNK_ROOM_MIN : Min(2 * list->last->room, CHUNK_ROOM_MAX);
	NumberChunk *chunk = MemoryContextAlloc(list->context, offsetof(NumberChunk, digits) +
															   (Size) room * sizeof(uint64));

	chunk->next = NULL;
	chunk->count = 0;
	chunk->room = room;
	if (list->last == NULL)
		list->first = chunk;
	else
		list->last->next = chunk;
	list->last = chunk;
}

void number_list_add(NumberList *list, uint64 digits)
{
	if (list->last == NULL || list->last->count == list->last->room)
		add_chunk(list);
	list->last->digits[list->last->count++] = digits;
	list->count++;
}

NumberListPlace number_list_begin(const NumberList *list)
{
	return (NumberListPlace){.chunk = list->first};
}

bool number_list_next(NumberListPlace *place, uint64 *digits)
{
	while (place->chunk != NULL && place->at == place->chunk->count)
		*place = (NumberListPlace){.chunk = place->chunk->next};
	if (place->chunk == NULL)
		return false;
	*digits = place->chunk->digits[place->at++];
	return true;
}

void number_list_filter(NumberList *list, bool (*leave_out)(const void *, uint64),
						const void *argument)
{
	for (NumberChunk *chunk = list->first; chunk != NULL; chunk = chunk->next)
	{
		int kept = 0;

		for (int i = 0; i < chunk->count; i++)
		{
			if (!leave_out(argument, chunk->digits[i]))
				chunk->digits[kept++] = chunk->digits[i];
		}
		list->count -= chunk->count - kept;
		chunk->count = kept;
	}
}
