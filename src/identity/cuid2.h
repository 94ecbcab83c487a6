/*
 * cuid2.h - collision-resistant identifiers, after the published cuid2
 * algorithm (github.com/paralleldrive/cuid2, version 2).
 *
 * Two forms. cuid2_generate() makes independent ids for rows. A Cuid2Series
 * makes the ids of a campaign's recipients from stored secrets and a counter,
 * so that they need no storage and come out the same after a crash.
 *
 * Pure: no PostgreSQL header. Never falls back to weaker randomness: without
 * entropy the functions return false.
 */
#ifndef CAMPAIGN_CUID2_H
#define CAMPAIGN_CUID2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CUID2_LENGTH_MIN	 2
#define CUID2_LENGTH_MAX	 32
#define CUID2_LENGTH_DEFAULT 24

/* Characters of a process fingerprint, and the longest entropy of a series. */
#define CUID2_SECRET_MAX 32

/*
 * Writes a new id of `length` characters and a NUL into `out`. False if the
 * length is out of range or the system has no randomness. Safe after fork():
 * parent and child never share state. Safe in threads.
 */
bool cuid2_generate(int length, char *out);

/*
 * Writes `length` (1 to CUID2_SECRET_MAX) random base-36 characters, each
 * equally likely, and a NUL into `out`. False without randomness.
 */
bool cuid2_entropy(int length, char *out);

/* True if `text` has the form of an id: a to z first, then a to z and 0 to 9. */
bool cuid2_is_valid(const char *text, size_t length);

/*
 * Ids derived from (time, entropy, fingerprint, counter). Whoever does not
 * know entropy and fingerprint cannot guess an id, not even from all others.
 * Holds the secrets: wipe it with cuid2_series_wipe().
 */
typedef struct Cuid2Series
{
	char input[128]; /* time and entropy, then room for counter and fingerprint */
	size_t prefix_length;
	char fingerprint[CUID2_SECRET_MAX + 1];
	size_t fingerprint_length;
} Cuid2Series;

/*
 * Prepares a series. `time_ms` must not be negative, entropy and fingerprint
 * have 1 to CUID2_SECRET_MAX characters; false otherwise. With entropy of
 * CUID2_LENGTH_DEFAULT characters, as in the published algorithm, the hashed
 * text stays within one block of SHA3-512 and an id costs half.
 */
bool cuid2_series_init(Cuid2Series *series, int64_t time_ms, const char *entropy,
					   const char *fingerprint);

/*
 * Writes the id of `counter` (not negative), of CUID2_LENGTH_DEFAULT characters
 * and a NUL. The same input gives the same id for ever: changing this function
 * changes the identifiers of campaigns that are half sent. The first letter,
 * random in the published algorithm, is the last 8 bytes of the digest
 * (big-endian) modulo 26. False on a negative counter or if OpenSSL fails.
 */
bool cuid2_series_id(Cuid2Series *series, int64_t counter, char out[CUID2_LENGTH_DEFAULT + 1]);

void cuid2_series_wipe(Cuid2Series *series);

/* Frees what the calling thread has; for threads that end before the process. */
void cuid2_thread_end(void);

/*
 * Writes the first `count` (at most 63) base-36 digits of the 512-bit big-endian number,
 * without leading zeros, and a NUL; fewer if the number has fewer. Returns how
 * many. Exported for its test against an independent big-number library.
 */
size_t cuid2_leading_digits(const uint8_t digest[64], char *out, size_t count);

#endif /* CAMPAIGN_CUID2_H */
