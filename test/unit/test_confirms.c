/*
 * test_confirms.c - the ring of batches that the broker has to confirm.
 *
 * links: src/publish/confirms.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/publish/confirms.h"

#define BYTES 100

static int start(void **state)
{
	Confirms *confirms = malloc(sizeof(Confirms));

	if (confirms == NULL)
		return -1;
	confirms_init(confirms);
	*state = confirms;
	return 0;
}

static int end(void **state)
{
	free(*state);
	return 0;
}

static bool add(Confirms *confirms, int64_t last_seq)
{
	ConfirmsTicket ticket = {.last_seq = last_seq, .epoch = (uint32_t) last_seq % 7};

	return confirms_add(confirms, ticket, BYTES);
}

/* Sends batches first ... last; the batch with tag t is the one with last_seq t. */
static void send(Confirms *confirms, int64_t first, int64_t last)
{
	for (int64_t seq = first; seq <= last; seq++)
		assert_true(add(confirms, seq));
}

static void assert_taken(Confirms *confirms, int64_t last_seq, bool acked)
{
	ConfirmsTicket ticket = {0};
	bool was_acked = !acked;

	assert_true(confirms_take(confirms, &ticket, &was_acked));
	assert_int_equal(ticket.last_seq, last_seq);
	assert_int_equal(ticket.epoch, last_seq % 7);
	assert_int_equal(was_acked, acked);
}

static void assert_nothing_to_take(Confirms *confirms)
{
	ConfirmsTicket ticket;
	bool acked;

	assert_false(confirms_take(confirms, &ticket, &acked));
}

static void test_each_by_itself(void **state)
{
	Confirms *confirms = *state;

	assert_nothing_to_take(confirms);
	send(confirms, 1, 2);
	assert_nothing_to_take(confirms);
	confirms_settle(confirms, 1, false, true);
	assert_taken(confirms, 1, true);
	assert_nothing_to_take(confirms);
	assert_int_equal(confirms_count(confirms), 1);
}

static void test_out_of_order(void **state)
{
	Confirms *confirms = *state;

	send(confirms, 1, 3);
	confirms_settle(confirms, 3, false, true);
	confirms_settle(confirms, 2, false, true);
	assert_nothing_to_take(confirms);
	confirms_settle(confirms, 1, false, true);
	for (int seq = 1; seq <= 3; seq++)
		assert_taken(confirms, seq, true);
	assert_nothing_to_take(confirms);
}

static void test_nack_is_no_confirm(void **state)
{
	Confirms *confirms = *state;

	send(confirms, 1, 4);
	confirms_settle(confirms, 2, false, false);
	confirms_settle(confirms, 4, true, true);
	assert_taken(confirms, 1, true);
	assert_taken(confirms, 2, false);
	assert_taken(confirms, 3, true);
	assert_taken(confirms, 4, true);
}

static void test_multiple_settles_everything_before(void **state)
{
	Confirms *confirms = *state;

	send(confirms, 1, 5);
	confirms_settle(confirms, 3, true, false);
	for (int seq = 1; seq <= 3; seq++)
		assert_taken(confirms, seq, false);
	assert_nothing_to_take(confirms);
	assert_int_equal(confirms->waiting_bytes, 2 * BYTES);
}

/* What was settled stays so: the second word on a tag does not count, nor does one too many. */
static void test_tags_that_make_no_sense(void **state)
{
	Confirms *confirms = *state;

	send(confirms, 1, 2);
	confirms_settle(confirms, 1, false, true);
	confirms_settle(confirms, 1, false, false);
	assert_taken(confirms, 1, true);
	confirms_settle(confirms, 1, false, false);
	confirms_settle(confirms, 0, true, true);
	confirms_settle(confirms, 0, false, true);
	assert_nothing_to_take(confirms);
	confirms_settle(confirms, UINT64_MAX, true, true);
	assert_taken(confirms, 2, true);
	assert_int_equal(confirms->waiting_bytes, 0);
	send(confirms, 3, 3);
	assert_nothing_to_take(confirms);
}

static void test_full_ring_refuses(void **state)
{
	Confirms *confirms = *state;

	send(confirms, 1, CONFIRMS_MAX);
	assert_int_equal(confirms_room(confirms, SIZE_MAX, 0, BYTES), 0);
	for (int i = 0; i < 10; i++)
		assert_false(add(confirms, 9999));
	/* Settled is not enough: the caller has not taken it. */
	confirms_settle(confirms, 2, false, true);
	assert_false(add(confirms, 9999));
	confirms_settle(confirms, 1, false, true);
	assert_taken(confirms, 1, true);
	assert_int_equal(confirms_room(confirms, SIZE_MAX, 0, BYTES), 1);
	send(confirms, CONFIRMS_MAX + 1, CONFIRMS_MAX + 1);
	assert_false(add(confirms, 9999));

	confirms_settle(confirms, CONFIRMS_MAX + 1, true, true);
	for (int64_t seq = 2; seq <= CONFIRMS_MAX + 1; seq++)
		assert_taken(confirms, seq, true);
	assert_nothing_to_take(confirms);
	assert_int_equal(confirms->waiting_bytes, 0);
}

static void test_room(void **state)
{
	Confirms *confirms = *state;

	assert_int_equal(confirms_room(confirms, 1000, 0, BYTES), 10);
	/* What the kernel still holds takes room. */
	assert_int_equal(confirms_room(confirms, 1000, 750, BYTES), 2);
	assert_int_equal(confirms_room(confirms, 1000, 901, BYTES), 0);
	assert_int_equal(confirms_room(confirms, 1000, 1000, BYTES), 0);
	assert_int_equal(confirms_room(confirms, 1000, 5000, BYTES), 0);

	/* The places for confirms are counted, too. */
	send(confirms, 1, CONFIRMS_MAX - 3);
	assert_int_equal(confirms_room(confirms, 1000, 0, BYTES), 3);
}

static void test_broker_has_too_much_to_confirm(void **state)
{
	Confirms *confirms = *state;
	ConfirmsTicket ticket = {0};

	assert_true(confirms_add(confirms, ticket, CONFIRMS_BYTES_MAX - 1));
	assert_int_equal(confirms_room(confirms, 1000, 0, BYTES), 10);
	assert_true(confirms_add(confirms, ticket, 1));
	assert_int_equal(confirms_room(confirms, 1000, 0, BYTES), 0);
	confirms_settle(confirms, 2, false, false);
	assert_int_equal(confirms_room(confirms, 1000, 0, BYTES), 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_by_itself, start, end),
		cmocka_unit_test_setup_teardown(test_out_of_order, start, end),
		cmocka_unit_test_setup_teardown(test_nack_is_no_confirm, start, end),
		cmocka_unit_test_setup_teardown(test_multiple_settles_everything_before, start, end),
		cmocka_unit_test_setup_teardown(test_tags_that_make_no_sense, start, end),
		cmocka_unit_test_setup_teardown(test_full_ring_refuses, start, end),
		cmocka_unit_test_setup_teardown(test_room, start, end),
		cmocka_unit_test_setup_teardown(test_broker_has_too_much_to_confirm, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
