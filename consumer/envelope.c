/*
 * envelope.c - the AMQP headers around a body; see envelope.h.
 */
#include "envelope.h"

#include <string.h>

static bool name_is(const amqp_table_entry_t *entry, const char *name)
{
	return entry->key.len == strlen(name) && memcmp(entry->key.bytes, name, entry->key.len) == 0;
}

/* Clients encode a small number in the smallest type that holds it. */
static bool number_of(const amqp_field_value_t *value, int64_t *number)
{
	switch (value->kind)
	{
		case AMQP_FIELD_KIND_I8:
			*number = (int64_t) value->value.i8;
			return true;
		case AMQP_FIELD_KIND_U8:
			*number = value->value.u8;
			return true;
		case AMQP_FIELD_KIND_I16:
			*number = value->value.i16;
			return true;
		case AMQP_FIELD_KIND_U16:
			*number = value->value.u16;
			return true;
		case AMQP_FIELD_KIND_I32:
			*number = value->value.i32;
			return true;
		case AMQP_FIELD_KIND_U32:
			*number = value->value.u32;
			return true;
		case AMQP_FIELD_KIND_I64:
		case AMQP_FIELD_KIND_U64:
			*number = value->value.i64;
			return true;
		default:
			return false;
	}
}

static bool text_agrees(const amqp_table_entry_t *entry, const char *name, const char *text)
{
	const amqp_field_value_t *value = &entry->value;

	if (!name_is(entry, name))
		return true;
	return value->kind == AMQP_FIELD_KIND_UTF8 && value->value.bytes.len == strlen(text) &&
		   memcmp(value->value.bytes.bytes, text, value->value.bytes.len) == 0;
}

static bool number_agrees(const amqp_table_entry_t *entry, const char *name, int64_t expected)
{
	int64_t number = 0;

	if (!name_is(entry, name))
		return true;
	return number_of(&entry->value, &number) && number == expected;
}

bool envelope_check(const amqp_basic_properties_t *properties, const DecodedBatch *batch,
					Error *error)
{
	const amqp_table_t *headers = &properties->headers;

	if (!(properties->_flags & AMQP_BASIC_HEADERS_FLAG))
		return true;
	for (int i = 0; i < headers->num_entries; i++)
	{
		const amqp_table_entry_t *entry = &headers->entries[i];

		if (!text_agrees(entry, MESSAGE_HEADER_CAMPAIGN_ID, batch->campaign_id) ||
			!number_agrees(entry, MESSAGE_HEADER_VERSION, batch->version) ||
			!text_agrees(entry, MESSAGE_HEADER_CLASS, message_class_name(batch->class)) ||
			!number_agrees(entry, MESSAGE_HEADER_FIRST_SEQ, batch->first_seq) ||
			!number_agrees(entry, MESSAGE_HEADER_COUNT, batch->count) ||
			!number_agrees(entry, MESSAGE_HEADER_TOTAL, batch->total))
			return error_set(error, ERROR_PROTOCOL, "header %.*s disagrees with the body",
							 (int) entry->key.len, (const char *) entry->key.bytes);
	}
	return true;
}

amqp_table_entry_t envelope_text(const char *name, const char *text)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};

	entry.value.kind = AMQP_FIELD_KIND_UTF8;
	entry.value.value.bytes = amqp_cstring_bytes(text);
	return entry;
}

amqp_table_entry_t envelope_number(const char *name, int64_t number)
{
	amqp_table_entry_t entry = {.key = amqp_cstring_bytes(name)};

	entry.value.kind = AMQP_FIELD_KIND_I64;
	entry.value.value.i64 = number;
	return entry;
}

void envelope_dead(const amqp_basic_properties_t *original, const char *reason, const char *queue,
				   amqp_table_entry_t entries[ENVELOPE_HEADERS_MAX],
				   amqp_basic_properties_t *properties)
{
	int count = 0;

	if (original != NULL)
		*properties = *original;
	else
		memset(properties, 0, sizeof(*properties));
	if (properties->_flags & AMQP_BASIC_HEADERS_FLAG)
	{
		for (int i = 0; i < properties->headers.num_entries && count < ENVELOPE_HEADERS_MAX - 2;
			 i++)
		{
			const amqp_table_entry_t *entry = &properties->headers.entries[i];

			if (!name_is(entry, MESSAGE_HEADER_REASON) && !name_is(entry, MESSAGE_HEADER_QUEUE))
				entries[count++] = *entry;
		}
	}
	entries[count++] = envelope_text(MESSAGE_HEADER_REASON, reason);
	entries[count++] = envelope_text(MESSAGE_HEADER_QUEUE, queue);
	properties->headers.num_entries = count;
	properties->headers.entries = entries;
	properties->delivery_mode = AMQP_DELIVERY_PERSISTENT;
	properties->_flags |= AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG;
	/* A foreign user_id is refused by the broker, an expiration would lose the evidence. */
	properties->_flags &= ~(amqp_flags_t) (AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_EXPIRATION_FLAG);
}
