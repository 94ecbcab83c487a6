/*
 * bucket.c - a token bucket; see bucket.h.
 */
#include "bucket.h"

#define MILLION INT64_C(1000000)

/* Smaller batches cost more than they are worth: so many a second at most. */
#define BATCHES_A_SECOND 20

static int64_t at_least_one(int64_t number)
{
	return number > 1 ? number : 1;
}

int64_t bucket_fewest(const Bucket *bucket)
{
	return at_least_one(bucket->rate / BATCHES_A_SECOND);
}

int64_t bucket_ahead(const Bucket *bucket)
{
	return at_least_one(bucket->rate / BUCKET_HOLDS_PART);
}

static void fill(Bucket *bucket, int64_t now_us)
{
	int64_t most = bucket_ahead(bucket) * MILLION;
	int64_t elapsed_us = now_us - bucket->filled_us;

	/* As long as no product can overflow; what does not fit is lost anyway. */
	if (elapsed_us > MILLION)
		bucket->millionths = most;
	else
		bucket->millionths += elapsed_us * bucket->rate;
	if (bucket->millionths > most)
		bucket->millionths = most;
	bucket->filled_us = now_us;
}

void bucket_set_rate(Bucket *bucket, int64_t rate, int64_t now_us)
{
	if (rate == bucket->rate)
		return;
	if (bucket->rate == 0)
		*bucket = (Bucket){.filled_us = now_us};
	else
		fill(bucket, now_us);
	bucket->rate = rate;
	fill(bucket, now_us);
}

int64_t bucket_tokens(Bucket *bucket, int64_t now_us)
{
	int64_t tokens;

	if (bucket->rate == 0)
		return INT64_MAX;
	fill(bucket, now_us);
	tokens = bucket->millionths / MILLION;
	return tokens >= bucket_fewest(bucket) ? tokens : 0;
}

void bucket_take(Bucket *bucket, int64_t tokens)
{
	if (bucket->rate > 0)
		bucket->millionths -= tokens * MILLION;
}

int64_t bucket_wait_ms(const Bucket *bucket)
{
	int64_t missing = bucket_fewest(bucket) * MILLION - bucket->millionths;

	if (bucket->rate == 0 || missing <= 0)
		return 0;
	return missing / bucket->rate / 1000 + 1;
}
