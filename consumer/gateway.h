/*
 * gateway.h - how a message reaches a recipient: one table of gateways, chosen
 * by CAMPAIGN_GATEWAY. A new gateway is one file and one line in gateway.c.
 *
 * A gateway belongs to one lane. It knows nothing of claims, MongoDB or
 * PostgreSQL: send.c gives it only what this attempt has claimed, and writes
 * down what comes back.
 */
#ifndef CAMPAIGN_CONSUMER_GATEWAY_H
#define CAMPAIGN_CONSUMER_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "contract/error.h"

/* The settings of all gateways; each reads its own. Part of Config. */
typedef struct GatewaySettings
{
	int in_flight; /* messages begun and without a result, in one lane */
	/* simulate */
	int mean_ms;
	int distribution; /* a GatewayDistribution */
	int deviation_ms;
	char failure_rate[16]; /* 0 to 1 */
	int seed;			   /* 0: another one each time */
	/* http */
	char template[2048]; /* a file: docs/gateways.md */
} GatewaySettings;

/* What the gateway is told about one message. Strings belong to the caller until the result is
 * taken. */
typedef struct GatewayMessage
{
	void *tag; /* the caller's; comes back with the result */
	const char *campaign_id;
	const char *id;			/* the identifier: also the idempotency key */
	const char *number;		/* E.164 with + */
	const char *text;		/* ends with a NUL; a text has none inside */
	const char *attributes; /* JSON object or NULL */
} GatewayMessage;

typedef enum GatewayState
{
	GATEWAY_SENT,
	GATEWAY_FAILED,
	GATEWAY_UNKNOWN,  /* begun, and nobody knows how it ended */
	GATEWAY_NOT_BEGUN /* taken back by abandon() before anything of it was sent */
} GatewayState;

#define GATEWAY_CODE_SIZE 32
#define GATEWAY_TEXT_SIZE 200

typedef struct GatewayResult
{
	void *tag;
	GatewayState state;
	int attempts;
	int64_t took_us;			  /* sending alone: from the first request to the answer */
	char code[GATEWAY_CODE_SIZE]; /* "" when sent */
	char text[GATEWAY_TEXT_SIZE]; /* valid UTF-8 */
	bool judged; /* the message is at fault, not the provider: it is not tried again */
} GatewayResult;

/* Whether a message is meant, by its tag; `argument` is the caller's. */
typedef bool GatewayCovers(const void *argument, const void *tag);

typedef struct Gateway
{
	const char *name; /* of CAMPAIGN_GATEWAY */
	bool sends;		  /* false: `store` */

	/*
	 * One lane's own; `settings` outlives it. Touches no server. NULL and *error on failure: a
	 * wrong setting is ERROR_CONFIG.
	 */
	void *(*open)(const GatewaySettings *settings, Error *error);

	/* Begins a message. False: in_flight is reached, poll() first. */
	bool (*submit)(void *self, const GatewayMessage *message);

	/*
	 * Waits up to `timeout_ms` for results, and takes up to `room` of them; returns how many. What
	 * is due for another attempt begins before the wait, never after it: if something is due
	 * sooner, it comes back then, so that the caller looks first whether it is still wanted.
	 */
	int (*poll)(void *self, int timeout_ms, GatewayResult *results, int room);

	/*
	 * Nothing is begun any more. What was not begun comes back from poll() as GATEWAY_NOT_BEGUN,
	 * what was as GATEWAY_UNKNOWN, unless its answer is there. submit() works again when all of it
	 * has come back.
	 */
	void (*abandon)(void *self);

	void (*close)(void *self);

	/* The settings of its own that others may see, as members of a JSON object; NULL: none. */
	void (*describe)(const GatewaySettings *settings, char *json, size_t size);

	/*
	 * Makes no further attempt for those of its messages that `covers` says, for all if that is
	 * NULL: what waits for one comes back at once, as GATEWAY_NOT_BEGUN if nothing of it can have
	 * been sent, what is under way when it is answered. The others notice nothing. NULL: there is
	 * one attempt.
	 */
	void (*settle)(void *self, GatewayCovers *covers, const void *argument);

	/* Begins no attempt until it is told otherwise; what is under way goes on. NULL: submit()
	 * begins. */
	void (*hold)(void *self, bool held);

	/* Whether an identifier that comes twice is sent once. NULL: it does not matter. */
	bool (*is_idempotent)(void *self);

	/*
	 * Why the provider takes nothing at present; NULL: it does. *wait_ms: until one message may be
	 * tried, to find out; 0: now. Until then nothing should be begun, and what is not begun given
	 * back: settle(). NULL: there is no provider.
	 */
	const char *(*away)(void *self, int64_t *wait_ms);

	/*
	 * Why the provider is waited for, if it has asked for that and taken nothing since *since_ms,
	 * of the monotonic clock; NULL: it has not. Nothing follows from it but that it is said.
	 */
	const char *(*waits)(void *self, int64_t *since_ms);
} Gateway;

/*
 * Whether it can be opened with these settings, and may be given a message again, if that is to be
 * done. Touches no server. False and *error (ERROR_CONFIG).
 */
bool gateway_check(const Gateway *gateway, const GatewaySettings *settings, bool resends,
				   Error *error);

/* NULL if there is none with this name. */
const Gateway *gateway_find(const char *name);

/* Their names, for the setting; ends with NULL. The places in it are those of gateway_at(). */
extern const char *const GATEWAY_NAMES[];
const Gateway *gateway_at(int number);

extern const char *const GATEWAY_DISTRIBUTIONS[];

/* gateway_simulate.c */
extern const Gateway GATEWAY_SIMULATE;

/* gateway_http.c */
extern const Gateway GATEWAY_HTTP;

#endif /* CAMPAIGN_CONSUMER_GATEWAY_H */
