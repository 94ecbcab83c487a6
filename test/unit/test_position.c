/*
 * test_position.c - what is done with a batch, and the bounded memory of where
 * campaigns stand.
 *
 * links: consumer/position.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/position.h"

#define CAPACITY 4

/* Every place that a batch of three can have before, at, over and behind `next`. */
static void test_decision(void **state)
{
	static const struct
	{
		int64_t next;
		int64_t first;
		int64_t last;
		PositionDecision decision;
		int64_t from;
	} cases[] = {
		{1, 1, 3, POSITION_STORE, 1},  /* the first of all */
		{4, 4, 6, POSITION_STORE, 4},  /* the next one */
		{5, 4, 6, POSITION_STORE, 5},  /* begins in what is stored */
		{6, 4, 6, POSITION_STORE, 6},  /* only its last one is missing */
		{7, 4, 6, POSITION_DONE, -1},  /* ends where the missing begins */
		{99, 4, 6, POSITION_DONE, -1}, /* long stored */
		{3, 4, 6, POSITION_GAP, -1},   /* one is missing in front */
		{1, 4, 6, POSITION_GAP, -1},   {4, 4, 4, POSITION_STORE, 4}, /* of one recipient */
		{5, 4, 4, POSITION_DONE, -1},  {3, 4, 4, POSITION_GAP, -1},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
	{
		int64_t from = -1;

		assert_int_equal(position_decide(cases[i].next, cases[i].first, cases[i].last, &from),
						 cases[i].decision);
		assert_int_equal(from, cases[i].from);
	}
}

static const char *name_of(int number)
{
	static char name[16];

	snprintf(name, sizeof(name), "c%d", number);
	return name;
}

/* Adds c<first> … c<last>, each with its number as `read_ms`. */
static void add(PositionTable *table, int first, int last)
{
	for (int number = first; number <= last; number++)
		position_add(table, name_of(number))->read_ms = number;
}

static int64_t read_ms_of(PositionTable *table, int number)
{
	const PositionCampaign *campaign = position_find(table, name_of(number));

	return campaign == NULL ? -1 : campaign->read_ms;
}

static void test_found_with_its_own_values(void **state)
{
	PositionTable *table = position_new(CAPACITY);

	(void) state;
	assert_null(position_find(table, "c1"));
	add(table, 1, CAPACITY);
	for (int number = 1; number <= CAPACITY; number++)
		assert_int_equal(read_ms_of(table, number), number);
	position_free(table);
}

static void test_longest_unused_makes_room(void **state)
{
	PositionTable *table = position_new(CAPACITY);

	(void) state;
	add(table, 1, CAPACITY);
	assert_int_equal(read_ms_of(table, 1), 1); /* used: c2 is the oldest now */
	add(table, 5, 5);
	assert_int_equal(read_ms_of(table, 2), -1);
	assert_int_equal(read_ms_of(table, 1), 1);
	add(table, 6, 7);
	assert_int_equal(read_ms_of(table, 3), -1);
	assert_int_equal(read_ms_of(table, 4), -1);
	assert_int_equal(read_ms_of(table, 1), 1);
	position_free(table);
}

/* The place of another campaign: nothing of it may be taken for this one's. */
static void test_nothing_is_inherited(void **state)
{
	PositionTable *table = position_new(CAPACITY);

	(void) state;
	add(table, 1, CAPACITY);
	position_find(table, name_of(1))->classes[MESSAGE_CLASS_NORMAL].next = 7;
	for (int number = 2; number <= CAPACITY; number++)
		(void) position_find(table, name_of(number));
	assert_int_equal(position_add(table, name_of(5))->classes[MESSAGE_CLASS_NORMAL].next, 0);
	assert_null(position_find(table, name_of(1)));
	position_free(table);
}

/* The last entry moves into the place of the forgotten one: all of them must still be found. */
static void test_forget_keeps_the_others(void **state)
{
	for (int forgotten = 1; forgotten <= CAPACITY; forgotten++)
	{
		PositionTable *table = position_new(CAPACITY);

		add(table, 1, CAPACITY);
		position_forget(table, name_of(forgotten));
		position_forget(table, "never");
		for (int number = 1; number <= CAPACITY; number++)
			assert_int_equal(read_ms_of(table, number), number == forgotten ? -1 : number);
		add(table, 5, 8);
		for (int number = 5; number <= 8; number++)
			assert_int_equal(read_ms_of(table, number), number);
		position_free(table);
	}
	(void) state;
}

static void test_clear_forgets_all(void **state)
{
	PositionTable *table = position_new(CAPACITY);

	(void) state;
	add(table, 1, 9);
	position_clear(table);
	for (int number = 1; number <= 9; number++)
		assert_int_equal(read_ms_of(table, number), -1);
	add(table, 1, CAPACITY);
	assert_int_equal(read_ms_of(table, 1), 1);
	position_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decision),
		cmocka_unit_test(test_found_with_its_own_values),
		cmocka_unit_test(test_longest_unused_makes_room),
		cmocka_unit_test(test_nothing_is_inherited),
		cmocka_unit_test(test_forget_keeps_the_others),
		cmocka_unit_test(test_clear_forgets_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
