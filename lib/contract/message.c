/*
 * message.c - encodes the batches that travel from the worker to the consumer,
 * and computes where a campaign's batches and documents go.
 *
 * message_add() runs once for each recipient of a million: it copies and does
 * nothing else. Must never allocate, and never include PostgreSQL or AMQP.
 */
#include "message.h"

#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECIPIENT_HEAD	 "{\"" MESSAGE_FIELD_IDENTIFIER "\":\""
#define RECIPIENT_MIDDLE "\",\"" MESSAGE_FIELD_PHONE_NUMBER "\":\""
#define RECIPIENT_TAIL	 "\"}"
#define OWN_TEXT		 ",\"" MESSAGE_FIELD_TEXT "\":"
#define OWN_ATTRIBUTES	 ",\"" MESSAGE_FIELD_ATTRIBUTES "\":"
#define SUPPRESSED		 "null"
#define BODY_TAIL		 "]}"

/* sizeof counts the NUL of a literal. */
#define LITERAL_LENGTH(literal) (sizeof(literal) - 1)

static const char *const class_names[MESSAGE_CLASSES] = {"VIP", "NORMAL"};

const char *message_class_name(MessageClass class)
{
	return class_names[class];
}

bool message_class_parse(const char *name, size_t length, MessageClass *class)
{
	for (int i = 0; i < MESSAGE_CLASSES; i++)
	{
		if (strlen(class_names[i]) == length && memcmp(class_names[i], name, length) == 0)
		{
			*class = (MessageClass) i;
			return true;
		}
	}
	return false;
}

/*
 * OpenSSL can fail here only if there is no memory for a few bytes. To go on would
 * send a campaign to a wrong queue or store it under wrong document ids, for ever.
 */
static void campaign_digest(const char *campaign_id, uint8_t digest[SHA256_DIGEST_LENGTH])
{
	if (SHA256((const unsigned char *) campaign_id, strlen(campaign_id), digest) == NULL)
		abort();
}

int message_partition(const char *campaign_id)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	uint32_t head;

	campaign_digest(campaign_id, digest);
	head = (uint32_t) digest[0] << 24 | (uint32_t) digest[1] << 16 | (uint32_t) digest[2] << 8 |
		   digest[3];
	return (int) (head % MESSAGE_PARTITIONS);
}

void message_queue_name(const char *campaign_id, bool ordered, char *queue)
{
	if (ordered)
		message_partition_queue(message_partition(campaign_id), queue);
	else
		memcpy(queue, MESSAGE_QUEUE_PARALLEL, sizeof(MESSAGE_QUEUE_PARALLEL));
}

void message_partition_queue(int partition, char *queue)
{
	/* Prefix and any int are shorter than MESSAGE_QUEUE_NAME_MAX. */
	(void) snprintf(queue, MESSAGE_QUEUE_NAME_MAX, MESSAGE_QUEUE_PREFIX "%d", partition);
}

void message_document_prefix(const char *campaign_id, uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	campaign_digest(campaign_id, digest);
	memcpy(prefix, digest, MESSAGE_DOCUMENT_PREFIX_SIZE);
}

void message_document_id(const uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE], MessageClass class,
						 int64_t seq, uint8_t id[MESSAGE_DOCUMENT_ID_SIZE])
{
	memcpy(id, prefix, MESSAGE_DOCUMENT_PREFIX_SIZE);
	id[MESSAGE_DOCUMENT_PREFIX_SIZE] = (uint8_t) class;
	for (int i = MESSAGE_DOCUMENT_ID_SIZE - 1; i > MESSAGE_DOCUMENT_PREFIX_SIZE; i--)
	{
		id[i] = (uint8_t) (seq & 0xFF);
		seq >>= 8;
	}
}

/* Writes the escape of one byte, or the byte; returns 1, 2 or 6. */
static size_t escape_byte(unsigned char byte, char out[6])
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";
	const char *known;

	if (byte >= ' ' && byte != '"' && byte != '\\')
	{
		out[0] = (char) byte;
		return 1;
	}
	out[0] = '\\';
	known = byte != 0 ? strchr(plain, byte) : NULL;
	if (known != NULL)
	{
		out[1] = letters[known - plain];
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = hex[byte >> 4];
	out[5] = hex[byte & 0xF];
	return 6;
}

size_t message_escape(const char *text, size_t length, char *out, size_t capacity)
{
	size_t used = 0;

	if (capacity < 2)
		return 0;
	out[used++] = '"';
	for (size_t i = 0; i < length; i++)
	{
		char escape[6];
		size_t size = escape_byte((unsigned char) text[i], escape);

		/* One byte stays free for the closing quote. */
		if (size >= capacity - used)
			return 0;
		memcpy(out + used, escape, size);
		used += size;
	}
	out[used++] = '"';
	return used;
}

static char *append(char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

bool message_begin(MessageBody *body, const char *campaign_id, MessageClass class, int64_t total,
				   int64_t first_seq, const char *escaped_text, size_t escaped_length)
{
	static const char middle[] = ",\"" MESSAGE_FIELD_RECIPIENTS "\":[";
	int head =
		snprintf(body->buffer, body->capacity,
				 "{\"" MESSAGE_FIELD_VERSION "\":%d,\"" MESSAGE_FIELD_CAMPAIGN_ID
				 "\":\"%s\",\"" MESSAGE_FIELD_CLASS "\":\"%s\",\"" MESSAGE_FIELD_TOTAL "\":%" PRId64
				 ",\"" MESSAGE_FIELD_FIRST_SEQ "\":%" PRId64 ",\"" MESSAGE_FIELD_TEXT "\":",
				 body->version, campaign_id, message_class_name(class), total, first_seq);
	char *at;

	if (head < 0 || (size_t) head >= body->capacity ||
		body->capacity - (size_t) head <
			escaped_length + LITERAL_LENGTH(middle) + LITERAL_LENGTH(BODY_TAIL))
		return false;
	at = append(body->buffer + head, escaped_text, escaped_length);
	at = append(at, middle, LITERAL_LENGTH(middle));
	body->length = (size_t) (at - body->buffer);
	body->count = 0;
	return true;
}

bool message_add(MessageBody *body, const char *identifier, size_t identifier_length,
				 const char *phone_number, size_t phone_length)
{
	const size_t fixed = LITERAL_LENGTH(RECIPIENT_HEAD) + LITERAL_LENGTH(RECIPIENT_MIDDLE) +
						 LITERAL_LENGTH(RECIPIENT_TAIL) + LITERAL_LENGTH(BODY_TAIL) + 1;
	char *at = body->buffer + body->length;

	if (body->count >= MESSAGE_BATCH_MAX ||
		body->capacity - body->length < fixed + identifier_length + phone_length)
		return false;
	if (body->count > 0)
		*at++ = ',';
	at = append(at, RECIPIENT_HEAD, LITERAL_LENGTH(RECIPIENT_HEAD));
	at = append(at, identifier, identifier_length);
	at = append(at, RECIPIENT_MIDDLE, LITERAL_LENGTH(RECIPIENT_MIDDLE));
	at = append(at, phone_number, phone_length);
	at = append(at, RECIPIENT_TAIL, LITERAL_LENGTH(RECIPIENT_TAIL));
	body->length = (size_t) (at - body->buffer);
	body->count++;
	return true;
}

bool message_add_own(MessageBody *body, const char *identifier, size_t identifier_length,
					 const char *phone_number, size_t phone_length, const MessageOwn *own)
{
	size_t needed = 0;
	bool added;
	char *at;

	if (own->text != NULL)
		needed += LITERAL_LENGTH(OWN_TEXT) + own->text_length;
	if (own->attributes != NULL)
		needed += LITERAL_LENGTH(OWN_ATTRIBUTES) + own->attributes_length;
	if (body->capacity - body->length < needed)
		return false;
	body->capacity -= needed;
	added = message_add(body, identifier, identifier_length, phone_number, phone_length);
	body->capacity += needed;
	if (!added)
		return false;
	/* It goes on in the place of its closing brace. */
	at = body->buffer + body->length - 1;
	if (own->text != NULL)
	{
		at = append(at, OWN_TEXT, LITERAL_LENGTH(OWN_TEXT));
		at = append(at, own->text, own->text_length);
	}
	if (own->attributes != NULL)
	{
		at = append(at, OWN_ATTRIBUTES, LITERAL_LENGTH(OWN_ATTRIBUTES));
		at = append(at, own->attributes, own->attributes_length);
	}
	*at++ = '}';
	body->length = (size_t) (at - body->buffer);
	return true;
}

bool message_add_suppressed(MessageBody *body)
{
	char *at = body->buffer + body->length;

	if (body->count >= MESSAGE_BATCH_MAX ||
		body->capacity - body->length < LITERAL_LENGTH(SUPPRESSED) + LITERAL_LENGTH(BODY_TAIL) + 1)
		return false;
	if (body->count > 0)
		*at++ = ',';
	at = append(at, SUPPRESSED, LITERAL_LENGTH(SUPPRESSED));
	body->length = (size_t) (at - body->buffer);
	body->count++;
	return true;
}

void message_end(MessageBody *body)
{
	char *at = append(body->buffer + body->length, BODY_TAIL, LITERAL_LENGTH(BODY_TAIL));

	body->length = (size_t) (at - body->buffer);
}
