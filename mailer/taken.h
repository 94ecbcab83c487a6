/*
 * taken.h - the mails that the SMTP server has taken and PostgreSQL could not be told of:
 * they come out of the queue once more, and are to be reported then, not sent.
 *
 * In memory only. A mailer that is killed, or another one that gets the mail, knows
 * nothing of it, and sends it again.
 */
#ifndef CAMPAIGN_MAILER_TAKEN_H
#define CAMPAIGN_MAILER_TAKEN_H

#include "queue.h"
#include "smtp.h"

#define TAKEN_MAX 64 /* each stands for a connection lost between two statements */

typedef struct TakenMail
{
	char id[QUEUE_ID_SIZE]; /* "": none */
	char answer[SMTP_ANSWER_SIZE];
} TakenMail;

/* Zeroed at the start. */
typedef struct Taken
{
	TakenMail mails[TAKEN_MAX];
	unsigned next; /* the oldest one, which the next takes the place of */
} Taken;

void taken_remember(Taken *taken, const char *id, const char *answer);

/* What the server said when it took this mail; NULL: it has not, as far as is known. */
const char *taken_answer(const Taken *taken, const char *id);

/* PostgreSQL knows now. */
void taken_forget(Taken *taken, const char *id);

#endif /* CAMPAIGN_MAILER_TAKEN_H */
