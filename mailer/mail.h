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
#include "welcome.h"

#define LETTER_HEADERS 6

/* Who all mails are from. */
typedef struct LetterSender
{
	const char *address;
	const char *name;	/* shown beside it; "": nothing */
	const char *domain; /* of the Message-ID */
} LetterSender;

typedef struct Letter
{
	char recipient[ADDRESS_MAX + 1];
	char headers[LETTER_HEADERS][HEADERS_LINE_SIZE]; /* From To Date Subject Message-ID ... */
	Welcome body;									 /* owned */
} Letter;

/*
 * The welcome mail of a job; letter_free() frees it. False and *error: with
 * ERROR_PROTOCOL the address cannot be written to, whenever it is tried again.
 */
bool letter_write(Letter *letter, const Welcome *welcome, const LetterSender *sender,
				  const char *job_id, const char *email, time_t now, Error *error);

void letter_free(Letter *letter);

#endif /* CAMPAIGN_MAILER_MAIL_H */
