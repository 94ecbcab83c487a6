/*
 * mark.c - has MongoDB been set back?; see mark.h.
 *
 * A backup ends at some moment: what was stored last is lost first. So two
 * documents tell whether anything was lost: the last one of now, and, if it was
 * set back and the lane has stored behind the hole already, the last one of the
 * look before. Without this nobody would see it: the driver opens a lost
 * connection again by itself.
 */
#include "mark.h"

#include <string.h>

#include "program/clock.h"
#include "program/sometimes.h"

/* A look after so many documents is less than a hundredth of storing them. */
#define DOCUMENTS 4000

/* In less, nobody restores anything without breaking the connection of an insert. */
#define SILENCE_MS 200

void mark_forget(Pipeline *pipeline)
{
	pipeline->mark.set = false;
}

bool mark_is_due(const Pipeline *pipeline)
{
	const Mark *mark = &pipeline->mark;

	return mark->set &&
		   (mark->documents >= DOCUMENTS || clock_ms() - mark->stored_ms >= SILENCE_MS);
}

bool mark_look(Pipeline *pipeline, bool *set_back, Error *error)
{
	Mark *mark = &pipeline->mark;
	bool seen = true;
	bool last = true;

	if (mark->set && (!store_has(pipeline->store, mark->last, &last, error) ||
					  !store_has(pipeline->store, mark->seen, &seen, error)))
		return false;
	SOMETIMES_IF(!last, "consumer.set_back");
	SOMETIMES_IF(last && !seen, "consumer.set_back_and_stored_behind");
	*set_back = !last || !seen;
	memcpy(mark->seen, mark->last, sizeof(mark->seen));
	mark->documents = 0;
	return true;
}

/* The last document of the chunk that MongoDB has as ours; -1: none. */
static int last_place(const Chunk *chunk)
{
	int place = chunk->count - 1;

	while (place >= 0 && chunk->states[place] != CHUNK_MISSING &&
		   chunk->states[place] != CHUNK_PRESENT)
		place--;
	return place;
}

void mark_stored(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	int place = last_place(chunk);
	Mark *mark = &pipeline->mark;
	bson_iter_t iter;
	bson_subtype_t subtype;
	uint32_t length = 0;
	const uint8_t *id = NULL;

	/* Only ordered lanes know what comes before what. */
	if (!pipeline->ordered || place < 0 ||
		!bson_iter_init_find(&iter, &chunk->documents[place], "_id"))
		return;
	bson_iter_binary(&iter, &subtype, &length, &id);
	memcpy(mark->last, id, sizeof(mark->last));
	mark->documents += chunk->count;
	mark->stored_ms = clock_ms();
	if (mark->set)
		return;
	memcpy(mark->seen, id, sizeof(mark->seen));
	mark->set = true;
	mark->documents = 0;
}
