/*
 * smtp_url.h - SMTP_URL taken apart: smtp://user:password@host:587 or smtps://...
 */
#ifndef CAMPAIGN_MAILER_SMTP_URL_H
#define CAMPAIGN_MAILER_SMTP_URL_H

#include <stdbool.h>

#include "contract/error.h"

#define SMTP_URL_PART_SIZE 512

typedef struct SmtpUrl
{
	char url[SMTP_URL_PART_SIZE];	   /* without user and password: may be shown */
	char user[SMTP_URL_PART_SIZE];	   /* "": no login */
	char password[SMTP_URL_PART_SIZE]; /* secret */
	bool implicit_tls;				   /* smtps:// */
} SmtpUrl;

/*
 * False and *error (ERROR_CONFIG), which shows nothing of the URL. What stands in
 * the path, if anything, is the name we greet the server with.
 */
bool smtp_url_parse(const char *text, SmtpUrl *url, Error *error);

/* Overwrites the password. */
void smtp_url_wipe(SmtpUrl *url);

#endif /* CAMPAIGN_MAILER_SMTP_URL_H */
