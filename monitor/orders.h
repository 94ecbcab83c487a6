/*
 * orders.h - what the keys have asked for, first come, first served.
 *
 * Pure. An order keeps its place until its answer is taken: neither can replace another one.
 */
#ifndef CAMPAIGN_MONITOR_ORDERS_H
#define CAMPAIGN_MONITOR_ORDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "contract/error.h"
#include "keys.h"

/* More than fingers ask for while a server thinks. */
#define ORDERS_MAX 16

/* What became of an order, in words that name its campaign. */
typedef struct OrdersAnswer
{
	bool refused;
	char text[KEYS_NAME_SIZE + ERROR_TEXT_SIZE + 16];
} OrdersAnswer;

/* {0} is empty. Those that are answered come before those that wait. */
typedef struct Orders
{
	KeysOrder orders[ORDERS_MAX];
	OrdersAnswer answers[ORDERS_MAX];
	size_t count;
	size_t answered;
} Orders;

/* False: all places are taken, and nothing has changed. */
bool orders_add(Orders *orders, const KeysOrder *order);

/* The first one that waits, which stays where it is. False: none. */
bool orders_next(const Orders *orders, KeysOrder *order);

/* Answers the first one that waits: the new status, or why it was not carried out. */
void orders_answer(Orders *orders, const char *status, const Error *error);

/* Takes the first answer, and gives its place back. False: there is none. */
bool orders_take_answer(Orders *orders, OrdersAnswer *answer);

#endif /* CAMPAIGN_MONITOR_ORDERS_H */
