/*
 * test_mail.c - templates, and the mail made of them for one recipient (R4.1).
 *
 * links: mailer/mail.c mailer/texts.c mailer/template.c mailer/headers.c
 * links: mailer/address.c lib/contract/error.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mailer/mail.h"
#include "mailer/template.h"

static const MailSender SENDER = {"welcome@example.com", "Campaign", "example.com"};

static const char *const KINDS[] = {"welcome", "confirm", "reset", "invitation"};

static Error error;

static void write_file(const char *name, const char *bytes, size_t length)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void write_templates(const char *subject, const char *text, const char *html)
{
	write_file("welcome.subject", subject, strlen(subject));
	write_file("welcome.txt", text, strlen(text));
	write_file("welcome.html", html, strlen(html));
}

static bool load(TextsSet *texts)
{
	error = (Error){0};
	return texts_load(".", texts, &error);
}

static bool put(Mail *mail, const TextsSet *texts, const char *kind, const TextsValues *values)
{
	error = (Error){0};
	return mail_write(mail, texts_find(texts, kind), &SENDER, "job1", values, 0, &error);
}

static bool put_welcome(Mail *mail, const TextsSet *texts, const char *email)
{
	const TextsValues values = {email, "", "", ""};

	return put(mail, texts, "welcome", &values);
}

static void assert_refused(const char *what)
{
	TextsSet texts;

	assert_false(load(&texts));
	assert_int_equal(error.code, ERROR_CONFIG);
	if (strstr(error.text, what) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, what);
}

static void test_placeholders(void **state)
{
	const TemplateValue values[] = {{"email", "<a&'b\">"}, {"other", "{email}"}, {NULL, NULL}};
	char *plain = template_fill("{email} {other}{}{ email}{Email}{{email}}{email", values, false);
	char *html = template_fill("<b>{email}</b>", values, true);

	(void) state;
	assert_string_equal(plain, "<a&'b\"> {email}{}{ email}{Email}{<a&'b\">}{email");
	assert_string_equal(html, "<b>&lt;a&amp;&#39;b&quot;&gt;</b>");
	free(plain);
	free(html);
	assert_true(template_check("body { color: red } {email}", values, &error));
	assert_false(template_check("Hello {name}", values, &error));
	assert_string_equal(error.text, "unknown placeholder {name}");
}

static void test_a_mail(void **state)
{
	TextsSet texts;
	Mail mail;

	(void) state;
	write_templates("Ol\xC3\xA1 {email}\n", "Hi\r\n{email}\n\r.\n", "<p>{email}</p>\n");
	assert_true(load(&texts));
	assert_true(put_welcome(&mail, &texts, "o'neil&co@example.org"));
	assert_string_equal(mail.recipient, "o'neil&co@example.org");
	assert_string_equal(mail.headers[0], "From: \"Campaign\" <welcome@example.com>");
	assert_string_equal(mail.headers[1], "To: o'neil&co@example.org");
	assert_string_equal(mail.headers[2], "Date: Thu, 01 Jan 1970 00:00:00 +0000");
	assert_string_equal(mail.headers[3],
						"Subject: =?UTF-8?B?T2zDoSBvJ25laWwmY29AZXhhbXBsZS5vcmc=?=");
	assert_string_equal(mail.headers[4], "Message-ID: <job1@example.com>");
	assert_string_equal(mail.headers[5], "Auto-Submitted: auto-generated");
	assert_string_equal(mail.body.text, "Hi\r\no'neil&co@example.org\r\n\r\n.\r\n");
	assert_string_equal(mail.body.html, "<p>o&#39;neil&amp;co@example.org</p>\r\n");
	mail_free(&mail);
	texts_set_free(&texts);
}

/* An address is no way to write a header, a command or a second recipient. */
static void test_injection(void **state)
{
	static const char *const hostile[] = {"a@b.c\r\nBcc: eve@example.com",
										  "a@b.c\nSubject: x",
										  "a@b.c\r\n\r\nbody",
										  "a@b.c>\r\nRCPT TO:<eve@evil.com",
										  "a@b.c, eve@evil.com",
										  "a@b.c\r\n.\r\nMAIL FROM:<x>",
										  "\"a\r\n\"@b.c",
										  "<a@b.c>",
										  "a@b.c\xE2\x80\xA8",
										  ""};
	TextsSet texts;
	Mail mail;

	(void) state;
	write_templates("s {email}\n", "t {email}\n", "h {email}\n");
	assert_true(load(&texts));
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
	{
		if (put_welcome(&mail, &texts, hostile[i]))
			fail_msg("taken: %s", hostile[i]);
		assert_int_equal(error.code, ERROR_PROTOCOL);
		assert_non_null(strstr(error.text, "the address"));
		assert_null(strstr(error.text, "eve"));
	}
	texts_set_free(&texts);
}

/* What is taken at the start never fails for an address: not for the longest either. */
static void test_longest_subject(void **state)
{
	char subject[HEADERS_TEXT_MAX + 2];
	char address[ADDRESS_MAX + 1];
	TextsSet texts;
	Mail mail;

	(void) state;
	memset(address, 'a', sizeof(address));
	address[64] = '@';
	address[ADDRESS_MAX] = '\0';
	memset(subject, 's', sizeof(subject));
	memcpy(subject + HEADERS_TEXT_MAX - ADDRESS_MAX, "{email}", 8);
	write_templates(subject, "t\n", "h\n");
	assert_true(load(&texts));
	assert_true(put_welcome(&mail, &texts, address));
	mail_free(&mail);
	texts_set_free(&texts);
	memcpy(subject + HEADERS_TEXT_MAX - ADDRESS_MAX, "s{email}", 9);
	write_templates(subject, "t\n", "h\n");
	assert_refused("./welcome.subject: with the longest address in it: longer than 1024 bytes");
	/* Encoded and folded, too. */
	memset(subject, 0, sizeof(subject));
	for (size_t i = 0; i + 3 <= HEADERS_TEXT_MAX - ADDRESS_MAX; i += 3)
		memcpy(subject + i, "\xE2\x82\xAC", 3);
	memcpy(subject + strlen(subject), "{email}", 8);
	write_templates(subject, "t\n", "h\n");
	assert_true(load(&texts));
	assert_true(put_welcome(&mail, &texts, address));
	assert_true(strlen(mail.headers[3]) < HEADERS_LINE_SIZE - 1);
	assert_string_equal(mail.headers[3] + strlen(mail.headers[3]) - 2, "?=");
	mail_free(&mail);
	texts_set_free(&texts);
}

/* Codes, companies and who invites; what is filled in is text, never a line of a header or HTML. */
static void test_other_kinds(void **state)
{
	const TextsValues values = {"ana@example.com", "c0de", "<Padaria> {code}", "bea@example.com"};
	TextsSet texts;
	Mail mail;

	(void) state;
	write_templates("s\n", "t\n", "h\n");
	assert_true(load(&texts));
	assert_null(texts_find(&texts, "other"));
	assert_true(put(&mail, &texts, "confirm", &values));
	assert_string_equal(mail.body.text, "c0de for ana@example.com\r\n");
	mail_free(&mail);
	assert_true(put(&mail, &texts, "invitation", &values));
	assert_string_equal(mail.body.text, "bea@example.com: <Padaria> {code}\r\n");
	assert_string_equal(mail.body.html, "bea@example.com: &lt;Padaria&gt; {code}\r\n");
	mail_free(&mail);
	/* Of no use without one. */
	assert_false(put(&mail, &texts, "reset", &(TextsValues){"ana@example.com", "", "", ""}));
	assert_int_equal(error.code, ERROR_PROTOCOL);
	texts_set_free(&texts);
}

/* A mail for a code has one, and nobody's code gets into another mail. */
static void test_wrong_codes(void **state)
{
	(void) state;
	write_templates("s\n", "t {code}\n", "h\n");
	assert_refused("./welcome.txt: unknown placeholder {code}");
	write_templates("s\n", "t\n", "h\n");
	write_file("reset.txt", "x", 1);
	assert_refused("./reset.txt: no {code} in it");
	write_file("reset.txt", "{code}\n", 7);
	write_file("reset.subject", "{code}\n", 7);
	assert_refused("./reset.subject: unknown placeholder {code}");
	write_file("reset.subject", "s\n", 2);
	assert_int_equal(unlink("invitation.html"), 0);
	assert_refused("./invitation.html: No such file");
	write_file("invitation.html", "h\n", 2);
}

static void test_wrong_templates(void **state)
{
	char large[1024 * 1024 + 2];

	(void) state;
	write_templates("s\n", "t\n", "h\n");
	write_templates("Hello {name}\n", "t\n", "h\n");
	assert_refused("./welcome.subject: unknown placeholder {name}");
	write_templates("s\n", "t {user_id}\n", "h\n");
	assert_refused("./welcome.txt: unknown placeholder {user_id}");
	write_templates("s\n", "t\n", "{emial}\n");
	assert_refused("./welcome.html: unknown placeholder {emial}");
	write_templates("one\ntwo\n", "t\n", "h\n");
	assert_refused("./welcome.subject: more than one line");
	write_templates("{email} {email} {email} {email} {email}\n", "t\n", "h\n");
	assert_refused("./welcome.subject: with the longest address in it: longer than 1024 bytes");
	write_templates("\n", "t\n", "h\n");
	assert_refused("./welcome.subject: it is empty");
	write_templates("a\tb\n", "t\n", "h\n");
	assert_refused("control character");
	write_templates("s\n", "\xFF\n", "h\n");
	assert_refused("./welcome.txt: not UTF-8");
	write_file("welcome.txt", "a\0b", 3);
	assert_refused("NUL");
	memset(large, 'x', sizeof(large));
	write_file("welcome.txt", large, sizeof(large));
	assert_refused("larger than 1 MiB");
	assert_int_equal(unlink("welcome.txt"), 0);
	assert_refused("./welcome.txt: No such file");
}

/* A directory of its own: the tests write templates. */
static int enter_directory(void **state)
{
	static char name[] = "/tmp/test_mail.XXXXXX";

	static const char code[] = "{code} for {email}\n";
	static const char invitation[] = "{inviter}: {company}\n";

	*state = mkdtemp(name);
	if (*state == NULL || chdir(name) != 0)
		return 1;
	for (size_t i = 1; i < sizeof(KINDS) / sizeof(*KINDS); i++)
	{
		const char *text = strcmp(KINDS[i], "invitation") == 0 ? invitation : code;
		char file[64];

		snprintf(file, sizeof(file), "%s.subject", KINDS[i]);
		write_file(file, "s\n", 2);
		snprintf(file, sizeof(file), "%s.txt", KINDS[i]);
		write_file(file, text, strlen(text));
		snprintf(file, sizeof(file), "%s.html", KINDS[i]);
		write_file(file, text, strlen(text));
	}
	return 0;
}

static int leave_directory(void **state)
{
	static const char *const parts[] = {"subject", "txt", "html"};

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(*KINDS) * 3; i++)
	{
		char file[64];

		snprintf(file, sizeof(file), "%s.%s", KINDS[i / 3], parts[i % 3]);
		(void) unlink(file);
	}
	return chdir("/") != 0 || rmdir(*state) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_kinds),		cmocka_unit_test(test_wrong_codes),
		cmocka_unit_test(test_placeholders),	cmocka_unit_test(test_a_mail),
		cmocka_unit_test(test_injection),		cmocka_unit_test(test_longest_subject),
		cmocka_unit_test(test_wrong_templates),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
