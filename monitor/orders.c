/*
 * orders.c - what waits for its turn, and what became of it; see orders.h.
 */
#include "orders.h"

#include <stdio.h>
#include <string.h>

bool orders_add(Orders *orders, const KeysOrder *order)
{
	if (orders->count == ORDERS_MAX)
		return false;
	orders->orders[orders->count++] = *order;
	return true;
}

bool orders_next(const Orders *orders, KeysOrder *order)
{
	if (orders->answered == orders->count)
		return false;
	*order = orders->orders[orders->answered];
	return true;
}

void orders_answer(Orders *orders, const char *status, const Error *error)
{
	KeysOrder order = orders->orders[orders->answered];
	OrdersAnswer *answer = &orders->answers[orders->answered++];

	answer->refused = error->code != ERROR_NONE;
	if (answer->refused)
		snprintf(answer->text, sizeof(answer->text), "%s \"%s\": %s", order.verb, order.name,
				 error->text);
	else
		snprintf(answer->text, sizeof(answer->text), "%s \"%s\": it is %.40s now", order.verb,
				 order.name, status);
}

bool orders_take_answer(Orders *orders, OrdersAnswer *answer)
{
	if (orders->answered == 0)
		return false;
	*answer = orders->answers[0];
	orders->count--;
	orders->answered--;
	memmove(orders->orders, orders->orders + 1, orders->count * sizeof(*orders->orders));
	memmove(orders->answers, orders->answers + 1, orders->answered * sizeof(*orders->answers));
	return true;
}
