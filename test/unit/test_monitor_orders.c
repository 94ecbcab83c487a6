/*
 * test_monitor_orders.c - orders of campaign-monitor that wait for their turn, and their answers
 * (R1.3).
 *
 * links: monitor/orders.c lib/contract/error.c lib/contract/utf8.c libpq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "monitor/orders.h"

static Orders orders;

static KeysOrder pause_of(int number)
{
	KeysOrder order = {.verb = "pause"};

	snprintf(order.id, sizeof(order.id), "id%d", number);
	snprintf(order.name, sizeof(order.name), "number %d", number);
	return order;
}

static void add_orders(int first, int end)
{
	for (int i = first; i < end; i++)
	{
		KeysOrder order = pause_of(i);

		assert_true(orders_add(&orders, &order));
	}
}

static void assert_answer(bool refused, const char *text)
{
	OrdersAnswer answer;

	assert_true(orders_take_answer(&orders, &answer));
	assert_int_equal(answer.refused, refused);
	assert_string_equal(answer.text, text);
}

/* None replaces another one, and each answer is that of its order. */
static void test_turns(void **state)
{
	OrdersAnswer answer;
	KeysOrder order;
	Error refusal;

	(void) state;
	error_set(&refusal, ERROR_REFUSED, "not done: it is sent");
	orders = (Orders){0};
	assert_false(orders_next(&orders, &order));
	add_orders(1, 4);
	assert_false(orders_take_answer(&orders, &answer));
	assert_true(orders_next(&orders, &order));
	assert_string_equal(order.id, "id1");
	orders_answer(&orders, "paused", &(Error){0});
	assert_true(orders_next(&orders, &order));
	assert_string_equal(order.id, "id2");
	orders_answer(&orders, "", &refusal);
	assert_answer(false, "pause \"number 1\": it is paused now");
	assert_true(orders_next(&orders, &order));
	assert_string_equal(order.id, "id3");
	assert_answer(true, "pause \"number 2\": not done: it is sent");
	orders_answer(&orders, "paused", &(Error){0});
	assert_false(orders_next(&orders, &order));
	assert_answer(false, "pause \"number 3\": it is paused now");
	assert_false(orders_take_answer(&orders, &answer));
}

/* A place is free again when its answer is taken, not before: answers are not lost either. */
static void test_too_many_orders(void **state)
{
	KeysOrder late = pause_of(99);
	char text[64];

	(void) state;
	orders = (Orders){0};
	add_orders(0, ORDERS_MAX);
	assert_false(orders_add(&orders, &late));
	orders_answer(&orders, "paused", &(Error){0});
	assert_false(orders_add(&orders, &late));
	assert_answer(false, "pause \"number 0\": it is paused now");
	assert_true(orders_add(&orders, &late));
	for (int i = 1; i < ORDERS_MAX; i++)
	{
		orders_answer(&orders, "paused", &(Error){0});
		snprintf(text, sizeof(text), "pause \"number %d\": it is paused now", i);
		assert_answer(false, text);
	}
	orders_answer(&orders, "paused", &(Error){0});
	assert_answer(false, "pause \"number 99\": it is paused now");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_too_many_orders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
