/*
 * bucket.c - a token bucket; see bucket.h.
 */
#include "bucket.h"

#define SECOND_US INT64_C(1000000)

/* A token: what comes in a second at a rate of 1000 thousandths. */
#define TOKEN INT64_C(1000000000)

/* Smaller batches cost more than they are worth: so many a second at most. */
#define BATCHES_A_SECOND 20

/* Whatever the rate, a bucket is full by then, and no product before can overflow. */
#define FULL_US (1000 * SECOND_US)

static int64_t larger(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

int64_t bucket_fewest(const Bucket *bucket)
{
	return larger(1, bucket->thousandths / (1000 * BATCHES_A_SECOND));
}

static void fill(Bucket *bucket, int64_t now_us)
{
	int64_t most = larger(TOKEN, bucket->thousandths * SECOND_US / BUCKET_HOLDS_PART);
	int64_t elapsed_us = now_us - bucket->filled_us;

	if (elapsed_us > FULL_US)
		bucket->billionths = most;
	else
		bucket->billionths += elapsed_us * bucket->thousandths;
	if (bucket->billionths > most)
		bucket->billionths = most;
	bucket->filled_us = now_us;
}

void bucket_set_rate(Bucket *bucket, int64_t thousandths, int64_t now_us)
{
	if (thousandths == bucket->thousandths)
		return;
	if (bucket->thousandths == 0)
		bucket_empty(bucket, now_us);
	else
		fill(bucket, now_us);
	bucket->thousandths = thousandths;
	fill(bucket, now_us);
}

void bucket_empty(Bucket *bucket, int64_t now_us)
{
	bucket->billionths = 0;
	bucket->filled_us = now_us;
}

int64_t bucket_tokens(Bucket *bucket, int64_t now_us)
{
	int64_t tokens;

	if (bucket->thousandths == 0)
		return INT64_MAX;
	fill(bucket, now_us);
	tokens = bucket->billionths / TOKEN;
	return tokens >= bucket_fewest(bucket) ? tokens : 0;
}

void bucket_take(Bucket *bucket, int64_t tokens)
{
	if (bucket->thousandths > 0)
		bucket->billionths -= tokens * TOKEN;
}

int64_t bucket_debt_ms(Bucket *bucket, int64_t now_us)
{
	if (bucket->thousandths == 0)
		return 0;
	fill(bucket, now_us);
	if (bucket->billionths >= 0)
		return 0;
	return -bucket->billionths / bucket->thousandths / 1000 + 1;
}

int64_t bucket_wait_ms(const Bucket *bucket)
{
	int64_t missing = bucket_fewest(bucket) * TOKEN - bucket->billionths;

	if (bucket->thousandths == 0 || missing <= 0)
		return 0;
	return missing / bucket->thousandths / 1000 + 1;
}
