/*
 * mail.h - one mail as it is to be sent: its header and its two parts. smtp.c
 * has libcurl encode the parts.
 */
#ifndef CAMPAIGN_MAILER_MAIL_H
#define CAMPAIGN_MAILER_MAIL_H

#include <stdbool.h>
#include <time.h>

#include "address.h"
#include "contract/error.h"
#include "headers.h"
#include "texts.h"

#define MAIL_HEADERS 6

/* Who all mails are from. */
typedef struct MailSender
{
	const char *address;
	const char *name;	/* shown beside it; "": nothing */
	const char *domain; /* of the Message-ID */
} MailSender;

typedef struct Mail
{
	char recipient[ADDRESS_MAX + 1];
	char headers[MAIL_HEADERS][HEADERS_LINE_SIZE]; /* From To Date Subject Message-ID ... */
	Texts body;									   /* owned */
} Mail;

/*
 * The mail of a job, to values->email; mail_free() frees it. False and *error: with
 * ERROR_PROTOCOL it cannot be written, whenever it is tried again: no address, or no code.
 */
bool mail_write(Mail *mail, const Texts *texts, const MailSender *sender, const char *job_id,
				const TextsValues *values, time_t now, Error *error);

void mail_free(Mail *mail);

#endif /* CAMPAIGN_MAILER_MAIL_H */
