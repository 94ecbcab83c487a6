/*
 * test_pi.c - every decimal of pi is right and the last one cut, not rounded; the
 * computation stops when told to and stays within the memory it claims (R2.3).
 *
 * links: src/jobs/pi.c src/jobs/computation.c gmp -Wl,--wrap=malloc
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
#include "src/jobs/pi.h"

#define SIZE PI_SIZE(PI_DIGITS_MAX)

/* Computed with Python's integers by Machin's formula. */
static const char thousand_decimals[] =
	"3."
	"14159265358979323846264338327950288419716939937510582097494459230781640628620899"
	"86280348253421170679821480865132823066470938446095505822317253594081284811174502"
	"84102701938521105559644622948954930381964428810975665933446128475648233786783165"
	"27120190914564856692346034861045432664821339360726024914127372458700660631558817"
	"48815209209628292540917153643678925903600113305305488204665213841469519415116094"
	"33057270365759591953092186117381932611793105118548074462379962749567351885752724"
	"89122793818301194912983367336244065664308602139494639522473719070217986094370277"
	"05392171762931767523846748184676694051320005681271452635608277857713427577896091"
	"73637178721468440901224953430146549585371050792279689258923542019956112129021960"
	"86403441815981362977477130996051870721134999999837297804995105973173281609631859"
	"50244594553469083026425223082533446850352619311881710100031378387528865875332083"
	"81420617177669147303598253490428755468731159562863882353787593751957781857780532"
	"1712268066130019278766111959092164201989";

/* arctan(1 / x) * one, each term cut. */
static void scaled_arctan(mpz_t sum, unsigned long x, const mpz_t one)
{
	mpz_t power;
	mpz_t term;

	mpz_inits(power, term, NULL);
	mpz_tdiv_q_ui(power, one, x);
	mpz_set(sum, power);
	for (unsigned long n = 3; mpz_sgn(power) != 0; n += 2)
	{
		mpz_tdiv_q_ui(power, power, x * x);
		mpz_tdiv_q_ui(term, power, n);
		if (n % 4 == 3)
			mpz_sub(sum, sum, term);
		else
			mpz_add(sum, sum, term);
	}
	mpz_clears(power, term, NULL);
}

/*
 * Machin (1706): pi = 16 arctan(1/5) - 4 arctan(1/239). With ten decimals more than
 * asked for: its quarter of a million cuts make an error in the sixth of them.
 */
static void machin(long digits, char *text)
{
	char *all;
	mpz_t one;
	mpz_t pi;
	mpz_t second;

	mpz_inits(one, pi, second, NULL);
	mpz_ui_pow_ui(one, 10, (unsigned long) digits + 10);
	scaled_arctan(pi, 5, one);
	scaled_arctan(second, 239, one);
	mpz_mul_ui(pi, pi, 16);
	mpz_submul_ui(pi, second, 4);
	all = mpz_get_str(NULL, 10, pi);
	text[0] = all[0];
	text[1] = '.';
	memcpy(text + 2, all + 1, (size_t) digits);
	text[digits + 2] = '\0';
	free(all);
	mpz_clears(one, pi, second, NULL);
}

static void assert_pi(long digits, const char *expected)
{
	char text[SIZE];
	Questions questions = {0};

	assert_int_equal(pi_decimals(digits, keep_going, &questions, text, PI_SIZE(digits)),
					 COMPUTATION_DONE);
	assert_string_equal(text, expected);
	assert_int_equal(questions.percent, 100);
}

static void test_known_decimals(void **state)
{
	(void) state;
	assert_pi(0, "3");
	assert_pi(1, "3.1");
	assert_pi(3, "3.141"); /* 3.1415: rounding would say 3.142 */
	assert_pi(5, "3.14159");
	assert_pi(1000, thousand_decimals);
}

/* Each length up to a thousand, each buffer exactly as long as promised. */
static void test_every_length_is_cut(void **state)
{
	char expected[sizeof(thousand_decimals)];

	(void) state;
	for (long digits = 1; digits <= 1000; digits++)
	{
		memcpy(expected, thousand_decimals, (size_t) digits + 2);
		expected[digits + 2] = '\0';
		assert_pi(digits, expected);
	}
}

static void test_hundred_thousand_decimals_by_another_formula(void **state)
{
	char *expected = malloc(SIZE);
	char text[SIZE];
	Questions questions = {0};

	(void) state;
	assert_non_null(expected);
	machin(PI_DIGITS_MAX, expected);
	assert_int_equal(pi_decimals(PI_DIGITS_MAX, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_DONE);
	assert_int_equal(strlen(text), PI_DIGITS_MAX + 2);
	assert_string_equal(text + 2 + 99990, "5493624646"); /* published: decimals 99,991 to 100,000 */
	assert_memory_equal(text, expected, SIZE - 1);
	free(expected);
}

/*
 * One guard digit decides only when it is one of 2 to 7: every length is right all the same,
 * and about four in ten took more than one round.
 */
static void test_too_few_guard_digits(void **state)
{
	char text[SIZE];
	int repeated = 0;

	(void) state;
	for (long digits = 1; digits <= 1000; digits++)
	{
		Questions questions = {0};
		int rounds;

		assert_int_equal(
			pi_decimals_guarded(digits, 1, keep_going, &questions, text, PI_SIZE(digits), &rounds),
			COMPUTATION_DONE);
		assert_memory_equal(text, thousand_decimals, (size_t) digits + 2);
		assert_int_equal(strlen(text), digits + 2);
		if (rounds > 1)
			repeated++;
	}
	assert_in_range(repeated, 200, 999);
}

/* Decimals 762 to 767 are nines, 13,390 to 13,393 zeros: guard digits that decide nothing. */
static void test_runs_of_nines_and_zeros(void **state)
{
	static const struct
	{
		long digits;
		int guard;
		int rounds;
		const char *end;
	} cases[] = {
		{761, 1, 4, "721134"},	{761, 2, 3, "721134"}, {761, 4, 2, "721134"},
		{761, 32, 1, "721134"}, {13389, 4, 2, "95"},   {13389, 32, 1, "95"},
	};
	char text[SIZE];

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Questions questions = {0};
		int rounds;

		assert_int_equal(pi_decimals_guarded(cases[i].digits, cases[i].guard, keep_going,
											 &questions, text, sizeof(text), &rounds),
						 COMPUTATION_DONE);
		assert_int_equal(rounds, cases[i].rounds);
		assert_int_equal(strlen(text), cases[i].digits + 2);
		assert_string_equal(text + strlen(text) - strlen(cases[i].end), cases[i].end);
	}
}

static void test_limits(void **state)
{
	char text[SIZE];
	Questions questions = {0};
	int rounds;

	(void) state;
	assert_int_equal(pi_decimals(-1, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(pi_decimals(PI_DIGITS_MAX + 1, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(pi_decimals(INT32_MIN, keep_going, &questions, text, sizeof(text)),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(pi_decimals(100, keep_going, &questions, text, PI_SIZE(100) - 1),
					 COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(
		pi_decimals_guarded(100, 0, keep_going, &questions, text, sizeof(text), &rounds),
		COMPUTATION_OUT_OF_RANGE);
	assert_int_equal(questions.asked, 0);
}

/* A hundred times and more: whoever cancels waits for one of them, not for the end. */
static void test_stops_when_told_to(void **state)
{
	char text[SIZE];

	(void) state;
	assert_stops_when_told_to(pi_decimals, PI_DIGITS_MAX, text, sizeof(text), 100);
}

static void test_without_memory(void **state)
{
	char text[SIZE];

	(void) state;
	assert_needs_memory(pi_decimals, text, sizeof(text));
}

static void test_memory_is_bounded(void **state)
{
	char text[SIZE];

	(void) state;
	assert_memory_is_bounded(pi_decimals, PI_DIGITS_MAX, text, sizeof(text), PI_MEMORY_MAX / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_decimals),
		cmocka_unit_test(test_every_length_is_cut),
		cmocka_unit_test(test_hundred_thousand_decimals_by_another_formula),
		cmocka_unit_test(test_too_few_guard_digits),
		cmocka_unit_test(test_runs_of_nines_and_zeros),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stops_when_told_to),
		cmocka_unit_test(test_without_memory),
		cmocka_unit_test(test_memory_is_bounded),
	};

	return cmocka_run_group_tests_name("pi", tests, NULL, NULL);
}
