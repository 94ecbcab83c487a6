/*
 * fuzz_mail.c - any text as an address and in a header: refused in one line, or a mail in
 * which every line is the one it is meant to be (R4.1); and any text as what an SMTP server says.
 *
 * links: mailer/mail.c mailer/texts.c mailer/template.c mailer/headers.c mailer/address.c
 * links: mailer/dialog.c lib/contract/error.c lib/contract/utf8.c
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailer/dialog.h"
#include "mailer/mail.h"
#include "contract/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

/* "Name: ", no control character but CR LF and a blank, no line beyond what SMTP takes. */
static void check_header(const char *header, const char *name)
{
	size_t column = 0;

	require(strncmp(header, name, strlen(name)) == 0, "the header's name");
	for (const char *at = header; *at != '\0'; at++)
	{
		if (strncmp(at, "\r\n ", 3) == 0 && at[3] != '\0' && at[3] != '\r')
		{
			at++;
			column = 0;
			continue;
		}
		require((unsigned char) *at >= ' ' && *at != 0x7F, "no control character");
		require(++column < 998, "no line beyond SMTP's limit");
	}
	require(utf8_check(header), "UTF-8");
}

static void check_mail(const char *email)
{
	static const MailSender sender = {"welcome@example.com", "Campaign", "example.com"};
	static const Texts texts = {"Welcome, {email}", "text {email}\r\n", "<p>{email}</p>\r\n"};
	const TextsValues values = {email, "", "", ""};
	Mail mail;
	Error error = {0};

	if (!mail_write(&mail, &texts, &sender, "tz4a98xxat96iws9zmbrgj3a", &values, 0, &error))
	{
		require(error.code == ERROR_PROTOCOL && error.text[0] != '\0', "a reason");
		require(strchr(error.text, '\n') == NULL, "one line");
		return;
	}
	require(strcmp(mail.recipient, email) == 0, "the recipient is the address");
	require(strpbrk(email, " \t\r\n<>()[],;:\\\"") == NULL, "nothing that ends an address");
	check_header(mail.headers[0], "From: ");
	check_header(mail.headers[1], "To: ");
	check_header(mail.headers[3], "Subject: ");
	check_header(mail.headers[4], "Message-ID: ");
	require(strchr(mail.body.html + 3, '<') == strstr(mail.body.html + 3, "</p>"),
			"no markup in the value");
	mail_free(&mail);
}

static void check_text(const char *text)
{
	char line[HEADERS_LINE_SIZE];
	Error error = {0};

	if (headers_text("Subject", text, line, &error))
		check_header(line, "Subject: ");
	if (headers_mailbox("From", text, "a@example.com", line, &error))
		check_header(line, "From: ");
	if (headers_message_id(text, "example.com", line, &error))
		check_header(line, "Message-ID: ");
}

static void check_dialog(const char *bytes, size_t length)
{
	Dialog dialog;

	dialog_begin(&dialog, length % 2 == 0);
	dialog_received(&dialog, bytes, length);
	dialog_sent(&dialog, bytes, length);
	dialog_received(&dialog, bytes, length);
	require(dialog.code >= 0 && dialog.code <= 999, "a code of three digits");
	require(strlen(dialog.reply) < sizeof(dialog.reply), "the reply ends");
	require(strpbrk(dialog.reply, "\r\n\x1B") == NULL, "the reply is one line");
	require(utf8_check(dialog.reply), "the reply is UTF-8");
	(void) dialog_fault(&dialog);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + sizeof("@example.com"));

	if (text == NULL)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	check_mail(text);
	check_text(text);
	check_dialog(text, size);
	/* Most inputs have no domain. */
	memcpy(text + size, "@example.com", sizeof("@example.com"));
	check_mail(text);
	free(text);
	return 0;
}
