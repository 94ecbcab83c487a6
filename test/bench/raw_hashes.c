/*
 * raw_hashes.c - what is below the SQL functions for identifiers and passwords,
 * called in a loop without PostgreSQL.
 *
 *     raw_hashes generate|series|sha3|argon2id COUNT
 *
 * generate, series: src/identity/cuid2.c. sha3: SHA3-512 of one block, which is what an
 * identifier costs at least. argon2id: libargon2 with the default parameters of
 * password_hash().
 *
 * links: src/identity/cuid2.c src/identity/cuid2_digits.c -largon2 -lcrypto
 */
#include <argon2.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "sample.h"
#include "src/identity/cuid2.h"
#include "src/identity/password.h"

#define BLOCK_LENGTH 71 /* the longest text that one block of SHA3-512 holds */
#define SALT		 "0123456789abcdef"
#define PASSWORD	 "correct horse battery staple"

/* Keeps the compiler from dropping a loop whose results nobody reads. */
static volatile char sink;

static void generate(long count)
{
	char id[CUID2_LENGTH_MAX + 1];

	for (long i = 0; i < count; i++)
	{
		if (!cuid2_generate(CUID2_LENGTH_DEFAULT, id))
			clock_fail("cuid2_generate", "no randomness");
		sink = id[0];
	}
}

static void series(long count)
{
	char id[CUID2_LENGTH_DEFAULT + 1];
	Cuid2Series ids;

	if (!cuid2_series_init(&ids, SAMPLE_TIME_MS, SAMPLE_ENTROPY, SAMPLE_FINGERPRINT))
		clock_fail("cuid2_series_init", "refused");
	for (long i = 0; i < count; i++)
	{
		if (!cuid2_series_id(&ids, i, id))
			clock_fail("cuid2_series_id", "failed");
		sink = id[0];
	}
}

static void sha3(long count)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_MD *algorithm = EVP_MD_fetch(NULL, "SHA3-512", NULL);
	unsigned char digest[EVP_MAX_MD_SIZE];
	char block[BLOCK_LENGTH] = {0};

	for (long i = 0; i < count; i++)
	{
		memcpy(block, &i, sizeof(i));
		if (EVP_DigestInit_ex2(context, algorithm, NULL) != 1 ||
			EVP_DigestUpdate(context, block, sizeof(block)) != 1 ||
			EVP_DigestFinal_ex(context, digest, NULL) != 1)
			clock_fail("SHA3-512", "failed");
		sink = (char) digest[0];
	}
	EVP_MD_free(algorithm);
	EVP_MD_CTX_free(context);
}

static void argon2id(long count)
{
	char hash[PASSWORD_HASH_SIZE];

	for (long i = 0; i < count; i++)
	{
		int code =
			argon2id_hash_encoded(PASSWORD_PASSES_MIN, PASSWORD_MEMORY_KIB_MIN, 1, PASSWORD,
								  strlen(PASSWORD), SALT, strlen(SALT), 32, hash, sizeof(hash));

		if (code != ARGON2_OK)
			clock_fail("argon2id", argon2_error_message(code));
		sink = hash[0];
	}
}

int main(int argc, char **argv)
{
	static const struct
	{
		const char *name;
		void (*run)(long count);
	} kinds[] = {
		{"generate", generate}, {"series", series}, {"sha3", sha3}, {"argon2id", argon2id}};
	long count;

	if (argc != 3)
		clock_fail("usage", "raw_hashes generate|series|sha3|argon2id COUNT");
	count = clock_argument(argv[2]);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
	{
		double start = clock_seconds();

		if (strcmp(argv[1], kinds[i].name) != 0)
			continue;
		kinds[i].run(count);
		clock_print(clock_seconds() - start);
		return 0;
	}
	clock_fail(argv[1], "no such kind");
	return 1;
}
