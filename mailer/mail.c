/*
 * mail.c - putting a mail together; see mail.h.
 *
 * Must never take an address, or a text with an address in it, that has not been
 * checked.
 */
#include "mail.h"

#include <stdio.h>
#include <string.h>

static bool write_headers(Letter *letter, const LetterSender *sender, const char *job_id,
						  time_t now, Error *error)
{
	/* The last one keeps holiday notices and other programs from answering (RFC 3834). */
	snprintf(letter->headers[5], HEADERS_LINE_SIZE, "Auto-Submitted: auto-generated");
	return headers_mailbox("From", sender->name, sender->address, letter->headers[0], error) &&
		   headers_mailbox("To", "", letter->recipient, letter->headers[1], error) &&
		   headers_date(now, letter->headers[2], error) &&
		   headers_text("Subject", letter->body.subject, letter->headers[3], error) &&
		   headers_message_id(job_id, sender->domain, letter->headers[4], error);
}

bool letter_write(Letter *letter, const Welcome *welcome, const LetterSender *sender,
				  const char *job_id, const char *email, time_t now, Error *error)
{
	memset(letter, 0, sizeof(*letter));
	if (!address_check(email, error))
		return false;
	snprintf(letter->recipient, sizeof(letter->recipient), "%s", email);
	if (!welcome_fill(welcome, letter->recipient, &letter->body))
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (write_headers(letter, sender, job_id, now, error))
		return true;
	letter_free(letter);
	return false;
}

void letter_free(Letter *letter)
{
	welcome_free(&letter->body);
}
