/*
 * sample.h - the recipients that every program of the benchmark uses: number
 * `seq` of them has this phone number in bench.py, too.
 */
#ifndef CAMPAIGN_BENCH_SAMPLE_H
#define CAMPAIGN_BENCH_SAMPLE_H

#include <inttypes.h>
#include <stdio.h>

#define SAMPLE_PHONE_SIZE 17
#define SAMPLE_BASE		  INT64_C(5511900000000)
#define SAMPLE_STEP		  INT64_C(61803399) /* shares no factor with the range: no repeats */
#define SAMPLE_RANGE	  INT64_C(100000000)

/* Made at random and of no other use: secrets are a campaign's own. */
#define SAMPLE_ENTROPY	   "k3v9x0q2m7d5h1s8b6w4z2n0"
#define SAMPLE_FINGERPRINT "p8r1t6y3u0i5o2a7s4d9f6g1h8j3k0l5"
#define SAMPLE_TIME_MS	   INT64_C(1767225600000)

/* Returns the length. */
static inline size_t sample_phone(int64_t seq, char phone[SAMPLE_PHONE_SIZE])
{
	int64_t number = SAMPLE_BASE + seq * SAMPLE_STEP % SAMPLE_RANGE;

	return (size_t) snprintf(phone, SAMPLE_PHONE_SIZE, "+%" PRId64, number);
}

#endif /* CAMPAIGN_BENCH_SAMPLE_H */
