/*
 * test_mail.c - templates, and the mail made of them for one recipient (R4.1).
 *
 * links: mailer/mail.c mailer/welcome.c mailer/template.c mailer/headers.c
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

static bool load(Welcome *welcome)
{
	error = (Error){0};
	return welcome_load(".", welcome, &error);
}

static void assert_refused(const char *what)
{
	Welcome welcome;

	assert_false(load(&welcome));
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
	Welcome welcome;
	Mail mail;

	(void) state;
	write_templates("Ol\xC3\xA1 {email}\n", "Hi\r\n{email}\n\r.\n", "<p>{email}</p>\n");
	assert_true(load(&welcome));
	assert_true(mail_write(&mail, &welcome, &SENDER, "job1", "o'neil&co@example.org", 0, &error));
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
	welcome_free(&welcome);
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
	Welcome welcome;
	Mail mail;

	(void) state;
	write_templates("s {email}\n", "t {email}\n", "h {email}\n");
	assert_true(load(&welcome));
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++)
	{
		error = (Error){0};
		if (mail_write(&mail, &welcome, &SENDER, "job1", hostile[i], 0, &error))
			fail_msg("taken: %s", hostile[i]);
		assert_int_equal(error.code, ERROR_PROTOCOL);
		assert_non_null(strstr(error.text, "the address"));
		assert_null(strstr(error.text, "eve"));
	}
	welcome_free(&welcome);
}

/* What is taken at the start never fails for an address: not for the longest either. */
static void test_longest_subject(void **state)
{
	char subject[HEADERS_TEXT_MAX + 2];
	char address[ADDRESS_MAX + 1];
	Welcome welcome;
	Mail mail;

	(void) state;
	memset(address, 'a', sizeof(address));
	address[64] = '@';
	address[ADDRESS_MAX] = '\0';
	memset(subject, 's', sizeof(subject));
	memcpy(subject + HEADERS_TEXT_MAX - ADDRESS_MAX, "{email}", 8);
	write_templates(subject, "t\n", "h\n");
	assert_true(load(&welcome));
	assert_true(mail_write(&mail, &welcome, &SENDER, "job1", address, 0, &error));
	mail_free(&mail);
	welcome_free(&welcome);
	memcpy(subject + HEADERS_TEXT_MAX - ADDRESS_MAX, "s{email}", 9);
	write_templates(subject, "t\n", "h\n");
	assert_refused("./welcome.subject: with the longest address in it: longer than 1024 bytes");
	/* Encoded and folded, too. */
	memset(subject, 0, sizeof(subject));
	for (size_t i = 0; i + 3 <= HEADERS_TEXT_MAX - ADDRESS_MAX; i += 3)
		memcpy(subject + i, "\xE2\x82\xAC", 3);
	memcpy(subject + strlen(subject), "{email}", 8);
	write_templates(subject, "t\n", "h\n");
	assert_true(load(&welcome));
	assert_true(mail_write(&mail, &welcome, &SENDER, "job1", address, 0, &error));
	assert_true(strlen(mail.headers[3]) < HEADERS_LINE_SIZE - 1);
	assert_string_equal(mail.headers[3] + strlen(mail.headers[3]) - 2, "?=");
	mail_free(&mail);
	welcome_free(&welcome);
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

	*state = mkdtemp(name);
	return *state == NULL || chdir(name) != 0;
}

static int leave_directory(void **state)
{
	(void) unlink("welcome.subject");
	(void) unlink("welcome.txt");
	(void) unlink("welcome.html");
	return chdir("/") != 0 || rmdir(*state) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_placeholders),	cmocka_unit_test(test_a_mail),
		cmocka_unit_test(test_injection),		cmocka_unit_test(test_longest_subject),
		cmocka_unit_test(test_wrong_templates),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
