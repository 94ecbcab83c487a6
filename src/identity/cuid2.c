/*
 * cuid2.c - the published cuid2 algorithm (paralleldrive/cuid2, version 2)
 * over OpenSSL's SHA3-512 and random generator.
 *
 *   id   = random letter + hash(time + salt + counter + fingerprint)[1 .. length - 1]
 *   hash = base 36 of SHA3-512, without its first digit, which is biased
 *
 * Secrets (salt, fingerprint, random pool) leave this file only through the digest,
 * and are wiped after use.
 */
#include "cuid2.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define DIGEST_SIZE	  64
#define COUNTER_START UINT32_C(476782367) /* the published bound: about 36^5.6 */

static const char base36_digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

/* Everything that must differ between processes and between threads. */
typedef struct Generator
{
	pid_t pid; /* 0: not seeded yet */
	uint64_t counter;
	char fingerprint[CUID2_SECRET_MAX + 1];
	uint8_t pool[256];
	size_t pool_left;
} Generator;

static _Thread_local Generator generator;
static _Thread_local EVP_MD_CTX *digest_context;

/*
 * Fetching the digest costs more than hashing with it, so it is fetched once
 * per thread, with the context, and both live until cuid2_thread_end() or exit.
 */
static bool digest_prepare(void)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA3-512", NULL);
	EVP_MD_CTX *context = md != NULL ? EVP_MD_CTX_new() : NULL;
	bool ready = context != NULL && EVP_DigestInit_ex2(context, md, NULL) == 1;

	EVP_MD_free(md); /* the context holds its own reference */
	if (!ready)
	{
		EVP_MD_CTX_free(context);
		return false;
	}
	digest_context = context;
	return true;
}

static bool digest_of(const char *input, size_t length, uint8_t digest[DIGEST_SIZE])
{
	if (digest_context == NULL && !digest_prepare())
		return false;

	/* A NULL digest means: the same as last time. */
	return EVP_DigestInit_ex2(digest_context, NULL, NULL) == 1 &&
		   EVP_DigestUpdate(digest_context, input, length) == 1 &&
		   EVP_DigestFinal_ex(digest_context, digest, NULL) == 1;
}

/* Writes a number in base 36; returns its length (at most 13). */
static size_t write_base36(uint64_t value, char *out)
{
	char reversed[13];
	size_t length = 0;

	do
	{
		reversed[length++] = base36_digits[value % 36];
		value /= 36;
	} while (value > 0);
	for (size_t i = 0; i < length; i++)
		out[i] = reversed[length - 1 - i];
	return length;
}

/*
 * The published hash() cut to `count` characters from `skip` on. A digest so
 * small that its digits run out has a chance below 2^-300; it counts as failure.
 */
static bool hash_digits(const uint8_t digest[DIGEST_SIZE], size_t skip, size_t count, char *out)
{
	char digits[CUID2_LENGTH_MAX + 3];
	size_t length = cuid2_leading_digits(digest, digits, skip + count);

	if (length < skip + count)
		return false;
	memcpy(out, digits + skip, count);
	out[count] = '\0';
	return true;
}

/* One random byte; the pool is wiped as it is used, so that no dump shows past ids. */
static bool random_byte(uint8_t *byte)
{
	if (generator.pool_left == 0)
	{
		if (RAND_bytes(generator.pool, sizeof(generator.pool)) != 1)
			return false;
		generator.pool_left = sizeof(generator.pool);
	}
	generator.pool_left--;
	*byte = generator.pool[generator.pool_left];
	generator.pool[generator.pool_left] = 0;
	return true;
}

/* A random number below `bound` (at most 256); bytes that would bias it are thrown away. */
static bool random_below(unsigned int bound, unsigned int *value)
{
	unsigned int limit = 256 - 256 % bound;
	uint8_t byte;

	do
	{
		if (!random_byte(&byte))
			return false;
	} while (byte >= limit);
	*value = byte % bound;
	return true;
}

static bool random_digits(int length, char *out)
{
	for (int i = 0; i < length; i++)
	{
		unsigned int digit;

		if (!random_below(36, &digit))
			return false;
		out[i] = base36_digits[digit];
	}
	out[length] = '\0';
	return true;
}

/* The published counter starts at random below COUNTER_START. */
static bool random_counter(uint64_t *counter)
{
	uint32_t limit = UINT32_MAX - UINT32_MAX % COUNTER_START;
	uint32_t value;

	do
	{
		value = 0;
		for (int i = 0; i < 4; i++)
		{
			uint8_t byte;

			if (!random_byte(&byte))
				return false;
			value = value << 8 | byte;
		}
	} while (value >= limit);
	*counter = value % COUNTER_START;
	return true;
}

/* hash(facts about the process + entropy), cut to 32: hash() drops one digit. */
static bool make_fingerprint(pid_t pid, char *out)
{
	char source[256 + 16 + CUID2_SECRET_MAX + 1];
	size_t length;
	uint8_t digest[DIGEST_SIZE];
	bool made;

	if (gethostname(source, 255) != 0)
		source[0] = '\0'; /* entropy alone is enough, says the algorithm */
	source[255] = '\0';
	length = strlen(source);
	length += write_base36((uint64_t) pid, source + length);
	made = random_digits(CUID2_SECRET_MAX, source + length) &&
		   digest_of(source, length + CUID2_SECRET_MAX, digest) &&
		   hash_digits(digest, 1, CUID2_SECRET_MAX, out);
	explicit_bzero(source, sizeof(source));
	explicit_bzero(digest, sizeof(digest));
	return made;
}

/* A child of fork() inherits pool and counter and would repeat its parent's ids. */
static bool generator_ready(void)
{
	pid_t pid = getpid();

	if (generator.pid == pid)
		return true;
	explicit_bzero(&generator, sizeof(generator));
	if (!random_counter(&generator.counter) || !make_fingerprint(pid, generator.fingerprint))
		return false;
	generator.pid = pid;
	return true;
}

bool cuid2_entropy(int length, char *out)
{
	if (length < 1 || length > CUID2_SECRET_MAX || !generator_ready())
		return false;
	return random_digits(length, out);
}

bool cuid2_generate(int length, char *out)
{
	char input[13 + CUID2_LENGTH_MAX + 13 + CUID2_SECRET_MAX + 1];
	uint8_t digest[DIGEST_SIZE];
	struct timespec now;
	unsigned int letter;
	size_t used;
	bool made;

	if (length < CUID2_LENGTH_MIN || length > CUID2_LENGTH_MAX || !generator_ready() ||
		clock_gettime(CLOCK_REALTIME, &now) != 0 || !random_below(26, &letter))
		return false;

	used = write_base36((uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000, input);
	if (!random_digits(length, input + used))
		return false;
	used += (size_t) length;
	used += write_base36(generator.counter++, input + used);
	memcpy(input + used, generator.fingerprint, CUID2_SECRET_MAX);
	used += CUID2_SECRET_MAX;

	/* hash() drops a digit and so does the id: two are skipped. */
	made = digest_of(input, used, digest) && hash_digits(digest, 2, (size_t) length - 1, out + 1);
	out[0] = (char) ('a' + letter);
	explicit_bzero(input, sizeof(input));
	explicit_bzero(digest, sizeof(digest));
	return made;
}

bool cuid2_is_valid(const char *text, size_t length)
{
	if (length < CUID2_LENGTH_MIN || length > CUID2_LENGTH_MAX || text[0] < 'a' || text[0] > 'z')
		return false;
	for (size_t i = 1; i < length; i++)
		if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9')))
			return false;
	return true;
}

bool cuid2_series_init(Cuid2Series *series, int64_t time_ms, const char *entropy,
					   const char *fingerprint)
{
	size_t entropy_length = strnlen(entropy, CUID2_SECRET_MAX + 1);
	size_t fingerprint_length = strnlen(fingerprint, CUID2_SECRET_MAX + 1);

	if (time_ms < 0 || entropy_length < 1 || entropy_length > CUID2_SECRET_MAX ||
		fingerprint_length < 1 || fingerprint_length > CUID2_SECRET_MAX)
		return false;
	series->prefix_length = write_base36((uint64_t) time_ms, series->input);
	memcpy(series->input + series->prefix_length, entropy, entropy_length);
	series->prefix_length += entropy_length;
	memcpy(series->fingerprint, fingerprint, fingerprint_length + 1);
	series->fingerprint_length = fingerprint_length;
	return true;
}

bool cuid2_series_id(Cuid2Series *series, int64_t counter, char out[CUID2_LENGTH_DEFAULT + 1])
{
	uint8_t digest[DIGEST_SIZE];
	uint64_t letter = 0;
	size_t used = series->prefix_length;

	if (counter < 0)
		return false;
	used += write_base36((uint64_t) counter, series->input + used);
	memcpy(series->input + used, series->fingerprint, series->fingerprint_length);
	used += series->fingerprint_length;
	if (!digest_of(series->input, used, digest) ||
		!hash_digits(digest, 2, CUID2_LENGTH_DEFAULT - 1, out + 1))
		return false;

	for (int i = DIGEST_SIZE - 8; i < DIGEST_SIZE; i++)
		letter = letter << 8 | digest[i];
	out[0] = (char) ('a' + letter % 26);
	return true;
}

void cuid2_thread_end(void)
{
	EVP_MD_CTX_free(digest_context);
	digest_context = NULL;
	explicit_bzero(&generator, sizeof(generator));
}

void cuid2_series_wipe(Cuid2Series *series)
{
	explicit_bzero(series, sizeof(*series));
}
