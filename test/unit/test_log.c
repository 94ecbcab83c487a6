/*
 * test_log.c - a line of the log is one line of valid UTF-8, whatever it quotes (R5.6).
 *
 * links: lib/program/log.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/contract/utf8.h"
#include "lib/program/log.h"

#define QUOTED "caf\xE9 \xC3\xA9\x1B[m\r\n\xE2\x80\xA8\"\\"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_other_encodings_and_control_characters),
		cmocka_unit_test(test_long_lines_are_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
