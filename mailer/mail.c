/*
 * mail.c - putting a mail together; see mail.h.
 *
 * Must never take an address, or a text with an address in it, that has not been
 * checked.
 */
#include "mail.h"

#include <stdio.h>
#include <string.h>

static bool write_headers(Mail *mail, const MailSender *sender, const char *job_id, time_t now,
						  Error *error)
{
	/* The last one keeps holiday notices and other programs from answering (RFC 3834). */
	snprintf(mail->headers[5], HEADERS_LINE_SIZE, "Auto-Submitted: auto-generated");
	return headers_mailbox("From", sender->name, sender->address, mail->headers[0], error) &&
		   headers_mailbox("To", "", mail->recipient, mail->headers[1], error) &&
		   headers_date(now, mail->headers[2], error) &&
		   headers_text("Subject", mail->body.subject, mail->headers[3], error) &&
		   headers_message_id(job_id, sender->domain, mail->headers[4], error);
}

bool mail_write(Mail *mail, const Texts *texts, const MailSender *sender, const char *job_id,
				const TextsValues *values, time_t now, Error *error)
{
	memset(mail, 0, sizeof(*mail));
	if (!address_check(values->email, error))
		return false;
	/* It was mailed for an address that its user no longer has. */
	if (*values->code == '\0' && strstr(texts->text, "{code}") != NULL)
		return error_set(error, ERROR_PROTOCOL, "there is no code for this mail any more");
	snprintf(mail->recipient, sizeof(mail->recipient), "%s", values->email);
	if (!texts_fill(texts, values, &mail->body))
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (write_headers(mail, sender, job_id, now, error))
		return true;
	mail_free(mail);
	return false;
}

void mail_free(Mail *mail)
{
	texts_free(&mail->body);
}
