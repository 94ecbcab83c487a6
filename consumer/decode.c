/*
 * decode.c - from the body of an AMQP message to a checked batch; see decode.h.
 *
 * Must never allocate, nor trust a length, a number or a character of the body.
 */
#include "decode.h"

#include <string.h>

#include "json.h"

typedef enum Field
{
	FIELD_VERSION,
	FIELD_CAMPAIGN_ID,
	FIELD_CLASS,
	FIELD_TOTAL,
	FIELD_FIRST_SEQ,
	FIELD_TEXT,
	FIELD_RECIPIENTS,
	FIELD_COUNT
} Field;

static const char *const FIELDS[FIELD_COUNT] = {
	[FIELD_VERSION] = MESSAGE_FIELD_VERSION,	   [FIELD_CAMPAIGN_ID] = MESSAGE_FIELD_CAMPAIGN_ID,
	[FIELD_CLASS] = MESSAGE_FIELD_CLASS,		   [FIELD_TOTAL] = MESSAGE_FIELD_TOTAL,
	[FIELD_FIRST_SEQ] = MESSAGE_FIELD_FIRST_SEQ,   [FIELD_TEXT] = MESSAGE_FIELD_TEXT,
	[FIELD_RECIPIENTS] = MESSAGE_FIELD_RECIPIENTS,
};

static bool string_equals(const JsonString *string, const char *text)
{
	return string->length == strlen(text) && memcmp(string->bytes, text, string->length) == 0;
}

/* A cuid2: 2 to MESSAGE_ID_MAX of [a-z0-9], a letter first. */
static bool is_identifier(const JsonString *string)
{
	bool others = false;

	if (string->length < 2 || string->length > MESSAGE_ID_MAX)
		return false;
	if (string->bytes[0] < 'a' || string->bytes[0] > 'z')
		return false;
	/* Without a branch for each character: letters and digits come at random. */
	for (size_t i = 1; i < string->length; i++)
	{
		unsigned char c = (unsigned char) string->bytes[i];

		others |= ((unsigned char) (c - 'a') > 'z' - 'a') & ((unsigned char) (c - '0') > '9' - '0');
	}
	return !others;
}

/* '+' and 8 to 15 digits. */
static bool is_phone_number(const JsonString *string)
{
	if (string->length < 9 || string->length > MESSAGE_PHONE_MAX || string->bytes[0] != '+')
		return false;
	for (size_t i = 1; i < string->length; i++)
	{
		if (string->bytes[i] < '0' || string->bytes[i] > '9')
			return false;
	}
	return true;
}

static bool wrong_recipient(const DecodedBatch *batch, const char *what, Error *error)
{
	return error_set(error, ERROR_PROTOCOL, "recipient %d: %s", batch->count + 1, what);
}

static bool decode_identifier(Json *json, DecodedBatch *batch, DecodedRecipient *recipient)
{
	JsonString value;

	if (recipient->identifier != NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_IDENTIFIER " twice", json->error);
	if (!json_string(json, &value))
		return false;
	if (!is_identifier(&value))
		return wrong_recipient(
			batch, MESSAGE_FIELD_IDENTIFIER " must be 2 to 32 of [a-z0-9], a letter first",
			json->error);
	recipient->identifier = value.bytes;
	recipient->identifier_length = (uint8_t) value.length;
	return true;
}

static bool decode_phone_number(Json *json, DecodedBatch *batch, DecodedRecipient *recipient)
{
	JsonString value;

	if (recipient->phone_number != NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_PHONE_NUMBER " twice", json->error);
	if (!json_string(json, &value))
		return false;
	if (!is_phone_number(&value))
		return wrong_recipient(batch, MESSAGE_FIELD_PHONE_NUMBER " must be '+' and 8 to 15 digits",
							   json->error);
	recipient->phone_number = value.bytes;
	recipient->phone_length = (uint8_t) value.length;
	return true;
}

static bool decode_own_text(Json *json, DecodedBatch *batch, DecodedRecipient *recipient)
{
	JsonString value;

	if (recipient->text != NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_TEXT " twice", json->error);
	if (!json_string(json, &value))
		return false;
	if (value.characters > MESSAGE_TEXT_MAX_CHARS)
		return wrong_recipient(batch, MESSAGE_FIELD_TEXT " is too long", json->error);
	recipient->text = value.bytes;
	recipient->text_length = (uint32_t) value.length;
	return true;
}

static bool decode_attributes(Json *json, DecodedBatch *batch, DecodedRecipient *recipient)
{
	uint8_t *room = batch->attributes + batch->attributes_used;
	size_t length;

	if (recipient->attributes != NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_ATTRIBUTES " twice", json->error);
	if (!attributes_decode(json, room, sizeof(batch->attributes) - batch->attributes_used, &length))
		return false;
	recipient->attributes = room;
	batch->attributes_used += length;
	return true;
}

/* Before the version is known, as in version 1: no other one may stand behind the recipients. */
static bool decode_member(Json *json, DecodedBatch *batch, DecodedRecipient *recipient)
{
	JsonString name;

	if (!json_string(json, &name) || !json_expect(json, ':'))
		return false;
	if (string_equals(&name, MESSAGE_FIELD_IDENTIFIER))
		return decode_identifier(json, batch, recipient);
	if (string_equals(&name, MESSAGE_FIELD_PHONE_NUMBER))
		return decode_phone_number(json, batch, recipient);
	if (batch->version > MESSAGE_VERSION && string_equals(&name, MESSAGE_FIELD_TEXT))
		return decode_own_text(json, batch, recipient);
	if (batch->version > MESSAGE_VERSION && string_equals(&name, MESSAGE_FIELD_ATTRIBUTES))
		return decode_attributes(json, batch, recipient);
	return json_skip(json);
}

static bool decode_recipient(Json *json, DecodedBatch *batch)
{
	DecodedRecipient *recipient;

	if (batch->count == MESSAGE_BATCH_MAX)
		return error_set(json->error, ERROR_PROTOCOL, "more than %d recipients", MESSAGE_BATCH_MAX);
	recipient = &batch->recipients[batch->count];
	memset(recipient, 0, sizeof(*recipient));
	if (batch->version == MESSAGE_VERSION_SUPPRESSED && json_peek(json) == 'n')
	{
		batch->count++;
		return json_word(json) != '\0';
	}
	if (!json_expect(json, '{'))
		return false;
	if (!json_accept(json, '}'))
	{
		do
		{
			if (!decode_member(json, batch, recipient))
				return false;
		} while (json_accept(json, ','));
		if (!json_expect(json, '}'))
			return false;
	}
	if (recipient->identifier == NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_IDENTIFIER " is missing", json->error);
	if (recipient->phone_number == NULL)
		return wrong_recipient(batch, MESSAGE_FIELD_PHONE_NUMBER " is missing", json->error);
	batch->count++;
	return true;
}

static bool decode_recipients(Json *json, DecodedBatch *batch)
{
	if (!json_expect(json, '['))
		return false;
	if (json_accept(json, ']'))
		return error_set(json->error, ERROR_PROTOCOL, "no recipients");
	do
	{
		if (!decode_recipient(json, batch))
			return false;
	} while (json_accept(json, ','));
	return json_expect(json, ']');
}

static bool decode_version(Json *json, DecodedBatch *batch, unsigned seen)
{
	int64_t version;

	if (!json_integer(json, &version))
		return false;
	if (version < MESSAGE_VERSION || version > MESSAGE_VERSION_SUPPRESSED)
		return error_set(json->error, ERROR_PROTOCOL, "unknown version %lld", (long long) version);
	/* They were read as those of version 1. */
	if (version != MESSAGE_VERSION && (seen & 1U << FIELD_RECIPIENTS))
		return json_fail(json, MESSAGE_FIELD_VERSION " stands behind " MESSAGE_FIELD_RECIPIENTS);
	batch->version = (int) version;
	return true;
}

static bool decode_campaign_id(Json *json, DecodedBatch *batch)
{
	JsonString value;

	if (!json_string(json, &value))
		return false;
	if (!is_identifier(&value))
		return error_set(json->error, ERROR_PROTOCOL,
						 MESSAGE_FIELD_CAMPAIGN_ID " must be 2 to %d of [a-z0-9], a letter first",
						 MESSAGE_ID_MAX);
	memcpy(batch->campaign_id, value.bytes, value.length);
	batch->campaign_id[value.length] = '\0';
	return true;
}

static bool decode_class(Json *json, DecodedBatch *batch)
{
	JsonString value;

	if (!json_string(json, &value))
		return false;
	if (!message_class_parse(value.bytes, value.length, &batch->class))
		return error_set(json->error, ERROR_PROTOCOL, "unknown " MESSAGE_FIELD_CLASS);
	return true;
}

static bool decode_text(Json *json, DecodedBatch *batch)
{
	JsonString value;

	if (!json_string(json, &value))
		return false;
	if (value.characters > MESSAGE_TEXT_MAX_CHARS)
		return error_set(json->error, ERROR_PROTOCOL,
						 MESSAGE_FIELD_TEXT " has more than %d characters", MESSAGE_TEXT_MAX_CHARS);
	batch->text = value.bytes;
	batch->text_length = value.length;
	return true;
}

static bool decode_field(Json *json, Field field, DecodedBatch *batch, unsigned seen)
{
	switch (field)
	{
		case FIELD_VERSION:
			return decode_version(json, batch, seen);
		case FIELD_CAMPAIGN_ID:
			return decode_campaign_id(json, batch);
		case FIELD_CLASS:
			return decode_class(json, batch);
		case FIELD_TOTAL:
			return json_integer(json, &batch->total);
		case FIELD_FIRST_SEQ:
			return json_integer(json, &batch->first_seq);
		case FIELD_TEXT:
			return decode_text(json, batch);
		case FIELD_RECIPIENTS:
			return decode_recipients(json, batch);
		default:
			return json_skip(json);
	}
}

/* One `"name": value` of the body; `seen` has a bit for each known field. */
static bool decode_pair(Json *json, DecodedBatch *batch, unsigned *seen)
{
	JsonString name;
	int field = 0;

	if (!json_string(json, &name) || !json_expect(json, ':'))
		return false;
	while (field < FIELD_COUNT && !string_equals(&name, FIELDS[field]))
		field++;
	if (field == FIELD_COUNT)
		return json_skip(json);
	/* Two readers could take different ones of the two: refuse. */
	if (*seen & 1U << field)
		return error_set(json->error, ERROR_PROTOCOL, "field %s twice", FIELDS[field]);
	*seen |= 1U << field;
	return decode_field(json, (Field) field, batch, *seen);
}

static bool check_batch(const DecodedBatch *batch, unsigned seen, Error *error)
{
	for (int field = 0; field < FIELD_COUNT; field++)
	{
		if (!(seen & 1U << field))
			return error_set(error, ERROR_PROTOCOL, "field %s is missing", FIELDS[field]);
	}
	if (batch->total < 1 || batch->total > MESSAGE_SEQ_MAX)
		return error_set(error, ERROR_PROTOCOL, MESSAGE_FIELD_TOTAL " is out of range");
	if (batch->first_seq < 1 || batch->first_seq > batch->total)
		return error_set(error, ERROR_PROTOCOL, MESSAGE_FIELD_FIRST_SEQ " is out of range");
	if (batch->count > batch->total - batch->first_seq + 1)
		return error_set(error, ERROR_PROTOCOL, "more recipients than " MESSAGE_FIELD_TOTAL);
	return true;
}

bool decode_batch(char *body, size_t length, DecodedBatch *batch, Error *error)
{
	Json json;
	unsigned seen = 0;

	batch->version = 0;
	batch->count = 0;
	batch->attributes_used = 0;
	if (length > MESSAGE_BODY_MAX)
		return error_set(error, ERROR_PROTOCOL, "body of more than %d bytes", MESSAGE_BODY_MAX);
	json_begin(&json, body, length, error);
	if (!json_expect(&json, '{'))
		return false;
	if (!json_accept(&json, '}'))
	{
		do
		{
			if (!decode_pair(&json, batch, &seen))
				return false;
		} while (json_accept(&json, ','));
		if (!json_expect(&json, '}'))
			return false;
	}
	return json_finish(&json) && check_batch(batch, seen, error);
}
