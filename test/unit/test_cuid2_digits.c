/*
 * test_cuid2_digits.c - the leading digits in base 36 of a digest, compared with OpenSSL's big
 * numbers (R0.5).
 *
 * links: src/identity/cuid2.c src/identity/cuid2_digits.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>

#include "src/identity/cuid2.h"

/* All digits of the number through OpenSSL's big numbers; `out` needs 101 bytes. */
static size_t bignum_digits(const BIGNUM *number, char *out)
{
	char reversed[100];
	size_t length = 0;
	BIGNUM *rest = BN_dup(number);

	assert_non_null(rest);
	while (!BN_is_zero(rest))
		reversed[length++] = "0123456789abcdefghijklmnopqrstuvwxyz"[BN_div_word(rest, 36)];
	for (size_t i = 0; i < length; i++)
		out[i] = reversed[length - 1 - i];
	out[length] = '\0';
	BN_free(rest);
	return length;
}

static void assert_digits_agree(const BIGNUM *number)
{
	static const size_t counts[] = {1, 2, 12, 13, 25, 33, 63};
	uint8_t digest[64];
	char expected[101];
	char digits[64];
	size_t length = bignum_digits(number, expected);

	assert_int_equal(BN_bn2binpad(number, digest, sizeof(digest)), 64);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
	{
		size_t wanted = length < counts[i] ? length : counts[i];

		assert_int_equal(cuid2_leading_digits(digest, digits, counts[i]), wanted);
		assert_int_equal(strlen(digits), wanted);
		assert_memory_equal(digits, expected, wanted);
	}
}

static void test_leading_digits_of_random_numbers(void **state)
{
	BIGNUM *number = BN_new();

	(void) state;
	assert_non_null(number);
	for (int i = 0; i < 5000; i++)
	{
		/* Every size, so that every count of leading zeros occurs. */
		assert_int_equal(BN_rand(number, 512 - i % 512, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY), 1);
		assert_digits_agree(number);
	}
	BN_free(number);
}

/* Powers of 36 and their neighbours: where a division that is off by one shows. */
static void test_leading_digits_at_the_edges(void **state)
{
	BIGNUM *power = BN_new();
	BIGNUM *number = BN_new();

	(void) state;
	assert_non_null(power);
	assert_non_null(number);
	assert_int_equal(BN_one(power), 1);
	for (int exponent = 0; exponent < 100; exponent++)
	{
		assert_digits_agree(power);
		assert_non_null(BN_copy(number, power));
		assert_int_equal(BN_sub_word(number, 1), 1);
		assert_digits_agree(number);
		assert_int_equal(BN_add_word(number, 2), 1);
		assert_digits_agree(number);
		assert_int_equal(BN_mul_word(power, 36), 1);
	}
	assert_int_equal(BN_one(number), 1);
	assert_int_equal(BN_lshift(number, number, 512), 1);
	assert_int_equal(BN_sub_word(number, 1), 1);
	assert_digits_agree(number);
	BN_free(power);
	BN_free(number);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leading_digits_of_random_numbers),
		cmocka_unit_test(test_leading_digits_at_the_edges),
	};

	return cmocka_run_group_tests_name("leading digits of identifiers (R0.5)", tests, NULL, NULL);
}
