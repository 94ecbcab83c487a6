/*
 * test_dialog.c - whose fault it is when a mail is not taken: the server's, so that it
 * counts for no mail, or the mail's, so that it ends as dead some time (R4.2).
 *
 * links: mailer/dialog.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailer/dialog.h"

static Dialog dialog;

static void sent(const char *line)
{
	dialog_sent(&dialog, line, strlen(line));
}

static void received(const char *lines)
{
	dialog_received(&dialog, lines, strlen(lines));
}

/* A session up to where MAIL may be sent. */
static void connect_and_log_in(void)
{
	dialog_begin(&dialog, false);
	received("220 mail.example.com ESMTP\r\n");
	sent("EHLO here\r\n");
	received("250-mail.example.com\r\n");
	received("250 AUTH PLAIN\r\n");
	sent("AUTH PLAIN\r\n");
	received("334 \r\n");
	sent("AG1haWxlcgBzZWNyZXQ=\r\n");
	received("235 2.7.0 accepted\r\n");
}

static void test_a_mail_that_is_taken(void **state)
{
	(void) state;
	connect_and_log_in();
	assert_int_equal(dialog.phase, DIALOG_CONNECT);
	assert_true(dialog.login);
	sent("MAIL FROM:<a@b.c> SIZE=100\r\n");
	received("250 OK\r\n");
	assert_int_equal(dialog.phase, DIALOG_MAIL);
	sent("RCPT TO:<x@y.z>\r\n");
	received("250 OK\r\n");
	assert_int_equal(dialog.phase, DIALOG_RCPT);
	sent("DATA\r\n");
	assert_int_equal(dialog.phase, DIALOG_DATA);
	received("354-go\r\n");
	assert_int_equal(dialog.phase, DIALOG_DATA);
	received("354 on\r\n");
	assert_int_equal(dialog.phase, DIALOG_END);
	assert_false(dialog.answered);
	received("250-queued\r\n250 2.0.0 Ok: queued as 4711\r\n");
	assert_string_equal(dialog.reply, "250 2.0.0 Ok: queued as 4711");
}

static void test_no_password_is_kept(void **state)
{
	const char *bytes = (const char *) &dialog;

	(void) state;
	connect_and_log_in();
	for (size_t i = 0; i + 4 <= sizeof(dialog); i++)
		assert_memory_not_equal(bytes + i, "AG1h", 4);
}

static void test_before_the_mail_it_is_the_server(void **state)
{
	(void) state;
	dialog_begin(&dialog, false);
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_SERVER);
	received("554 no service\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_SERVER);
	dialog_begin(&dialog, false);
	received("220 hello\r\n");
	sent("AUTH PLAIN\r\n");
	received("535 wrong password\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_SERVER);
	assert_string_equal(dialog.reply, "535 wrong password");
}

/* libcurl says goodbye to a server that has refused something. */
static void test_a_goodbye_changes_nothing(void **state)
{
	(void) state;
	connect_and_log_in();
	sent("MAIL FROM:<a@b.c>\r\n");
	received("421 closing\r\n");
	sent("QUIT\r\n");
	received("221 bye\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_SERVER);
	assert_string_equal(dialog.reply, "421 closing");
}

static DialogFault answer_to(const char *command, const char *answer)
{
	static const char *const commands[] = {"MAIL FROM:<a@b.c>\r\n", "RCPT TO:<x@y.z>\r\n",
										   "DATA\r\n"};

	connect_and_log_in();
	for (size_t i = 0; i < 3; i++)
	{
		sent(commands[i]);
		if (strncmp(commands[i], command, 4) == 0)
			break;
		received("250 OK\r\n");
	}
	received(answer);
	return dialog_fault(&dialog);
}

static void test_after_it_the_answer_tells(void **state)
{
	static const char *const commands[] = {"MAIL", "RCPT", "DATA"};

	(void) state;
	for (size_t i = 0; i < 3; i++)
	{
		assert_int_equal(answer_to(commands[i], "450 try later\r\n"), DIALOG_FAULT_MAIL);
		assert_int_equal(answer_to(commands[i], "550 no such user\r\n"), DIALOG_FAULT_MAIL);
		assert_int_equal(answer_to(commands[i], "421 closing\r\n"), DIALOG_FAULT_SERVER);
		assert_int_equal(answer_to(commands[i], "530 log in first\r\n"), DIALOG_FAULT_SERVER);
		/* A hang, or a close without a word. */
		assert_int_equal(answer_to(commands[i], ""), DIALOG_FAULT_MAIL);
	}
}

static void test_an_idle_connection_that_was_closed(void **state)
{
	(void) state;
	dialog_begin(&dialog, true);
	sent("MAIL FROM:<a@b.c>\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_STALE);
	received("421 idle for too long\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_STALE);
	dialog_begin(&dialog, true);
	sent("MAIL FROM:<a@b.c>\r\n");
	received("550 not you\r\n");
	assert_int_equal(dialog_fault(&dialog), DIALOG_FAULT_MAIL);
}

static void test_strange_answers(void **state)
{
	char longest[600];

	(void) state;
	dialog_begin(&dialog, false);
	received("hello\r\n25\r\n2500 x\r\n\r\n");
	assert_int_equal(dialog.code, 0);
	assert_false(dialog.answered);
	received("250");
	assert_int_equal(dialog.code, 250);
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "550 \x1B[31m", 9);
	dialog_received(&dialog, longest, sizeof(longest));
	assert_int_equal(dialog.code, 550);
	assert_int_equal(strlen(dialog.reply), sizeof(dialog.reply) - 1);
	assert_null(strchr(dialog.reply, 0x1B));
}

/* The answer is stored and logged: one line of UTF-8, whatever the server's encoding. */
static void test_answers_that_are_not_utf8(void **state)
{
	char longest[600] = "550 ";

	(void) state;
	dialog_begin(&dialog, false);
	received("550 Empf\xE4nger\r\n");
	assert_string_equal(dialog.reply, "550 Empf?nger");
	dialog_received(&dialog, "550 a\0b\x85\r\n", 10);
	assert_string_equal(dialog.reply, "550 a b?");
	for (size_t i = 4; i + 3 <= sizeof(longest); i += 3)
		memcpy(longest + i, "\xE2\x82\xAC", 3);
	dialog_received(&dialog, longest, sizeof(longest));
	assert_int_equal(strlen(dialog.reply), 4 + (sizeof(dialog.reply) - 5) / 3 * 3);
}

/* What counts as taken must be the answer to the whole mail, and positive. */
static void test_what_is_taken(void **state)
{
	(void) state;
	(void) answer_to("DATA", "250 OK\r\n");
	assert_false(dialog_taken(&dialog));
	(void) answer_to("DATA", "354 go on\r\n");
	assert_false(dialog_taken(&dialog));
	received("250-taken\r\n");
	assert_true(dialog_taken(&dialog));
	received("550 no, not taken\r\n");
	assert_false(dialog_taken(&dialog));
	(void) answer_to("DATA", "354 go on\r\n");
	received("299 odd\r\n");
	assert_true(dialog_taken(&dialog));
	(void) answer_to("DATA", "354 go on\r\n");
	received("354 again\r\n");
	assert_false(dialog_taken(&dialog));
	(void) answer_to("DATA", "354 go on\r\n");
	sent("QUIT\r\n");
	received("221 bye\r\n");
	assert_false(dialog_taken(&dialog));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_mail_that_is_taken),
		cmocka_unit_test(test_no_password_is_kept),
		cmocka_unit_test(test_before_the_mail_it_is_the_server),
		cmocka_unit_test(test_a_goodbye_changes_nothing),
		cmocka_unit_test(test_after_it_the_answer_tells),
		cmocka_unit_test(test_an_idle_connection_that_was_closed),
		cmocka_unit_test(test_strange_answers),
		cmocka_unit_test(test_what_is_taken),
		cmocka_unit_test(test_answers_that_are_not_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
