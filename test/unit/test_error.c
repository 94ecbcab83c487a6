/*
 * test_error.c - an error is one line that can go into a log, whatever it quotes.
 *
 * links: lib/contract/error.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/error.h"

static void test_code_and_text(void **state)
{
	Error error;

	(void) state;
	assert_false(error_set(&error, ERROR_REFUSED, "queue %s: %d", "q", 406));
	assert_int_equal(error.code, ERROR_REFUSED);
	assert_string_equal(error.text, "queue q: 406");
}

static void test_control_characters_become_spaces(void **state)
{
	Error error;

	(void) state;
	error_set(&error, ERROR_PROTOCOL, "a\r\nb\tc\x1B[31m\x7F");
	assert_string_equal(error.text, "a  b c [31m ");
}

/* A server may speak Latin-1; log and database are UTF-8. */
static void test_other_encodings_become_question_marks(void **state)
{
	Error error;

	(void) state;
	error_set(&error, ERROR_PROTOCOL, "RCPT: %s", "550 Empf\xE4nger \xC0\x8A \xC3\xA9");
	assert_string_equal(error.text, "RCPT: 550 Empf?nger ?? \xC3\xA9");
}

/* Cut at every offset within a three-byte character: never half of one remains. */
static void test_long_text_is_cut_between_characters(void **state)
{
	char text[3 * ERROR_TEXT_SIZE];
	Error error;

	(void) state;
	for (size_t shift = 0; shift < 3; shift++)
	{
		memset(text, 'x', sizeof(text));
		for (size_t i = shift; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xE2\x82\xAC", 3);
		text[sizeof(text) - 1] = '\0';
		error_set(&error, ERROR_CONFIG, "%s", text);
		assert_in_range(strlen(error.text), ERROR_TEXT_SIZE - 4, ERROR_TEXT_SIZE - 1);
		assert_int_equal((strlen(error.text) - shift) % 3, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_and_text),
		cmocka_unit_test(test_control_characters_become_spaces),
		cmocka_unit_test(test_other_encodings_become_question_marks),
		cmocka_unit_test(test_long_text_is_cut_between_characters),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
