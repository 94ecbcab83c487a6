/*
 * doubt.c - what others have begun; see doubt.h.
 *
 * Must never let anything be sent that somebody else may have begun, unless
 * CAMPAIGN_IN_DOUBT=resend says so and its sender is dead.
 */
#include "doubt.h"

#include <string.h>

#include "fate.h"
#include "program/clock.h"
#include "program/log.h"
#include "program/sometimes.h"
#include "program/stop.h"
#include "send_state.h"

#define WAIT_MS	   200 /* before a living sender's claims are looked at again */
#define OTHERS_MAX 64  /* senders asked about at once; the rest come with the next look */

/* Whose claims were found. */
typedef struct Others
{
	int count;
	char ids[OTHERS_MAX][CLAIM_SENDER_LENGTH + 1];
	bool living[OTHERS_MAX];
} Others;

/* What a look has shown. */
typedef struct Look
{
	Others others;
	ClaimChanges *changes;
	bool waiting;
	const char *awaited; /* a claim that a living sender has; NULL: none was found */
} Look;

static bool has_own_claim(const Pipeline *pipeline, const Claim *claim)
{
	return strcmp(claim->claim, pipeline->sending->claim) == 0;
}

/* Claimed by this attempt, and nobody has taken this sender for dead since then. */
static bool is_ours(const Pipeline *pipeline, const Claim *claim)
{
	return claim->status == CLAIM_SENDING && has_own_claim(pipeline, claim);
}

static bool step_read(Pipeline *pipeline, void *unused, Error *error)
{
	const Chunk *chunk = pipeline->chunk;
	SendItem *items = pipeline->sending->items;
	Claim *claims = calloc((size_t) chunk->count, sizeof(*claims));
	bool done;

	(void) unused;
	if (claims == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	for (int place = 0; place < chunk->count; place++)
		claims[place].status = CLAIM_GONE;
	done = claim_read(pipeline->store, chunk, claims, error);
	for (int place = 0; done && place < chunk->count; place++)
	{
		/* A claim that was taken over is remembered as it was found. */
		if (chunk->states[place] == CHUNK_PRESENT && items[place].state == SEND_NOTHING &&
			!(items[place].taken && is_ours(pipeline, &claims[place])))
			items[place].found = claims[place];
		else if (chunk->states[place] == CHUNK_PRESENT && items[place].state == SEND_NOTHING)
			items[place].state = SEND_OURS;
	}
	free(claims);
	return done;
}

static bool step_living(Pipeline *pipeline, void *argument, Error *error)
{
	Others *others = argument;

	return sender_living(pipeline->sending->sender,
						 (const char(*)[CLAIM_SENDER_LENGTH + 1]) others->ids, others->count,
						 others->living, error);
}

static bool step_apply(Pipeline *pipeline, void *changes, Error *error)
{
	return claim_apply(pipeline->store, changes, error);
}

/* The place of a claim's sender among the others; -1: there is no room to ask about it now. */
static int place_of(Others *others, const char *claim, bool add)
{
	int i;

	for (i = 0; i < others->count; i++)
	{
		if (memcmp(others->ids[i], claim, CLAIM_SENDER_LENGTH) == 0)
			return i;
	}
	if (!add || others->count == OTHERS_MAX)
		return -1;
	memcpy(others->ids[i], claim, CLAIM_SENDER_LENGTH);
	others->ids[i][CLAIM_SENDER_LENGTH] = '\0';
	others->count++;
	return i;
}

static bool is_open(const Pipeline *pipeline, int place)
{
	return pipeline->chunk->states[place] == CHUNK_PRESENT &&
		   pipeline->sending->items[place].state == SEND_NOTHING;
}

/* Its sender has taken back what it had not begun: nobody has it, so it has to come again. */
static bool has_gone(const Pipeline *pipeline)
{
	for (int place = 0; place < pipeline->chunk->count; place++)
	{
		if (is_open(pipeline, place) && pipeline->sending->items[place].found.status == CLAIM_GONE)
			return true;
	}
	return false;
}

/* What MongoDB says for itself; the senders of all other claims are asked about. */
static void classify(Pipeline *pipeline, Others *others)
{
	Sending *sending = pipeline->sending;

	for (int place = 0; place < pipeline->chunk->count; place++)
	{
		SendItem *item = &sending->items[place];
		const Claim *found = &item->found;

		if (!is_open(pipeline, place) || found->status == CLAIM_NONE ||
			found->status == CLAIM_REPORTED)
			continue;
		if (is_ours(pipeline, found))
		{
			/* An insert of this attempt whose answer was lost. */
			SOMETIMES("consumer.claim_read_back");
			item->state = SEND_OURS;
		}
		else if (found->status == CLAIM_SENT || found->status == CLAIM_FAILED ||
				 has_own_claim(pipeline, found))
			/* One's own, and not ours: whoever has taken this sender for dead reports it. */
			item->state = SEND_KNOWN;
		else if (*found->claim != '\0')
			(void) place_of(others, found->claim, true);
		else
			item->state = SEND_KNOWN;
	}
}

/* If its campaign is halted: when that is over. */
static bool is_sent_again(const Pipeline *pipeline, int place, const Range *range)
{
	const Chunk *chunk = pipeline->chunk;
	bson_iter_t iter;

	/* Who is left out has a document here that says nothing but where it is. */
	return pipeline->config->in_doubt == IN_DOUBT_RESEND && !pipeline->sending->decided[place] &&
		   !range->ended &&
		   bson_iter_init_find(&iter, &chunk->documents[place], MESSAGE_FIELD_IDENTIFIER);
}

/* It comes again when its campaign goes on, and is taken over then. */
static void put_off(Chunk *chunk, int place)
{
	SOMETIMES("consumer.doubt_put_off");
	chunk->states[place] = CHUNK_HALTED;
	chunk->halted++;
}

/* A claim of somebody else. */
static void judge(Pipeline *pipeline, const Range *range, int place, Look *look)
{
	Sending *sending = pipeline->sending;
	SendItem *item = &sending->items[place];
	const bson_t *document = &pipeline->chunk->documents[place];
	int other = place_of(&look->others, item->found.claim, false);
	bool ours = memcmp(item->found.claim, sending->claim, CLAIM_SENDER_LENGTH) == 0;
	bool again = is_sent_again(pipeline, place, range);

	if (other < 0 || (look->others.living[other] && !ours && item->found.status == CLAIM_SENDING))
	{
		look->waiting = true;
		if (other >= 0)
			look->awaited = item->found.claim;
		return;
	}
	if (again && !range->halted)
	{
		SOMETIMES("consumer.doubt_sent_again");
		claim_put_taking(look->changes, document, item->found.claim, sending->claim);
		item->taken = true;
	}
	else if (item->found.status == CLAIM_SENDING)
	{
		SOMETIMES("consumer.doubt_held");
		claim_put_doubt(look->changes, document, item->found.claim);
	}
	else if (again)
		put_off(pipeline->chunk, place);
	else
		item->state = SEND_KNOWN;
}

static void judge_all(Pipeline *pipeline, Look *look)
{
	const RangeList *ranges = &pipeline->chunk->ranges;

	for (int i = 0; i < ranges->count; i++)
	{
		const Range *range = &ranges->items[i];

		for (int j = 0; j < range_documents(range); j++)
		{
			int place = range->first_document + j;
			const Claim *found = &pipeline->sending->items[place].found;

			if (is_open(pipeline, place) && *found->claim != '\0')
				judge(pipeline, range, place, look);
		}
	}
}

/* One look; *again: there is more to find out. *awaited: as in Look, until the next one. */
static Outcome look_once(Pipeline *pipeline, bool *again, const char **awaited)
{
	Look look = {.changes = claim_changes_new()};
	Outcome outcome = attempt(pipeline, SERVER_MONGODB, step_read, NULL);

	if (look.changes == NULL)
	{
		error_set(&pipeline->error, ERROR_MEMORY, "out of memory");
		return OUTCOME_FATAL;
	}
	if (outcome == OUTCOME_OK && has_gone(pipeline))
		outcome = OUTCOME_RELEASE;
	if (outcome == OUTCOME_OK)
		classify(pipeline, &look.others);
	if (outcome == OUTCOME_OK && look.others.count > 0)
		outcome = attempt(pipeline, SERVER_POSTGRESQL, step_living, &look.others);
	if (outcome == OUTCOME_OK && look.others.count > 0)
		judge_all(pipeline, &look);
	if (outcome == OUTCOME_OK && claim_changes_count(look.changes) > 0)
		outcome = attempt(pipeline, SERVER_MONGODB, step_apply, look.changes);
	*again = look.waiting || claim_changes_count(look.changes) > 0;
	*awaited = look.awaited;
	if (outcome == OUTCOME_OK && look.waiting)
	{
		SOMETIMES("consumer.waits_for_a_sender");
		receive_heartbeat(pipeline->receive);
		outcome = stop_wait(WAIT_MS) ? OUTCOME_OK : OUTCOME_STOP;
	}
	claim_changes_free(look.changes);
	return outcome;
}

static bool has_claims(const Pipeline *pipeline)
{
	for (int place = 0; place < pipeline->chunk->count; place++)
	{
		if (pipeline->sending->items[place].state == SEND_OURS)
			return true;
	}
	return false;
}

/*
 * Takes back what this attempt has claimed: the sender that we wait for may be waiting for that,
 * and neither of the two would ever begin anything. The rest is waited for without claims.
 */
static Outcome give_way(Pipeline *pipeline)
{
	Outcome outcome;

	SOMETIMES("consumer.gives_way");
	log_line(LOG_WARNING, "took back its claims: another sender may be waiting for them",
			 {"queue", pipeline->queue, 0});
	outcome = fate_write(pipeline);
	for (int place = 0; outcome == OUTCOME_OK && place < pipeline->chunk->count; place++)
	{
		SendItem *item = &pipeline->sending->items[place];

		if (item->state != SEND_OURS)
			continue;
		item->state = SEND_NOTHING;
		pipeline->chunk->states[place] = CHUNK_MISSING;
	}
	return outcome;
}

static void say_awaited(const Pipeline *pipeline, const char *claim)
{
	char id[CLAIM_SENDER_LENGTH + 1] = "";

	memcpy(id, claim, CLAIM_SENDER_LENGTH);
	log_line(LOG_WARNING, "waits for another sender, whose session lives",
			 {"queue", pipeline->queue, 0}, {"sender", id, 0});
}

Outcome doubt_settle(Pipeline *pipeline)
{
	const Chunk *chunk = pipeline->chunk;
	int64_t long_ms = clock_ms() + pipeline->config->hold_s * INT64_C(1000);
	bool again =
		chunk->count > 0 && memchr(chunk->states, CHUNK_PRESENT, (size_t) chunk->count) != NULL;
	const char *awaited = NULL;
	bool said = false;
	bool gave_way = false;
	Outcome outcome = OUTCOME_OK;

	while (outcome == OUTCOME_OK && again)
	{
		outcome = look_once(pipeline, &again, &awaited);
		if (outcome != OUTCOME_OK || !again || clock_ms() < long_ms)
			continue;
		if (awaited != NULL && !said)
			say_awaited(pipeline, awaited);
		said |= awaited != NULL;
		if (has_claims(pipeline))
		{
			outcome = give_way(pipeline);
			gave_way = true;
		}
	}
	/* What was taken back has to come again. */
	return outcome == OUTCOME_OK && gave_way ? OUTCOME_RELEASE : outcome;
}
