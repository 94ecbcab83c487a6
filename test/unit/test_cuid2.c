/*
 * test_cuid2.c - ids: form, uniqueness, flatness, and the derived form (R0.5).
 * CUID2_TEST_COUNT=10000000 makes the long run of the collision and flatness tests.
 *
 * links: src/identity/cuid2.c src/identity/cuid2_digits.c libcrypto -lm
 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/rand.h>

#include "src/identity/cuid2.h"

#define ENTROPY		"0123456789abcdefghijklmnopqrstuv"
#define FINGERPRINT "zyxwvutsrqponmlkjihgfedcba987654"
#define TIME_MS		INT64_C(1700000000000)

/* Chi-square limits that a flat source passes but once in about 10^7 runs. */
#define LIMIT_36_VALUES	 100.0
#define LIMIT_26_VALUES	 82.0
#define LIMIT_16_BUCKETS 62.0

static const double flat[36] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
								1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static size_t run_size(void)
{
	const char *text = getenv("CUID2_TEST_COUNT");
	long count = text != NULL ? atol(text) : 0;

	return count > 0 ? (size_t) count : 1000000;
}

static void test_length(void **state)
{
	char id[CUID2_LENGTH_MAX + 1];

	(void) state;
	for (int length = CUID2_LENGTH_MIN; length <= CUID2_LENGTH_MAX; length++)
	{
		assert_true(cuid2_generate(length, id));
		assert_int_equal(strlen(id), length);
		assert_true(cuid2_is_valid(id, (size_t) length));
	}
	assert_false(cuid2_generate(1, id));
	assert_false(cuid2_generate(33, id));
	assert_false(cuid2_generate(0, id));
	assert_false(cuid2_generate(-24, id));
}

static void test_is_valid(void **state)
{
	(void) state;
	assert_true(cuid2_is_valid("a0", 2));
	assert_false(cuid2_is_valid("0a", 2));
	assert_false(cuid2_is_valid("a", 1));
	assert_false(cuid2_is_valid("aB", 2));
	assert_false(cuid2_is_valid("a-", 2));
	assert_false(cuid2_is_valid("abcdefghijklmnopqrstuvwxyz0123456", 33));
}

static int compare_ids(const void *a, const void *b)
{
	return memcmp(a, b, CUID2_LENGTH_DEFAULT);
}

static void assert_all_different(char *ids, size_t count)
{
	qsort(ids, count, CUID2_LENGTH_DEFAULT, compare_ids);
	for (size_t i = 1; i < count; i++)
		assert_int_not_equal(
			compare_ids(ids + (i - 1) * CUID2_LENGTH_DEFAULT, ids + i * CUID2_LENGTH_DEFAULT), 0);
}

static double chi_square(const size_t *counts, const double *weights, size_t values, size_t total)
{
	double all = 0;
	double sum = 0;

	for (size_t i = 0; i < values; i++)
		all += weights[i];
	for (size_t i = 0; i < values; i++)
	{
		double expected = (double) total * weights[i] / all;

		sum += ((double) counts[i] - expected) * ((double) counts[i] - expected) / expected;
	}
	return sum;
}

static int value_of(char c)
{
	return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/*
 * The character behind the letter is the third digit of a number below 2^512,
 * which ends within the block of the 100-digit numbers: 25 digits are 0.7 % more
 * frequent and 10 are 1.7 % less, in every implementation of the published
 * algorithm. Its exact shares: 36 from the shorter numbers, and one for each
 * three-digit head from 36^2 up to 2^512 / 36^97.
 */
static void third_digit_weights(double weights[36])
{
	double heads = ldexp(1.0, 512) / pow(36, 97);
	int head = 36 * 36;

	for (int i = 0; i < 36; i++)
		weights[i] = 36;
	for (; head + 1 <= heads; head++)
		weights[head % 36] += 1;
	weights[head % 36] += heads - head;
}

/*
 * Every position has each character as often as it should, and 20 equal ranges
 * of ids are filled within 5 %, as the published algorithm's own test asks.
 */
static void assert_flat(const char *ids, size_t count)
{
	size_t places[CUID2_LENGTH_DEFAULT][36] = {{0}};
	size_t buckets[20] = {0};
	double third[36];

	third_digit_weights(third);
	for (size_t i = 0; i < count; i++)
	{
		const char *id = ids + i * CUID2_LENGTH_DEFAULT;
		int head = (value_of(id[1]) * 36 + value_of(id[2])) * 36 + value_of(id[3]);

		assert_true(cuid2_is_valid(id, CUID2_LENGTH_DEFAULT));
		buckets[head * 20 / (36 * 36 * 36)]++;
		for (int place = 0; place < CUID2_LENGTH_DEFAULT; place++)
			places[place][value_of(id[place])]++;
	}
	assert_true(chi_square(places[0] + 10, flat, 26, count) < LIMIT_26_VALUES);
	assert_true(chi_square(places[1], third, 36, count) < LIMIT_36_VALUES);
	for (int place = 2; place < CUID2_LENGTH_DEFAULT; place++)
		assert_true(chi_square(places[place], flat, 36, count) < LIMIT_36_VALUES);
	for (int i = 0; i < 20; i++)
		assert_in_range(buckets[i], count / 20 * 95 / 100, count / 20 * 105 / 100);
}

static void test_generated_unique_and_flat(void **state)
{
	size_t count = run_size();
	char *ids = malloc(count * CUID2_LENGTH_DEFAULT + 1);

	(void) state;
	assert_non_null(ids);
	for (size_t i = 0; i < count; i++)
		assert_true(cuid2_generate(CUID2_LENGTH_DEFAULT, ids + i * CUID2_LENGTH_DEFAULT));
	assert_flat(ids, count);
	assert_all_different(ids, count);
	free(ids);
}

static void test_derived_unique_and_flat(void **state)
{
	size_t count = run_size();
	char *ids = malloc(count * CUID2_LENGTH_DEFAULT + 1);
	Cuid2Series series;

	(void) state;
	assert_non_null(ids);
	assert_true(cuid2_series_init(&series, TIME_MS, ENTROPY, FINGERPRINT));
	for (size_t i = 0; i < count; i++)
		assert_true(cuid2_series_id(&series, (int64_t) i + 1, ids + i * CUID2_LENGTH_DEFAULT));
	assert_flat(ids, count);
	assert_all_different(ids, count);
	free(ids);
}

/* The digit that hash() drops is biased: if this passed as flat, so would anything. */
static void test_statistic_sees_bias(void **state)
{
	size_t counts[36] = {0};
	uint8_t digest[64];
	char digits[2];

	(void) state;
	for (int i = 0; i < 10000; i++)
	{
		assert_int_equal(RAND_bytes(digest, sizeof(digest)), 1);
		assert_int_equal(cuid2_leading_digits(digest, digits, 1), 1);
		counts[value_of(digits[0])]++;
	}
	assert_true(chi_square(counts, flat, 36, 10000) > LIMIT_36_VALUES);
}

/*
 * Computed with Python, which shares no code with us:
 *   d = hashlib.sha3_512((b36(time) + entropy + b36(counter) + fingerprint).encode()).digest()
 *   h = b36(int.from_bytes(d, "big"))[1:]
 *   id = chr(97 + int.from_bytes(d[-8:], "big") % 26) + h[1:24]
 * with b36() writing a number in base 36, digits 0-9a-z.
 */
static void test_derived_known_answers(void **state)
{
	static const struct
	{
		int64_t counter;
		const char *id;
	} answers[] = {
		{0, "kin749mzar37e24ezszjchnh"},	   {1, "tkh05obg4rdvytftzg67890n"},
		{35, "xlw3gmybdm5w6x81l5z2kdfx"},	   {36, "g2qeyg5a54xo5570cr2ztw8l"},
		{1000000, "r9sevcfoetrengfwesw5ollb"}, {(INT64_C(1) << 40) - 1, "mk154vst7ng685k1xpgfngok"},
	};
	char id[CUID2_LENGTH_DEFAULT + 1];
	Cuid2Series series;

	(void) state;
	assert_true(cuid2_series_init(&series, TIME_MS, ENTROPY, FINGERPRINT));
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
	{
		assert_true(cuid2_series_id(&series, answers[i].counter, id));
		assert_string_equal(id, answers[i].id);
	}
	/* In any order, and with other ids made in between, the same. */
	assert_true(cuid2_generate(24, id));
	assert_true(cuid2_series_id(&series, 1, id));
	assert_string_equal(id, answers[1].id);

	assert_true(cuid2_series_init(&series, 0, "a", "b"));
	assert_true(cuid2_series_id(&series, 0, id));
	assert_string_equal(id, "a90xslgntxwlvbbjzlqmvjkp");
}

static void test_derived_refuses_bad_input(void **state)
{
	static const char too_long[] = ENTROPY "x";
	char id[CUID2_LENGTH_DEFAULT + 1];
	Cuid2Series series;

	(void) state;
	assert_false(cuid2_series_init(&series, -1, ENTROPY, FINGERPRINT));
	assert_false(cuid2_series_init(&series, TIME_MS, "", FINGERPRINT));
	assert_false(cuid2_series_init(&series, TIME_MS, ENTROPY, ""));
	assert_false(cuid2_series_init(&series, TIME_MS, too_long, FINGERPRINT));
	assert_false(cuid2_series_init(&series, TIME_MS, ENTROPY, too_long));
	assert_true(cuid2_series_init(&series, INT64_MAX, ENTROPY, FINGERPRINT));
	assert_false(cuid2_series_id(&series, -1, id));
	assert_true(cuid2_series_id(&series, INT64_MAX, id));
	cuid2_series_wipe(&series);
	for (size_t i = 0; i < sizeof(series); i++)
		assert_int_equal(((const char *) &series)[i], 0);
}

static void test_entropy(void **state)
{
	char first[CUID2_SECRET_MAX + 1];
	char second[CUID2_SECRET_MAX + 1];

	(void) state;
	assert_true(cuid2_entropy(CUID2_SECRET_MAX, first));
	assert_true(cuid2_entropy(CUID2_SECRET_MAX, second));
	assert_int_equal(strlen(first), CUID2_SECRET_MAX);
	assert_int_equal(strspn(first, "0123456789abcdefghijklmnopqrstuvwxyz"), CUID2_SECRET_MAX);
	assert_string_not_equal(first, second);
	assert_false(cuid2_entropy(0, first));
	assert_false(cuid2_entropy(CUID2_SECRET_MAX + 1, first));
}

/* The random pool is filled before the fork: a child that kept it would repeat its parent. */
static void test_fork_gives_other_entropy(void **state)
{
	char mine[CUID2_SECRET_MAX + 1];
	char childs[CUID2_SECRET_MAX + 1] = "";
	int ends[2];
	int status;
	pid_t child;

	(void) state;
	/* A pool that is nearly used up would be filled again by both. */
	cuid2_thread_end();
	assert_true(cuid2_entropy(1, mine));
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		bool made = cuid2_entropy(CUID2_SECRET_MAX, childs);

		_exit(made && write(ends[1], childs, sizeof(childs)) == sizeof(childs) ? 0 : 1);
	}
	assert_true(cuid2_entropy(CUID2_SECRET_MAX, mine));
	assert_int_equal(read(ends[0], childs, sizeof(childs)), sizeof(childs));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(strlen(childs), CUID2_SECRET_MAX);
	assert_string_not_equal(mine, childs);
	(void) close(ends[0]);
	(void) close(ends[1]);
}

#define THREADS	   4
#define PER_THREAD 5000

static void *generate_many(void *ids)
{
	for (int i = 0; i < PER_THREAD; i++)
		if (!cuid2_generate(CUID2_LENGTH_DEFAULT, (char *) ids + i * CUID2_LENGTH_DEFAULT))
			return ids;
	cuid2_thread_end();
	return NULL;
}

static void test_threads_share_nothing(void **state)
{
	static char ids[THREADS][PER_THREAD * CUID2_LENGTH_DEFAULT + 1];
	static char all[THREADS * PER_THREAD * CUID2_LENGTH_DEFAULT];
	pthread_t threads[THREADS];
	void *failed;

	(void) state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, generate_many, ids[i]), 0);
	for (int i = 0; i < THREADS; i++)
	{
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
		memcpy(all + i * PER_THREAD * CUID2_LENGTH_DEFAULT, ids[i],
			   PER_THREAD * CUID2_LENGTH_DEFAULT);
	}
	assert_all_different(all, THREADS * PER_THREAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_is_valid),
		cmocka_unit_test(test_generated_unique_and_flat),
		cmocka_unit_test(test_derived_unique_and_flat),
		cmocka_unit_test(test_statistic_sees_bias),
		cmocka_unit_test(test_derived_known_answers),
		cmocka_unit_test(test_derived_refuses_bad_input),
		cmocka_unit_test(test_entropy),
		cmocka_unit_test(test_fork_gives_other_entropy),
		cmocka_unit_test(test_threads_share_nothing),
	};

	return cmocka_run_group_tests_name("cuid2 (R0.5)", tests, NULL, NULL);
}
