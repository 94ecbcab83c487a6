/*
 * reader.h - the thread that has the connection to PostgreSQL: reads the figures at every tick,
 * hears of campaigns, and carries out what the keys ask for. The screen never waits for a server.
 */
#ifndef CAMPAIGN_MONITOR_READER_H
#define CAMPAIGN_MONITOR_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"
#include "keys.h"
#include "model.h"
#include "orders.h"

#define READER_SERVER_SIZE 256

typedef struct Reader Reader;

/* What there is to show since the last look. */
typedef struct ReaderNews
{
	Model *model;					 /* the caller's; NULL: no newer one */
	Error trouble;					 /* ERROR_NONE: PostgreSQL answers */
	int64_t trouble_ms;				 /* since when, on the clock of clock_ms() */
	char server[READER_SERVER_SIZE]; /* host:port/database; "" before the first connection */
} ReaderNews;

/* Starts the thread; the signals that end the program must be blocked. NULL and *error. */
Reader *reader_start(const Config *config, Error *error);

/* Is readable when there is news. */
int reader_descriptor(const Reader *reader);

/* Takes the news. */
void reader_take(Reader *reader, ReaderNews *news);

/*
 * Has a verb carried out, after those that were asked for before. False: it is not, because
 * ORDERS_MAX of them have not been answered, or their answers have not been taken.
 */
bool reader_order(Reader *reader, const KeysOrder *order);

/* Takes the next answer, in the order in which the verbs were asked for. False: there is none. */
bool reader_take_answer(Reader *reader, OrdersAnswer *answer);

bool reader_is_running(const void *reader);

/* Waits for the thread, and frees everything. Only after stop_request(). */
void reader_finish(Reader *reader);

/* Whether a login may read; `detail` (CHECK_LINE_DETAIL_SIZE) says who and where. */
bool reader_check(const Config *config, char *detail, Error *error);

#endif /* CAMPAIGN_MONITOR_READER_H */
