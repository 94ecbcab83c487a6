/*
 * test_fibonacci.c - Fibonacci numbers are exact, stop when told to, and stay within
 * the memory they claim (R2.3).
 *
 * links: src/jobs/fibonacci.c src/jobs/computation.c gmp -Wl,--wrap=malloc
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "computation_probe.h"
#include "src/jobs/fibonacci.h"

#define SIZE FIBONACCI_SIZE(FIBONACCI_N_MAX)

/* Computed with Python by adding. */
#define F1000                                                                                      \
	"43466557686937456435688527675040625802564660517371780402481729089536555417949051890403879840" \
	"07925516929592259308032263477520968962323987332247116164299644090653318793829896964992851600" \
	"3704476137795166849228875"

static void assert_fibonacci(long n, const char *expected)
{
	char text[SIZE];
	Questions questions = {0};

	assert_int_equal(fibonacci(n, keep_going, &questions, text, FIBONACCI_SIZE(n)),
					 COMPUTATION_DONE);
	assert_string_equal(text, expected);
	assert_int_equal(questions.percent, 100);
}

static void test_known_numbers(void **state)
{
	(void) state;
	assert_fibonacci(0, "0");
	assert_fibonacci(1, "1");
	assert_fibonacci(2, "1");
	assert_fibonacci(10, "55");
	assert_fibonacci(93, "12200160415121876738");
	assert_fibonacci(94, "19740274219868223167");
	assert_fibonacci(100, "354224848179261915075");
	assert_fibonacci(1000, F1000);
}

static void test_greatest_number(void **state)
{
	static const char first[] = "25974069347221724166155034021275915414880485386517";
	static const char last[] = "74355609970015699780289236362349895374653428746875";
	char text[SIZE];
	Questions questions = {0};

	(void) state;
	assert_int_equal(fibonacci(FIBONACCI_N_MAX, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_DONE);
	assert_int_equal(strlen(text), 20899);
	assert_memory_equal(text, first, 50);
	assert_string_equal(text + 20899 - 50, last);
}

/*
 * Against plain addition, which is another algorithm: each n up to 3,000, each buffer
 * exactly as long as promised, and the last ones.
 */
static void test_each_number_is_the_sum_of_two(void **state)
{
	char expected[SIZE];
	mpz_t number;
	mpz_t next;

	(void) state;
	mpz_init_set_ui(number, 0);
	mpz_init_set_ui(next, 1);
	for (long n = 0; n <= FIBONACCI_N_MAX; n++)
	{
		if (n <= 3000 || n > FIBONACCI_N_MAX - 10)
		{
			(void) mpz_get_str(expected, 10, number);
			assert_fibonacci(n, expected);
		}
		mpz_add(number, number, next);
		mpz_swap(number, next);
	}
	mpz_clears(number, next, NULL);
}

static void test_limits(void **state)
{
	char text[SIZE];
	Questions questions = {0};

	(void) state;
	assert_int_equal(fibonacci(-1, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(fibonacci(FIBONACCI_N_MAX + 1, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(fibonacci(INT32_MIN, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(fibonacci(100, keep_going, &questions, text, FIBONACCI_SIZE(100) - 1),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(questions.asked, 0);
}

static void test_stops_when_told_to(void **state)
{
	char text[SIZE];

	(void) state;
	assert_stops_when_told_to(fibonacci, FIBONACCI_N_MAX, text, sizeof(text), 3);
}

static void test_without_memory(void **state)
{
	char text[SIZE];

	(void) state;
	assert_needs_memory(fibonacci, text, sizeof(text));
}

static void test_memory_is_bounded(void **state)
{
	char text[SIZE];

	(void) state;
	assert_memory_is_bounded(fibonacci, FIBONACCI_N_MAX, text, sizeof(text),
							 FIBONACCI_MEMORY_MAX / 2);
}

static void test_every_result_has_a_text(void **state)
{
	(void) state;
	for (int result = COMPUTATION_DONE; result <= COMPUTATION_NO_MEMORY; result++)
		for (int other = result + 1; other <= COMPUTATION_NO_MEMORY + 1; other++)
			assert_string_not_equal(computation_text((ComputationResult) result),
									computation_text((ComputationResult) other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_numbers),
		cmocka_unit_test(test_greatest_number),
		cmocka_unit_test(test_each_number_is_the_sum_of_two),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stops_when_told_to),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_every_result_has_a_text),
	};

	return cmocka_run_group_tests_name("fibonacci", tests, NULL, NULL);
}
