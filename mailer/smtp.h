/*
 * smtp.h - the SMTP server: libcurl only, and one connection for as many mails as
 * come one after the other.
 */
#ifndef CAMPAIGN_MAILER_SMTP_H
#define CAMPAIGN_MAILER_SMTP_H

#include <stdbool.h>

#include "config.h"
#include "contract/error.h"
#include "mail.h"
#include "smtp_url.h"

typedef struct Smtp Smtp;

typedef enum SmtpOutcome
{
	SMTP_SENT,	   /* the server has taken it */
	SMTP_REFUSED,  /* this mail was not taken; others may be */
	SMTP_AWAY,	   /* the server takes no mail at the moment */
	SMTP_AWAY_NOW, /* the same, but said after RCPT: it may take mails to others */
	SMTP_UNREAD,   /* the server has the mail, and its answer cannot be read, now or later */
	SMTP_STOPPED   /* the program ends, and the server was too slow */
} SmtpOutcome;

#define SMTP_ANSWER_SIZE 256

/* `config` and `url` must outlive it. NULL and *error: out of memory. */
Smtp *smtp_new(const Config *config, const SmtpUrl *url, Error *error);

/*
 * Sends one mail, with a new connection if there is none. For SMTP_SENT, `answer`
 * is what the server said; else *error says what went wrong. Blocks up to the
 * timeout of the settings, and a few seconds once a stop was requested.
 */
SmtpOutcome smtp_send(Smtp *smtp, const Mail *mail, char answer[SMTP_ANSWER_SIZE], Error *error);

/* Connects, encrypts, logs in, and sends nothing. */
bool smtp_check(Smtp *smtp, Error *error);

/* Closes the connection, if there is one: nothing is to be sent at the moment. */
void smtp_disconnect(Smtp *smtp);

void smtp_free(Smtp *smtp);

#endif /* CAMPAIGN_MAILER_SMTP_H */
