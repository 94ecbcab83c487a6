/*
 * patience.h - how long the SMTP server may take for each step of a mail, and how long
 * it is waited for once the program is to stop.
 *
 * Before the end of the mail, giving up costs a retry. After it, the server may have
 * taken the mail, which is then sent twice: RFC 5321, 4.5.3.2.6 wants ten minutes.
 */
#ifndef CAMPAIGN_MAILER_PATIENCE_H
#define CAMPAIGN_MAILER_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "dialog.h"

typedef struct Patience
{
	const Config *config;
	int64_t stop_ms; /* when the stop was noticed; 0: not yet */
	int64_t step_ms; /* when the server was last given something to do */
	int64_t bytes;	 /* of the mail that had gone out then */
	int too_slow_s;	 /* the server was given up after so long; 0: it was not */
} Patience;

/* For the next mail. */
void patience_begin(Patience *patience);

/* The server has been given something to do. */
void patience_step(Patience *patience);

/*
 * Whether to give up, in this phase, with so many bytes of the mail sent: because the
 * server is too slow (too_slow_s), or because the program is to stop.
 */
bool patience_is_over(Patience *patience, DialogPhase phase, int64_t bytes);

/* Longer than anything that it waits for, in seconds. */
long patience_longest_s(const Config *config);

#endif /* CAMPAIGN_MAILER_PATIENCE_H */
