/*
 * message.h - the contract between the worker (publisher) and the consumer.
 *
 * The one place from which both programs take names, fields and limits.
 * docs/contract/ says the same in AsyncAPI and JSON Schema, for consumers in
 * other languages; test/e2e/test_contract.py checks that the two agree.
 *
 * Must never include a PostgreSQL or an AMQP header.
 */
#ifndef CAMPAIGN_CONTRACT_MESSAGE_H
#define CAMPAIGN_CONTRACT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Topology: one direct exchange; the routing key is the name of the queue. */
#define MESSAGE_EXCHANGE	   "campaign"
#define MESSAGE_QUEUE_PREFIX   "campaign.messages." /* + partition, from 0 */
#define MESSAGE_QUEUE_PARALLEL "campaign.parallel"	/* campaigns with ordered = false */
#define MESSAGE_DEAD		   "campaign.dead" /* dead-letter exchange (fanout) and its queue */

/*
 * A campaign stays in one partition for ever, so this number is part of the contract
 * and not a setting: changing it would split a running campaign in two.
 */
#define MESSAGE_PARTITIONS	   4
#define MESSAGE_QUEUE_NAME_MAX 64

/* How often RabbitMQ 4 and newer may deliver a message: as good as for ever (20 by default). */
#define MESSAGE_DELIVERY_LIMIT	   2147483647
#define MESSAGE_DELIVERY_LIMIT_KEY "x-delivery-limit"
#define MESSAGE_DELIVERY_LIMITED   4 /* the first version of RabbitMQ that has a default */

/* AMQP properties and headers of every batch. */
#define MESSAGE_VERSION			   1 /* all recipients get the campaign's text */
#define MESSAGE_VERSION_OWN		   2 /* a recipient may bring a text and attributes of its own */
#define MESSAGE_VERSION_SUPPRESSED 3 /* as 2, and a recipient may be null: left out */
#define MESSAGE_TYPE			   "campaign.batch"
#define MESSAGE_CONTENT_TYPE	   "application/json"
#define MESSAGE_HEADER_VERSION	   "version" /* from version 2 on */
#define MESSAGE_HEADER_CAMPAIGN_ID "campaign_id"
#define MESSAGE_HEADER_CLASS	   "class"
#define MESSAGE_HEADER_FIRST_SEQ   "first_seq"
#define MESSAGE_HEADER_COUNT	   "count"
#define MESSAGE_HEADER_TOTAL	   "total"
#define MESSAGE_HEADER_REASON	   "reason" /* on dead letters: why */
#define MESSAGE_HEADER_QUEUE	   "queue"	/* on dead letters: where it came from */

/* Fields of the body. */
#define MESSAGE_FIELD_VERSION	   "version"
#define MESSAGE_FIELD_CAMPAIGN_ID  "campaign_id"
#define MESSAGE_FIELD_CLASS		   "class"
#define MESSAGE_FIELD_TOTAL		   "total"
#define MESSAGE_FIELD_FIRST_SEQ	   "first_seq"
#define MESSAGE_FIELD_TEXT		   "message"
#define MESSAGE_FIELD_RECIPIENTS   "recipients"
#define MESSAGE_FIELD_IDENTIFIER   "identifier"
#define MESSAGE_FIELD_PHONE_NUMBER "phone_number"
#define MESSAGE_FIELD_ATTRIBUTES   "attributes" /* of a recipient; its text is MESSAGE_FIELD_TEXT */

/* Limits. A body must fit one AMQP frame of 131,072 bytes. */
#define MESSAGE_FRAME_MAX		 131072
#define MESSAGE_BODY_MAX		 (MESSAGE_FRAME_MAX - 8)
#define MESSAGE_BATCH_MAX		 1000 /* recipients in a body */
#define MESSAGE_TEXT_MAX_CHARS	 4096 /* characters of message text */
#define MESSAGE_TEXT_MAX_BYTES	 (4 * MESSAGE_TEXT_MAX_CHARS)
#define MESSAGE_ATTRIBUTES_MAX	 4096 /* bytes of a recipient's attributes as JSON */
#define MESSAGE_ATTRIBUTES_DEPTH 16	  /* objects and arrays within each other */
#define MESSAGE_ID_MAX			 32	  /* characters of a cuid2 */
#define MESSAGE_PHONE_MAX		 16	  /* '+' and 15 digits */
#define MESSAGE_SEQ_MAX			 ((INT64_C(1) << 40) - 1) /* seq takes 5 bytes of the document id */

/* Recipient classes, in the order in which they are published. */
typedef enum MessageClass
{
	MESSAGE_CLASS_VIP = 0,
	MESSAGE_CLASS_NORMAL = 1
} MessageClass;

#define MESSAGE_CLASSES 2

/* "VIP" or "NORMAL". */
const char *message_class_name(MessageClass class);

/* Sets *class from its name of `length` bytes; false if there is no such class. */
bool message_class_parse(const char *name, size_t length, MessageClass *class);

/*
 * The partition of a campaign, 0 .. MESSAGE_PARTITIONS - 1: the first four
 * bytes of SHA-256(campaign_id), big-endian, modulo MESSAGE_PARTITIONS.
 */
int message_partition(const char *campaign_id);

/* Writes the queue of a campaign into `queue` (MESSAGE_QUEUE_NAME_MAX bytes). */
void message_queue_name(const char *campaign_id, bool ordered, char *queue);

/* Writes the queue of a partition into `queue` (MESSAGE_QUEUE_NAME_MAX bytes). */
void message_partition_queue(int partition, char *queue);

/*
 * The `_id` of a document, 16 bytes that sort by (campaign, class, seq): the
 * first 10 bytes of SHA-256(campaign_id), one byte of class, 5 of seq (big-endian).
 */
#define MESSAGE_DOCUMENT_ID_SIZE	 16
#define MESSAGE_DOCUMENT_PREFIX_SIZE 10

void message_document_prefix(const char *campaign_id, uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE]);
void message_document_id(const uint8_t prefix[MESSAGE_DOCUMENT_PREFIX_SIZE], MessageClass class,
						 int64_t seq, uint8_t id[MESSAGE_DOCUMENT_ID_SIZE]);

/*
 * Encoding. A body is a head, the recipients and a tail; `buffer` is the
 * caller's, of MESSAGE_BODY_MAX bytes. The head is the same for every batch
 * of a campaign and class but for first_seq.
 */
typedef struct MessageBody
{
	char *buffer;
	size_t capacity;
	int version; /* the caller's: one of MESSAGE_VERSION… */
	size_t length;
	int count;
} MessageBody;

/* What a recipient brings in MESSAGE_VERSION_OWN, as JSON; NULL: nothing. */
typedef struct MessageOwn
{
	const char *text; /* from message_escape() */
	size_t text_length;
	const char *attributes; /* canonical, at most MESSAGE_ATTRIBUTES_MAX bytes */
	size_t attributes_length;
} MessageOwn;

/* JSON of the text with its quotes, into `out`; returns its length, or 0 if it does not fit. */
size_t message_escape(const char *text, size_t length, char *out, size_t capacity);

/* Starts a body; `escaped_text` comes from message_escape(). False if it does not fit. */
bool message_begin(MessageBody *body, const char *campaign_id, MessageClass class, int64_t total,
				   int64_t first_seq, const char *escaped_text, size_t escaped_length);

/* Adds a recipient; false (and nothing added) when the body is full. */
bool message_add(MessageBody *body, const char *identifier, size_t identifier_length,
				 const char *phone_number, size_t phone_length);

/* The same, for a recipient of MESSAGE_VERSION_OWN. */
bool message_add_own(MessageBody *body, const char *identifier, size_t identifier_length,
					 const char *phone_number, size_t phone_length, const MessageOwn *own);

/*
 * Adds a place whose recipient is left out, for MESSAGE_VERSION_SUPPRESSED; false when the body is
 * full.
 */
bool message_add_suppressed(MessageBody *body);

/* Closes the body. Room for it was kept by message_add(). */
void message_end(MessageBody *body);

#endif /* CAMPAIGN_CONTRACT_MESSAGE_H */
