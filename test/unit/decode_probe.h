/*
 * decode_probe.h - what the tests of bodies look with: parts of a body, and whether it is taken or
 * refused.
 */
#ifndef CAMPAIGN_TEST_DECODE_PROBE_H
#define CAMPAIGN_TEST_DECODE_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/decode.h"

#define ONE	 "[{\"identifier\":\"ab1\",\"phone_number\":\"+5511999990000\"}]"
#define HEAD "{\"version\":1,\"campaign_id\":\"camp1\",\"class\":\"NORMAL\","
#define BODY_WITH(text)                                                                            \
	HEAD "\"total\":9,\"first_seq\":3,\"message\":" text ",\"recipients\":" ONE "}"

static DecodedBatch batch;
static Error error;

/* A copy of exactly the body's size: reading past it is found by the sanitizer. */
static char *decode_copy(const char *body, size_t length, bool *done)
{
	char *copy = malloc(length > 0 ? length : 1);

	assert_non_null(copy);
	memcpy(copy, body, length);
	memset(&error, 0, sizeof(error));
	*done = decode_batch(copy, length, &batch, &error);
	return copy;
}

static void refuse_bytes(const char *body, size_t length, const char *reason)
{
	bool done;
	char *copy = decode_copy(body, length, &done);

	assert_false(done);
	assert_int_equal(error.code, ERROR_PROTOCOL);
	if (strstr(error.text, reason) == NULL)
		fail_msg("\"%s\" instead of \"%s\" for %s", error.text, reason, body);
	free(copy);
}

static void refuse(const char *body, const char *reason)
{
	refuse_bytes(body, strlen(body), reason);
}

static void take_text(const char *body, const char *text)
{
	bool done;
	char *copy = decode_copy(body, strlen(body), &done);

	if (!done)
		fail_msg("%s: %s", error.text, body);
	assert_int_equal(batch.text_length, strlen(text));
	assert_memory_equal(batch.text, text, strlen(text));
	free(copy);
}

#endif
