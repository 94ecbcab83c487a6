/*
 * test_password.c - Argon2id in PHC form: round trip, hostile hashes, RFC 9106 (R0.6).
 *
 * links: src/identity/password.c libargon2 libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <argon2.h>

#include "src/identity/password.h"

#define MEMORY PASSWORD_MEMORY_KIB_MIN
#define PASSES PASSWORD_PASSES_MIN
#define CAP	   PASSWORD_MEMORY_KIB_MAX
#define SALT   "c29tZXNhbHRzb21lc2FsdA"
#define TAG	   "uGSZCS5bPxGKnf0rpNlGmjNY8ouKAnUaFxZQ1Vnu6UE"

static PasswordResult verify(const char *password, const char *hash)
{
	return password_verify(password, strlen(password), hash, CAP);
}

/* RFC 9106, section 5.3. */
static void test_rfc_9106_vector(void **state)
{
	static const uint8_t expected[32] = {0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c,
										 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9,
										 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e,
										 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59};
	uint8_t password[32], salt[16], secret[8], data[12], tag[32];
	PasswordInput input = {.password = password,
						   .password_length = sizeof(password),
						   .salt = salt,
						   .salt_length = sizeof(salt),
						   .secret = secret,
						   .secret_length = sizeof(secret),
						   .data = data,
						   .data_length = sizeof(data),
						   .memory_kib = 32,
						   .passes = 3,
						   .lanes = 4};

	(void) state;
	memset(password, 1, sizeof(password));
	memset(salt, 2, sizeof(salt));
	memset(secret, 3, sizeof(secret));
	memset(data, 4, sizeof(data));
	assert_int_equal(password_argon2id(&input, tag, sizeof(tag)), PASSWORD_OK);
	assert_memory_equal(tag, expected, sizeof(expected));
	assert_int_equal(password[0], 1); /* the caller's password is not wiped behind its back */
}

static void test_round_trip(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	char again[PASSWORD_HASH_SIZE];

	(void) state;
	assert_int_equal(password_hash("correct horse", 13, MEMORY, PASSES, hash), PASSWORD_OK);
	assert_int_equal(password_hash("correct horse", 13, MEMORY, PASSES, again), PASSWORD_OK);
	assert_string_not_equal(hash, again); /* another salt */
	assert_memory_equal(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31);
	assert_int_equal(strlen(hash), 31 + 22 + 1 + 43);
	assert_int_equal(verify("correct horse", hash), PASSWORD_OK);
	assert_int_equal(verify("correct horsf", hash), PASSWORD_MISMATCH);
	assert_int_equal(verify("correct hors", hash), PASSWORD_MISMATCH);
	assert_int_equal(verify("correct horse ", hash), PASSWORD_MISMATCH);
}

/* Hashes moved here from elsewhere: other lengths, and libargon2's own PHC writer. */
static void test_hash_of_another_program(void **state)
{
	char hash[PASSWORD_HASH_SIZE];

	(void) state;
	assert_int_equal(
		argon2id_hash_encoded(2, 256, 1, "password", 8, "somesalt", 8, 24, hash, sizeof(hash)),
		ARGON2_OK);
	assert_int_equal(verify("password", hash), PASSWORD_OK);
	assert_int_equal(verify("Password", hash), PASSWORD_MISMATCH);
}

static void test_every_byte_of_the_tag_counts(void **state)
{
	char hash[PASSWORD_HASH_SIZE];
	char *tag;

	(void) state;
	assert_int_equal(
		argon2id_hash_encoded(2, 256, 1, "password", 8, "somesalt", 8, 24, hash, sizeof(hash)),
		ARGON2_OK);
	tag = strrchr(hash, '$') + 1;
	assert_int_equal(strlen(tag), 32);
	for (char *at = tag; *at != '\0'; at++)
	{
		char right = *at;

		*at = right == 'A' ? 'B' : 'A';
		assert_int_equal(verify("password", hash), PASSWORD_MISMATCH);
		*at = right;
	}
	assert_int_equal(verify("password", hash), PASSWORD_OK);
}

/* And the other way round: libargon2 reads what is written here. */
static void test_hash_is_standard(void **state)
{
	char hash[PASSWORD_HASH_SIZE];

	(void) state;
	assert_int_equal(password_hash("password", 8, MEMORY, PASSES, hash), PASSWORD_OK);
	assert_int_equal(argon2id_verify(hash, "password", 8), ARGON2_OK);
	assert_int_equal(argon2id_verify(hash, "Password", 8), ARGON2_VERIFY_MISMATCH);
}

static void test_passwords_are_bytes(void **state)
{
	char hash[PASSWORD_HASH_SIZE];

	(void) state;
	assert_int_equal(password_hash("a\0b", 3, MEMORY, PASSES, hash), PASSWORD_OK);
	assert_int_equal(password_verify("a\0b", 3, hash, CAP), PASSWORD_OK);
	assert_int_equal(password_verify("a\0c", 3, hash, CAP), PASSWORD_MISMATCH);
	assert_int_equal(password_verify("a", 1, hash, CAP), PASSWORD_MISMATCH);
}

static void test_password_length(void **state)
{
	static char long_password[PASSWORD_MAX + 1];
	char hash[PASSWORD_HASH_SIZE];

	(void) state;
	memset(long_password, 'x', sizeof(long_password));
	assert_int_equal(password_hash("", 0, MEMORY, PASSES, hash), PASSWORD_LENGTH);
	assert_int_equal(password_hash(long_password, PASSWORD_MAX + 1, MEMORY, PASSES, hash),
					 PASSWORD_LENGTH);
	assert_int_equal(password_hash(long_password, PASSWORD_MAX, MEMORY, PASSES, hash), PASSWORD_OK);
	assert_int_equal(password_verify(long_password, PASSWORD_MAX, hash, CAP), PASSWORD_OK);
	assert_int_equal(password_verify(long_password, PASSWORD_MAX + 1, hash, CAP), PASSWORD_LENGTH);
	assert_int_equal(password_verify("", 0, hash, CAP), PASSWORD_LENGTH);
}

static void test_hash_parameters_have_limits(void **state)
{
	char hash[PASSWORD_HASH_SIZE];

	(void) state;
	assert_int_equal(password_hash("x", 1, MEMORY - 1, PASSES, hash), PASSWORD_EXCESSIVE);
	assert_int_equal(password_hash("x", 1, MEMORY, PASSES - 1, hash), PASSWORD_EXCESSIVE);
	assert_int_equal(password_hash("x", 1, PASSWORD_MEMORY_KIB_MAX + 1, PASSES, hash),
					 PASSWORD_EXCESSIVE);
	assert_int_equal(password_hash("x", 1, MEMORY, PASSWORD_PASSES_MAX + 1, hash),
					 PASSWORD_EXCESSIVE);
}

/* What a stored hash may ask for is decided before any work: ten of them cost no time. */
static void test_excessive_hashes_cost_nothing(void **state)
{
	static const char *const hashes[] = {
		"$argon2id$v=19$m=4194304,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=4294967295,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=1048577,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=19456,t=65,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=19456,t=4294967295,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=7,t=2,p=1$" SALT "$" TAG,
	};
	clock_t begin = clock();

	(void) state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
		assert_int_equal(verify("x", hashes[i]), PASSWORD_EXCESSIVE);
	assert_int_equal(password_verify("x", 1, "$argon2id$v=19$m=19457,t=2,p=1$" SALT "$" TAG, 19456),
					 PASSWORD_EXCESSIVE);
	assert_true(clock() - begin < CLOCKS_PER_SEC / 10);
}

static void test_malformed_hashes(void **state)
{
	static const char *const hashes[] = {
		"",
		"$",
		"plain text",
		"$argon2i$v=19$m=19456,t=2,p=1$" SALT "$" TAG,
		"$argon2d$v=19$m=19456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=16$m=19456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$m=19456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=19456,t=2,p=4$" SALT "$" TAG,
		"$argon2id$v=19$m=19456,t=2,p=0$" SALT "$" TAG,
		"$argon2id$v=19$t=2,m=19456,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=-1,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=+19456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=019456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m= 19456,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=99999999999999999999,t=2,p=1$" SALT "$" TAG,
		"$argon2id$v=19$m=19456,t=2,p=1",
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT,
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$",
		"$argon2id$v=19$m=19456,t=2,p=1$$" TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$" TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$dGFn",
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG "=",
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG "$",
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG "\n",
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$" TAG TAG TAG,
		"$argon2id$v=19$m=19456,t=2,p=1$" SALT "$uGSZCS5bPxGKnf0rpNlGmjNY8ouKAnUaFxZQ1Vnu6UF",
		"$argon2id$v=19$m=19456,t=2,p=1,keyid=x$" SALT "$" TAG,
	};

	(void) state;
	for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++)
	{
		assert_int_equal(verify("x", hashes[i]), PASSWORD_MALFORMED);
		assert_true(password_needs_rehash(hashes[i], MEMORY, PASSES));
	}
}

static void test_needs_rehash(void **state)
{
	static const char hash[] = "$argon2id$v=19$m=20000,t=3,p=1$" SALT "$" TAG;

	(void) state;
	assert_false(password_needs_rehash(hash, 20000, 3));
	assert_false(password_needs_rehash(hash, 19456, 2));
	assert_true(password_needs_rehash(hash, 20001, 3));
	assert_true(password_needs_rehash(hash, 20000, 4));
	/* A short salt is no reason to fail, but one to make the hash anew. */
	assert_true(password_needs_rehash("$argon2id$v=19$m=20000,t=3,p=1$c29tZXNhbHQ$" TAG, 19456, 2));
}

static void test_every_result_has_a_text(void **state)
{
	(void) state;
	for (int result = PASSWORD_OK; result <= PASSWORD_ENTROPY; result++)
		assert_string_not_equal(password_result_text((PasswordResult) result), "unknown result");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_9106_vector),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hash_of_another_program),
		cmocka_unit_test(test_every_byte_of_the_tag_counts),
		cmocka_unit_test(test_hash_is_standard),
		cmocka_unit_test(test_passwords_are_bytes),
		cmocka_unit_test(test_password_length),
		cmocka_unit_test(test_hash_parameters_have_limits),
		cmocka_unit_test(test_excessive_hashes_cost_nothing),
		cmocka_unit_test(test_malformed_hashes),
		cmocka_unit_test(test_needs_rehash),
		cmocka_unit_test(test_every_result_has_a_text),
	};

	return cmocka_run_group_tests_name("password (R0.6)", tests, NULL, NULL);
}
