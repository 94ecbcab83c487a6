/*
 * fuzz_decode.c - any bytes as the body of a message: the decoder ends, stays
 * inside the body, and what it takes fits the limits of the contract (R0.20).
 *
 * links: consumer/decode.c consumer/json.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libcrypto
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

static void require_inside(const char *body, size_t size, const char *at, size_t length)
{
	require(at >= body && length <= size && (size_t) (at - body) <= size - length,
			"a string inside the body");
}

static void require_limits(const DecodedBatch *batch, const char *body, size_t size)
{
	require(strlen(batch->campaign_id) >= 2, "a campaign id");
	require(batch->count >= 1 && batch->count <= MESSAGE_BATCH_MAX, "a count");
	require(batch->first_seq >= 1 && batch->total <= MESSAGE_SEQ_MAX &&
				batch->first_seq + batch->count - 1 <= batch->total,
			"seqs within the total");
	require(batch->text_length <= MESSAGE_TEXT_MAX_BYTES, "a text that fits");
	require_inside(body, size, batch->text, batch->text_length);
	require(memchr(batch->text, 0, batch->text_length) == NULL, "no NUL in the text");
	for (int i = 0; i < batch->count; i++)
	{
		const DecodedRecipient *recipient = &batch->recipients[i];

		require_inside(body, size, recipient->identifier, recipient->identifier_length);
		require_inside(body, size, recipient->phone_number, recipient->phone_length);
		require(recipient->identifier_length >= 2 && recipient->identifier_length <= MESSAGE_ID_MAX,
				"an identifier");
		require(recipient->phone_length >= 9 && recipient->phone_length <= MESSAGE_PHONE_MAX &&
					recipient->phone_number[0] == '+',
				"a phone number");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static DecodedBatch batch;
	Error error = {0};
	char *body = malloc(size > 0 ? size : 1);

	require(body != NULL, "memory");
	if (size > 0)
		memcpy(body, data, size);
	if (decode_batch(body, size, &batch, &error))
		require_limits(&batch, body, size);
	else
		require(error.code == ERROR_PROTOCOL && error.text[0] != '\0', "a reason");
	free(body);
	return 0;
}
