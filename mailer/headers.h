/*
 * headers.h - the lines of a mail's header, encoded and folded.
 *
 * Pure. Whatever the texts hold, a header comes out as one: a line break is always
 * followed by a space.
 */
#ifndef CAMPAIGN_MAILER_HEADERS_H
#define CAMPAIGN_MAILER_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "contract/error.h"

#define HEADERS_TEXT_MAX  1024 /* bytes of a subject or a name */
#define HEADERS_LINE_SIZE 4096 /* holds any header made here, folded, and its NUL */

/*
 * "Name: text", as it is if it is ASCII, else in encoded words (RFC 2047); folded
 * to 76 columns. False and *error: too long, not UTF-8, or a control character.
 */
bool headers_text(const char *name, const char *text, char out[HEADERS_LINE_SIZE], Error *error);

/*
 * "Name: "shown" <address>"; without `shown` if that is "". The address must have
 * passed address_check().
 */
bool headers_mailbox(const char *name, const char *shown, const char *address,
					 char out[HEADERS_LINE_SIZE], Error *error);

/* "Date: ..." of RFC 5322, in UTC. */
bool headers_date(time_t when, char out[HEADERS_LINE_SIZE], Error *error);

/* "Message-ID: <job@domain>". False and *error if the job's id is more than letters and digits. */
bool headers_message_id(const char *job_id, const char *domain, char out[HEADERS_LINE_SIZE],
						Error *error);

#endif /* CAMPAIGN_MAILER_HEADERS_H */
