/*
 * fuzz_decode.c - any bytes as the body of a message: the decoder ends, stays
 * inside the body, and what it takes fits the limits of the contract (R0.20); attributes become
 * BSON that the driver's library finds whole, and JSON again (R3.1).
 *
 * links: consumer/decode.c consumer/attributes.c consumer/json.c consumer/json_string.c lib/contract/attributes.c lib/contract/message.c lib/contract/error.c lib/contract/utf8.c libcrypto
 * links: consumer/attributes_text.c libbson-1.0
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "consumer/attributes_text.h"
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

/* Valid for the driver's library, and again the JSON that it came from, if that was canonical. */
static void require_attributes(const uint8_t *bytes, size_t length)
{
	static char json[MESSAGE_ATTRIBUTES_MAX];
	bson_t attributes;
	bson_t document = BSON_INITIALIZER;
	bson_iter_t iter;

	require(bson_init_static(&attributes, bytes, length) &&
				bson_validate(&attributes, BSON_VALIDATE_UTF8 | BSON_VALIDATE_DOLLAR_KEYS, NULL),
			"valid BSON");
	require(bson_append_document(&document, "a", 1, &attributes) &&
				bson_iter_init_find(&iter, &document, "a") &&
				attributes_text(&iter, json, sizeof(json)) >= 2,
			"JSON of the attributes");
	bson_destroy(&document);
}

static void require_own(const DecodedBatch *batch, const DecodedRecipient *recipient,
						const char *body, size_t size)
{
	uint32_t length;

	require(batch->version != MESSAGE_VERSION ||
				(recipient->text == NULL && recipient->attributes == NULL),
			"nothing of its own in version 1");
	if (recipient->text != NULL)
	{
		require(recipient->text_length <= MESSAGE_TEXT_MAX_BYTES, "a text of its own that fits");
		require_inside(body, size, recipient->text, recipient->text_length);
	}
	if (recipient->attributes == NULL)
		return;
	memcpy(&length, recipient->attributes, sizeof(length));
	length = le32toh(length);
	require(length <= ATTRIBUTES_BSON_MAX && recipient->attributes >= batch->attributes &&
				recipient->attributes + length <= batch->attributes + batch->attributes_used,
			"attributes inside the batch");
	require_attributes(recipient->attributes, length);
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

		if (recipient->identifier == NULL)
		{
			require(batch->version == MESSAGE_VERSION_SUPPRESSED,
					"nobody left out before version 3");
			continue;
		}
		require_inside(body, size, recipient->identifier, recipient->identifier_length);
		require_inside(body, size, recipient->phone_number, recipient->phone_length);
		require(recipient->identifier_length >= 2 && recipient->identifier_length <= MESSAGE_ID_MAX,
				"an identifier");
		require(recipient->phone_length >= 9 && recipient->phone_length <= MESSAGE_PHONE_MAX &&
					recipient->phone_number[0] == '+',
				"a phone number");
		require_own(batch, recipient, body, size);
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
