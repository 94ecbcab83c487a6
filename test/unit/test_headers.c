/*
 * test_headers.c - a mail's header lines: encoded words, folding, and that a text can
 * neither end its header nor be read as another one (R4.2).
 *
 * links: mailer/headers.c mailer/address.c lib/contract/error.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailer/headers.h"

static char line[HEADERS_LINE_SIZE];
static Error error;

static const char *text(const char *value)
{
	error = (Error){0};
	if (!headers_text("Subject", value, line, &error))
		fail_msg("\"%s\" is refused: %s", value, error.text);
	return line;
}

static const char *mailbox(const char *shown, const char *address)
{
	error = (Error){0};
	if (!headers_mailbox("From", shown, address, line, &error))
		fail_msg("\"%s\" <%s> is refused: %s", shown, address, error.text);
	return line;
}

/* Lines of at most 76 columns, the later ones beginning with a blank. */
static void assert_folded(void)
{
	const char *at = line;

	for (;;)
	{
		size_t length = strcspn(at, "\r\n");

		assert_in_range(length, 1, 76);
		if (at[length] == '\0')
			return;
		assert_memory_equal(at + length, "\r\n ", 3);
		at += length + 2;
	}
}

static void test_ascii_stays_as_it_is(void **state)
{
	(void) state;
	assert_string_equal(text("Welcome, ana@example.com!"), "Subject: Welcome, ana@example.com!");
	assert_string_equal(text(""), "Subject: ");
}

static void test_other_letters_are_encoded(void **state)
{
	(void) state;
	assert_string_equal(text("Ol\xC3\xA1"), "Subject: =?UTF-8?B?T2zDoQ==?=");
	assert_string_equal(text("\xE2\x82\xAC"), "Subject: =?UTF-8?B?4oKs?=");
}

static void test_what_looks_encoded_is_encoded(void **state)
{
	(void) state;
	assert_string_equal(text("=?UTF-8?B?4oKs?="), "Subject: =?UTF-8?B?PT9VVEYtOD9CPzRvS3M/PQ==?=");
	assert_string_equal(text(" x"), "Subject: =?UTF-8?B?IHg=?=");
}

static void test_long_ascii_is_folded_at_blanks(void **state)
{
	(void) state;
	text("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
		 "sixteen seventeen  eighteen");
	assert_folded();
	assert_string_equal(line, "Subject: one two three four five six seven eight nine ten eleven "
							  "twelve\r\n thirteen fourteen fifteen sixteen seventeen  eighteen");
	memset(line, 0, sizeof(line));
	text("12345678901234567890123456789012345678901234567890123456789012345678901234567890");
	assert_folded();
	assert_non_null(strstr(line, "=?UTF-8?B?"));
}

/* No character is cut: each word is UTF-8 by itself (RFC 2047, 5). */
static void test_long_text_in_several_words(void **state)
{
	char value[HEADERS_TEXT_MAX + 1] = "";

	(void) state;
	for (int i = 0; i < 100; i++)
		strcat(value, i % 2 == 0 ? "\xE2\x82\xAC" : "\xC3\xA9");
	text(value);
	assert_folded();
	for (const char *word = strstr(line, "=?"); word != NULL; word = strstr(word + 10, "=?UTF"))
	{
		const char *end = strstr(word + 10, "?=");

		assert_non_null(end);
		assert_in_range(end + 2 - word, 12, 75);
		/* Whole characters of 3 and 2 bytes by turns: the first digit tells which one begins. */
		assert_true(word[10] == '4' || word[10] == 'w');
	}
}

static void test_longest_text(void **state)
{
	char value[HEADERS_TEXT_MAX + 2];

	(void) state;
	memset(value, 'x', sizeof(value));
	value[HEADERS_TEXT_MAX] = '\0';
	text(value);
	assert_folded();
	value[HEADERS_TEXT_MAX] = 'x';
	value[HEADERS_TEXT_MAX + 1] = '\0';
	assert_false(headers_text("Subject", value, line, &error));
	assert_non_null(strstr(error.text, "longer than 1024"));
}

static void test_control_characters_are_refused(void **state)
{
	static const char *const values[] = {"a\r\nBcc: x@y.z",
										 "a\nb",
										 "a\rb",
										 "a\tb",
										 "\x1B[2J",
										 "a\xC2\x85"
										 "b",
										 "\xE2\x80\xA8"};

	(void) state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
	{
		assert_false(headers_text("Subject", values[i], line, &error));
		assert_string_equal(error.text, "Subject: a control character");
		assert_false(headers_mailbox("From", values[i], "a@b.c", line, &error));
	}
	assert_false(headers_text("Subject", "\xFF", line, &error));
	assert_string_equal(error.text, "Subject: not UTF-8");
	assert_false(headers_mailbox("From", "", "a@b.c\r\nBcc: x@y.z", line, &error));
}

static void test_mailboxes(void **state)
{
	(void) state;
	assert_string_equal(mailbox("", "a@b.c"), "From: a@b.c");
	assert_string_equal(mailbox("Campaign", "a@b.c"), "From: \"Campaign\" <a@b.c>");
	assert_string_equal(mailbox("A \"B\" \\ <x@y>", "a@b.c"),
						"From: \"A \\\"B\\\" \\\\ <x@y>\" <a@b.c>");
	assert_string_equal(mailbox("Padaria Jos\xC3\xA9", "a@b.c"),
						"From: =?UTF-8?B?UGFkYXJpYSBKb3PDqQ==?= <a@b.c>");
	mailbox("A name that is long enough to fill the line", "somebody.somewhere@example.com");
	assert_folded();
	assert_non_null(strstr(line, "\"\r\n <somebody"));
}

static void test_date(void **state)
{
	(void) state;
	assert_true(headers_date(1700000000, line, &error));
	assert_string_equal(line, "Date: Tue, 14 Nov 2023 22:13:20 +0000");
}

static void test_message_id(void **state)
{
	(void) state;
	assert_true(headers_message_id("tz4a98xxat96iws9zmbrgj3a", "example.com", line, &error));
	assert_string_equal(line, "Message-ID: <tz4a98xxat96iws9zmbrgj3a@example.com>");
	assert_false(headers_message_id("", "example.com", line, &error));
	assert_false(headers_message_id("a>\r\nBcc: x", "example.com", line, &error));
	assert_false(headers_message_id("a b", "example.com", line, &error));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ascii_stays_as_it_is),
		cmocka_unit_test(test_other_letters_are_encoded),
		cmocka_unit_test(test_what_looks_encoded_is_encoded),
		cmocka_unit_test(test_long_ascii_is_folded_at_blanks),
		cmocka_unit_test(test_long_text_in_several_words),
		cmocka_unit_test(test_longest_text),
		cmocka_unit_test(test_control_characters_are_refused),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_message_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
