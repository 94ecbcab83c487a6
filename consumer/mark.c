/*
 * mark.c - has MongoDB been set back?; see mark.h.
 *
 * A backup ends at some moment: what was stored last is lost first. So two
 * documents tell whether anything was lost: the last one of now, and, if it was
 * set back and the lane has stored behind the hole already, the last one of the
 * look before. Without this nobody would see it: the driver opens a lost
 * connection again by itself.
 *
 * A campaign that was stored before the lane began has no mark: until something
 * of it is stored, the document that its place was read from is looked for.
 */
#include "mark.h"

#include <string.h>

#include "program/clock.h"
#include "program/sometimes.h"

/*
 * In less than twice that nobody restores anything without breaking the connection of an insert, so
 * the look before was always at something newer than a backup that is restored now.
 */
#define LOOK_MS 100

void mark_forget(Pipeline *pipeline)
{
	pipeline->mark.set = false;
}

/* Whether nothing of the range is stored, so that it relies on what was there before. */
static bool relies(const Chunk *chunk, const Range *range)
{
	return range->read_ms != 0 && range->first_document >= chunk->stored;
}

bool mark_is_due(const Pipeline *pipeline)
{
	const Mark *mark = &pipeline->mark;
	const Chunk *chunk = pipeline->chunk;
	int64_t long_ago_ms = clock_ms() - LOOK_MS;

	if (mark->set && mark->looked_ms <= long_ago_ms)
		return true;
	for (int i = 0; i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];

		if (relies(chunk, range) && range->read_ms <= long_ago_ms)
			return true;
	}
	return false;
}

/* Whether MongoDB has what the places of the chunk's campaigns were read from. */
static bool look_behind(Pipeline *pipeline, bool *lost, Error *error)
{
	Chunk *chunk = pipeline->chunk;

	for (int i = 0; !*lost && i < chunk->ranges.count; i++)
	{
		Range *range = &chunk->ranges.items[i];
		int64_t now_ms = clock_ms();
		bool there = true;

		if (!relies(chunk, range))
			continue;
		if (!store_has(pipeline->store, range->behind, &there, error))
			return false;
		SOMETIMES_IF(!there, "consumer.set_back_before_the_first");
		range->read_ms = now_ms;
		*lost = !there;
	}
	return true;
}

bool mark_look(Pipeline *pipeline, bool *set_back, Error *error)
{
	Mark *mark = &pipeline->mark;
	int64_t now_ms = clock_ms();
	bool seen = true;
	bool last = true;

	if (mark->set && (!store_has(pipeline->store, mark->last, &last, error) ||
					  !store_has(pipeline->store, mark->seen, &seen, error)))
		return false;
	SOMETIMES_IF(!last, "consumer.set_back");
	SOMETIMES_IF(last && !seen, "consumer.set_back_and_stored_behind");
	*set_back = !last || !seen;
	memcpy(mark->seen, mark->last, sizeof(mark->seen));
	mark->looked_ms = now_ms;
	return *set_back || look_behind(pipeline, set_back, error);
}

/* The last document since `before` that MongoDB has as ours; below that: none. */
static int last_place(const Chunk *chunk, int before)
{
	int place = chunk->stored - 1;

	while (place >= before && chunk->states[place] != CHUNK_MISSING &&
		   chunk->states[place] != CHUNK_PRESENT)
		place--;
	return place;
}

void mark_stored(Pipeline *pipeline, int before)
{
	const Chunk *chunk = pipeline->chunk;
	int place = last_place(chunk, before);
	Mark *mark = &pipeline->mark;
	bson_iter_t iter;
	bson_subtype_t subtype;
	uint32_t length = 0;
	const uint8_t *id = NULL;

	/* Only ordered lanes know what comes before what. */
	if (!pipeline->ordered || place < before ||
		!bson_iter_init_find(&iter, &chunk->documents[place], "_id"))
		return;
	bson_iter_binary(&iter, &subtype, &length, &id);
	memcpy(mark->last, id, sizeof(mark->last));
	if (mark->set)
		return;
	memcpy(mark->seen, id, sizeof(mark->seen));
	mark->set = true;
	mark->looked_ms = clock_ms();
}
