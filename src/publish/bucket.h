/*
 * bucket.h - a rate that is not exceeded: a token bucket. Every recipient takes a token, which come
 * at the rate that was asked for.
 *
 * Pure. It begins empty, and holds no more than comes in a fifth of a second, or one: within any
 * ten seconds no more than 2 % too many get a token. Times are those of clock_us(); rates are
 * thousandths of a token a second, so that one in ten seconds is a rate, too.
 */
#ifndef CAMPAIGN_BUCKET_H
#define CAMPAIGN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_RATE_MAX 1000000 /* tokens a second */

/* What it holds, as a part of a second's tokens. */
#define BUCKET_HOLDS_PART 5

typedef struct Bucket
{
	int64_t thousandths; /* of a token a second; 0: no limit */
	int64_t billionths;	 /* of tokens that are there */
	int64_t filled_us;
} Bucket;

/* The rate is this from now on. */
void bucket_set_rate(Bucket *bucket, int64_t thousandths, int64_t now_us);

/* Nothing is left of what has come. */
void bucket_empty(Bucket *bucket, int64_t now_us);

/* How many tokens there are now: 0 if they are too few for a batch; INT64_MAX without a limit. */
int64_t bucket_tokens(Bucket *bucket, int64_t now_us);

/* Takes tokens; more than are there are owed. */
void bucket_take(Bucket *bucket, int64_t tokens);

/* In how many milliseconds, rounded up, bucket_tokens() answers more than 0. */
int64_t bucket_wait_ms(const Bucket *bucket);

/* In how many milliseconds, rounded up, nothing is owed any more of what was taken before it had
 * come. */
int64_t bucket_debt_ms(Bucket *bucket, int64_t now_us);

/* How many recipients make a batch that is worth sending. */
int64_t bucket_fewest(const Bucket *bucket);

#endif /* CAMPAIGN_BUCKET_H */
