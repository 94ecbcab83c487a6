/*
 * test_replay_pace.c - dead letters of a limited campaign follow each other no faster than that,
 * by a simulated clock (R5.4).
 *
 * links: src/publish/replay_pace.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "src/publish/replay_pace.h"

#define SECOND_US INT64_C(1000000)

#define MANY 1000

/* As long as its recipients take at the limit, to the microsecond; then it is forgotten. */
static void test_one_waits(void **state)
{
	ReplayPace pace = {0};

	(void) state;
	assert_true(replay_pace_reserve(&pace));
	assert_true(replay_pace_next(&pace, 0) == INT64_MAX);
	replay_pace_note(&pace, "a", 250, 100000, 7);
	assert_int_equal(replay_pace_next(&pace, 8), 2500000 + 7);
	assert_int_equal(pace.count, 1);
	assert_string_equal(pace.waits[0].campaign_id, "a");
	assert_int_equal(replay_pace_next(&pace, 2500000 + 6), 2500000 + 7);
	assert_true(replay_pace_next(&pace, 2500000 + 7) == INT64_MAX);
	assert_int_equal(pace.count, 0);
	replay_pace_free(&pace);
}

/* Without a limit nobody waits; at the lowest of all a whole body does for hours. */
static void test_limits(void **state)
{
	ReplayPace pace = {0};

	(void) state;
	assert_true(replay_pace_reserve(&pace));
	replay_pace_note(&pace, "a", 250, 0, 0);
	assert_int_equal(pace.count, 0);
	replay_pace_note(&pace, "a", 1000, 10, 0);
	assert_int_equal(replay_pace_next(&pace, 1), 100000 * SECOND_US);
	replay_pace_free(&pace);
}

/* Each until its own time: one that waits long keeps no other. */
static void test_others_do_not_wait(void **state)
{
	ReplayPace pace = {0};

	(void) state;
	assert_true(replay_pace_reserve(&pace));
	replay_pace_note(&pace, "slow", 1, 10, 0);
	replay_pace_note(&pace, "fast", 1, 1000, 0);
	assert_int_equal(replay_pace_next(&pace, 0), SECOND_US);
	assert_int_equal(replay_pace_next(&pace, SECOND_US), 100 * SECOND_US);
	assert_int_equal(pace.count, 1);
	assert_string_equal(pace.waits[0].campaign_id, "slow");
	replay_pace_free(&pace);
}

/* However many wait, there is room for another, and each of them is known. */
static void test_room(void **state)
{
	ReplayPace pace = {0};
	char name[16];

	(void) state;
	for (int i = 0; i < MANY; i++)
	{
		assert_true(replay_pace_reserve(&pace));
		snprintf(name, sizeof(name), "c%d", i);
		replay_pace_note(&pace, name, 1, 1000, i);
		assert_int_equal(pace.count, i + 1);
		assert_string_equal(pace.waits[i].campaign_id, name);
	}
	assert_int_equal(replay_pace_next(&pace, SECOND_US), SECOND_US + 1);
	assert_int_equal(pace.count, MANY - 1);
	assert_int_equal(replay_pace_next(&pace, SECOND_US + MANY - 2), SECOND_US + MANY - 1);
	assert_int_equal(pace.count, 1);
	replay_pace_free(&pace);
}

/* Room of which others are done is used again. */
static void test_room_is_used_again(void **state)
{
	ReplayPace pace = {0};
	int room;

	(void) state;
	assert_true(replay_pace_reserve(&pace));
	room = pace.room;
	for (int i = 0; i < MANY; i++)
	{
		assert_true(replay_pace_reserve(&pace));
		replay_pace_note(&pace, "a", 1, 1000, i * SECOND_US);
		assert_true(replay_pace_next(&pace, (i + 1) * SECOND_US) == INT64_MAX);
	}
	assert_int_equal(pace.room, room);
	replay_pace_free(&pace);
}

/* A higher limit that ended a wait sooner: the next letter of that campaign takes its place. */
static void test_one_wait_a_campaign(void **state)
{
	ReplayPace pace = {0};

	(void) state;
	assert_true(replay_pace_reserve(&pace));
	replay_pace_note(&pace, "a", 250, 10, 0);
	replay_pace_note(&pace, "a", 5, 1000, SECOND_US);
	assert_int_equal(pace.count, 1);
	assert_int_equal(pace.waits[0].recipients, 5);
	assert_int_equal(pace.waits[0].since_us, SECOND_US);
	assert_int_equal(replay_pace_next(&pace, SECOND_US), 6 * SECOND_US);
	replay_pace_free(&pace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_waits),			cmocka_unit_test(test_limits),
		cmocka_unit_test(test_others_do_not_wait),	cmocka_unit_test(test_room),
		cmocka_unit_test(test_one_wait_a_campaign), cmocka_unit_test(test_room_is_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
