/*
 * test_log.c - a line of the log is one line of valid UTF-8, whatever it quotes (R5.6).
 *
 * links: lib/program/log.c lib/contract/utf8.c
 */
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/contract/utf8.h"
#include "lib/program/log.h"

#define QUOTED "caf\xE9 \xC3\xA9\x1B[m\r\n\xE2\x80\xA8\"\\"

#define ERASED "\r\033[K" /* what the progress line begins with, even an empty one */

static char written[16384];

/* What a message and a field put into the log, in `written`. */
static void log_and_read(LogFormat format, const char *message, const char *field)
{
	FILE *file = tmpfile();
	int before = dup(STDERR_FILENO);
	ssize_t length;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	log_setup(format, LOG_INFO);
	log_line(LOG_INFO, message, {"said", field, 0});
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	length = pread(fileno(file), written, sizeof(written) - 1, 0);
	assert_true(length > 0);
	written[length] = '\0';
	assert_int_equal(close(before), 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_one_clean_line(void)
{
	assert_true(utf8_check(written));
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

static void test_other_encodings_and_control_characters(void **state)
{
	(void) state;
	log_and_read(LOG_TEXT, QUOTED, QUOTED);
	assert_one_clean_line();
	assert_non_null(strstr(written, "caf? \xC3\xA9 [m   \"\\  said=caf? \xC3\xA9 [m   \"\\\n"));
	log_and_read(LOG_JSON, QUOTED, QUOTED);
	assert_one_clean_line();
	assert_non_null(strstr(written, "\"msg\":\"caf? \xC3\xA9 [m   \\\"\\\\\","));
	assert_non_null(strstr(written, "\"said\":\"caf? \xC3\xA9 [m   \\\"\\\\\"}\n"));
}

/* Whatever the offset of the cut within a character. */
static void test_long_lines_are_cut_between_characters(void **state)
{
	static char longest[6000];

	(void) state;
	for (size_t shift = 0; shift < 3; shift++)
	{
		memset(longest, 0, sizeof(longest));
		memset(longest, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(longest); i += 3)
			memcpy(longest + i, "\xE2\x82\xAC", 3);
		log_and_read(LOG_TEXT, longest, "field");
		assert_one_clean_line();
		log_and_read(LOG_JSON, longest, "field");
		assert_one_clean_line();
		assert_string_equal(written + strlen(written) - 3, "\"}\n");
	}
}

/* Writes with a progress line to a terminal that nobody reads meanwhile; what it got, in `written`.
 */
static void log_to_terminal(const char *message, const char *progress)
{
	int before = dup(STDERR_FILENO);
	int reader;
	int terminal;
	size_t length = 0;
	ssize_t got;
	struct termios raw;

	assert_int_equal(openpty(&reader, &terminal, NULL, NULL, NULL), 0);
	assert_int_equal(tcgetattr(terminal, &raw), 0);
	cfmakeraw(&raw);
	assert_int_equal(tcsetattr(terminal, TCSANOW, &raw), 0);
	assert_true(dup2(terminal, STDERR_FILENO) >= 0);
	log_setup(LOG_TEXT, LOG_INFO);
	log_progress(progress);
	assert_true(read(reader, written, sizeof(written)) > 0);
	log_line(LOG_INFO, message, {NULL, NULL, 0});
	log_progress("");
	do
	{
		got = read(reader, written + length, sizeof(written) - 1 - length);
		assert_true(got > 0);
		length += (size_t) got;
		written[length] = '\0';
	} while (strchr(written, '\n') == NULL || strstr(strchr(written, '\n'), ERASED) == NULL);
	*strstr(strchr(written, '\n'), ERASED) = '\0';
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	assert_int_equal(close(before), 0);
	assert_int_equal(close(terminal), 0);
	assert_int_equal(close(reader), 0);
}

/* The progress stands below the line; behind one that fills the buffer there is no room for it. */
static void test_progress_below_a_long_line(void **state)
{
	static char longest[6000];

	(void) state;
	log_to_terminal("short", "half of it");
	assert_non_null(strstr(written, " short\nhalf of it"));
	memset(longest, 'x', sizeof(longest) - 1);
	log_to_terminal(longest, "half of it");
	assert_ptr_equal(strchr(written, '\n'), written + strlen(written) - 1);
}

/* It takes a part of a line and then nothing: what is lost is counted, and nobody waits. */
static void test_terminal_that_nobody_reads(void **state)
{
	static char longest[2000];
	int before = dup(STDERR_FILENO);
	int reader;
	int terminal;
	ssize_t got;

	(void) state;
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(openpty(&reader, &terminal, NULL, NULL, NULL), 0);
	assert_int_equal(fcntl(reader, F_SETFL, O_NONBLOCK), 0);
	assert_true(dup2(terminal, STDERR_FILENO) >= 0);
	log_setup(LOG_TEXT, LOG_INFO);
	/* A test that hangs fails. */
	(void) alarm(30);
	for (int i = 0; i < 1000; i++)
		log_message(LOG_INFO, longest);
	do
	{
		log_message(LOG_INFO, "heard");
		got = read(reader, written, sizeof(written) - 1);
		written[got > 0 ? got : 0] = '\0';
	} while (strstr(written, "log lines were lost") == NULL);
	(void) alarm(0);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	log_setup(LOG_TEXT, LOG_INFO);
	assert_int_equal(close(before), 0);
	assert_int_equal(close(terminal), 0);
	assert_int_equal(close(reader), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_encodings_and_control_characters),
		cmocka_unit_test(test_long_lines_are_cut_between_characters),
		cmocka_unit_test(test_progress_below_a_long_line),
		cmocka_unit_test(test_terminal_that_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
