/*
 * test_chunk.c - which recipients come into one chunk, and until when.
 *
 * links: consumer/chunk.c lib/program/clock.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libmongoc-1.0 libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/chunk.h"

#define CAPACITY 8

static DecodedBatch batch;

/* A letter for each recipient: `m` for a message, `-` for one that was left out. */
static Chunk *begin(const char *recipients)
{
	Chunk *chunk = chunk_new(CAPACITY);

	assert_non_null(chunk);
	batch.count = (int) strlen(recipients);
	batch.first_seq = 1;
	batch.text = "Hello";
	batch.text_length = strlen(batch.text);
	snprintf(batch.campaign_id, sizeof(batch.campaign_id), "c12345678901234567890123");
	for (int i = 0; i < batch.count; i++)
	{
		DecodedRecipient *recipient = &batch.recipients[i];

		memset(recipient, 0, sizeof(*recipient));
		if (recipients[i] == '-')
			continue;
		recipient->identifier = "i12345678901234567890123";
		recipient->identifier_length = 24;
		recipient->phone_number = "+88812345678";
		recipient->phone_length = 12;
	}
	chunk_use(chunk, &batch);
	return chunk;
}

/* How many come into each chunk, one after the other. */
static void assert_chunks(const char *recipients, bool single, bool doubtful, const char *expected)
{
	Chunk *chunk = begin(recipients);
	char sizes[4 * CAPACITY] = "";
	int place = 0;

	chunk->single = single;
	while (place < batch.count)
	{
		int from = place;

		chunk_reset(chunk);
		place = chunk_add(chunk, from, doubtful);
		assert_in_range(place, from + 1, batch.count);
		assert_int_equal(chunk->count, place - from);
		/* Else the chunk would be filled for ever. */
		assert_true(place == batch.count || chunk_is_full(chunk));
		snprintf(sizes + strlen(sizes), sizeof(sizes) - strlen(sizes), "%d ", chunk->count);
	}
	assert_string_equal(sizes, expected);
	chunk_free(chunk);
}

static void test_a_chunk_takes_what_there_is_room_for(void **state)
{
	(void) state;
	assert_chunks("mm--m", false, false, "5 ");
	assert_chunks("mmmm----mm", false, false, "8 2 ");
}

/* While a provider takes nothing; what is not sent has no reason to wait for it. */
static void test_single_messages_and_the_rest_together(void **state)
{
	(void) state;
	assert_chunks("mmm", true, false, "1 1 1 ");
	assert_chunks("----------", true, false, "8 2 ");
	assert_chunks("---m--m", true, false, "3 1 2 1 ");
	assert_chunks("m---", true, false, "1 3 ");
}

static void test_what_is_halted_goes_together(void **state)
{
	(void) state;
	assert_chunks("mm-mm", true, true, "5 ");
}

/*
 * Who sends leaves out before it tells the fates, and once more with those who only store: what was
 * resumed has to be asked for afterwards.
 */
static void test_what_was_resumed_is_left_out_once(void **state)
{
	Chunk *chunk = begin("mmm--");

	(void) state;
	(void) chunk_add(chunk, 0, true);
	chunk->ranges.items[0].halted = true;
	chunk->ranges.items[0].resumed = true;
	chunk_halt(chunk);
	for (int i = 0; i < 2; i++)
	{
		chunk_leave_out_halted(chunk);
		assert_int_equal(chunk->ranges.count, 1);
		assert_int_equal(chunk->ranges.items[0].first_seq, 4);
		assert_int_equal(chunk->resumed.count, 1);
		assert_int_equal(chunk->resumed.items[0].first_seq, 1);
	}
	chunk_reset(chunk);
	assert_int_equal(chunk->resumed.count, 0);
	chunk_free(chunk);
}

/* From the deadline on, to the millisecond, nothing more is begun. */
static void test_a_range_expires_at_its_deadline(void **state)
{
	Range range = {.first_seq = 1, .last_seq = 8, .valid_until_ms = 5000};

	(void) state;
	assert_false(range_has_expired(&range, 4999));
	assert_true(range_has_expired(&range, 5000));
	assert_true(range_has_expired(&range, 5001));
	range.valid_until_ms = INT64_MAX;
	assert_false(range_has_expired(&range, INT64_MAX - 1));
}

/* What says that somebody was left out is reported however late it is. */
static void test_who_was_left_out_does_not_expire(void **state)
{
	Range range = {.first_seq = 1, .last_seq = 8, .valid_until_ms = 5000, .suppressed = true};

	(void) state;
	assert_false(range_has_expired(&range, 6000));
	/* Of a batch that had recipients besides: all of it comes again, without any. */
	range.late = true;
	assert_true(range_has_expired(&range, 6000));
	assert_false(range_has_expired(&range, 4999));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_chunk_takes_what_there_is_room_for),
		cmocka_unit_test(test_single_messages_and_the_rest_together),
		cmocka_unit_test(test_what_is_halted_goes_together),
		cmocka_unit_test(test_what_was_resumed_is_left_out_once),
		cmocka_unit_test(test_a_range_expires_at_its_deadline),
		cmocka_unit_test(test_who_was_left_out_does_not_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
