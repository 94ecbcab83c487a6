/*
 * deliver.h - the mailer's work: take a mail, send it, say what became of it.
 */
#ifndef CAMPAIGN_MAILER_DELIVER_H
#define CAMPAIGN_MAILER_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"
#include "smtp_url.h"
#include "texts.h"

typedef struct Deliver Deliver;

/* Starts the thread; what is given must outlive it. NULL and *error on failure. */
Deliver *deliver_start(const Config *config, const SmtpUrl *url, const TextsSet *texts,
					   Error *error);

/* Whether the thread still runs: it ends after stop_request(). */
bool deliver_is_running(const Deliver *deliver);

/* Waits for the thread and frees it. How many mails were sent. */
int64_t deliver_finish(Deliver *deliver);

#endif /* CAMPAIGN_MAILER_DELIVER_H */
