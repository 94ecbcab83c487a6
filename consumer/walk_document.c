/*
 * walk_document.c - what a document says; see walk_document.h.
 *
 * A million of them are read: each is gone through once, and nothing is copied.
 */
#include "walk_document.h"

#include <string.h>

#include "attributes_text.h"

/* Class and seq, if it has the form that ids of messages have. */
static void read_id(const bson_iter_t *iter, WalkPlace *place)
{
	bson_subtype_t subtype;
	uint32_t length = 0;
	const uint8_t *id = NULL;

	if (!BSON_ITER_HOLDS_BINARY(iter))
		return;
	bson_iter_binary(iter, &subtype, &length, &id);
	if (length != MESSAGE_DOCUMENT_ID_SIZE)
		return;
	place->class = id[MESSAGE_DOCUMENT_PREFIX_SIZE];
	place->seq = 0;
	for (int i = MESSAGE_DOCUMENT_PREFIX_SIZE + 1; i < MESSAGE_DOCUMENT_ID_SIZE; i++)
		place->seq = place->seq << 8 | id[i];
}

static LeafText text_of(const bson_iter_t *iter)
{
	uint32_t length = 0;
	const char *bytes;

	if (!BSON_ITER_HOLDS_UTF8(iter))
		return (LeafText){"", 0};
	bytes = bson_iter_utf8(iter, &length);
	return (LeafText){bytes, length};
}

static bool is_text(const LeafText *text, const char *expected)
{
	return text->length == strlen(expected) && memcmp(text->bytes, expected, text->length) == 0;
}

/* What a proof looks at; whatever else is there may be anybody's. */
typedef enum FieldName
{
	FIELD_ID,
	FIELD_IDENTIFIER,
	FIELD_PHONE_NUMBER,
	FIELD_MESSAGE,
	FIELD_ATTRIBUTES,
	FIELD_CAMPAIGN_ID,
	FIELD_CLASS,
	FIELD_SEQ,
	FIELD_CREATED_AT,
	FIELD_UPDATED_AT,
	FIELD_DELETED,
	FIELD_COUNT
} FieldName;

static const char *const FIELD_NAMES[FIELD_COUNT] = {
	"_id",	 "identifier", "phone_number", "message",	 "attributes", "campaign_id",
	"class", "seq",		   "created_at",   "updated_at", "deleted"};

/* What is found of a document on the way through its fields. */
typedef struct Fields
{
	bool deleted; /* there, and false */
	bool bad_attributes;
	bool created_at;
	bool updated_at;
	LeafText campaign_id;
	LeafText class;
	int64_t seq;
	bool seen[FIELD_COUNT];
	const char *twice; /* the first field that is there again; NULL: none */
} Fields;

/* Text that no message can have makes the field wrong, instead of the message one without
 * attributes. */
static void take_attributes(const bson_iter_t *iter, WalkDocument *document, Fields *fields)
{
	size_t length = BSON_ITER_HOLDS_DOCUMENT(iter)
						? attributes_text(iter, document->attributes, sizeof(document->attributes))
						: 0;

	if (length > 0)
		document->leaf.attributes = (LeafText){document->attributes, length};
	else
		fields->bad_attributes = true;
}

static FieldName field_name(const char *key)
{
	int field = 0;

	while (field < FIELD_COUNT && strcmp(key, FIELD_NAMES[field]) != 0)
		field++;
	return (FieldName) field;
}

static void take_field(const bson_iter_t *iter, FieldName field, WalkDocument *document,
					   Fields *fields)
{
	switch (field)
	{
		case FIELD_ID:
			read_id(iter, &document->place);
			break;
		case FIELD_IDENTIFIER:
			document->leaf.identifier = text_of(iter);
			break;
		case FIELD_PHONE_NUMBER:
			document->leaf.phone_number = text_of(iter);
			break;
		case FIELD_MESSAGE:
			document->leaf.message = text_of(iter);
			break;
		case FIELD_ATTRIBUTES:
			take_attributes(iter, document, fields);
			break;
		case FIELD_CAMPAIGN_ID:
			fields->campaign_id = text_of(iter);
			break;
		case FIELD_CLASS:
			fields->class = text_of(iter);
			break;
		case FIELD_SEQ:
			fields->seq = BSON_ITER_HOLDS_INT64(iter) ? bson_iter_int64(iter) : -1;
			break;
		case FIELD_CREATED_AT:
			fields->created_at = BSON_ITER_HOLDS_DATE_TIME(iter);
			break;
		case FIELD_UPDATED_AT:
			fields->updated_at = BSON_ITER_HOLDS_DATE_TIME(iter);
			break;
		case FIELD_DELETED:
			fields->deleted = BSON_ITER_HOLDS_BOOL(iter) && !bson_iter_bool(iter);
			break;
		default:
			break;
	}
}

/* BSON may hold a key twice. MongoDB answers with the first value, other readers with the last
 * one: such a field says two things. */
static void take_first(const bson_iter_t *iter, WalkDocument *document, Fields *fields)
{
	FieldName field = field_name(bson_iter_key(iter));

	if (field == FIELD_COUNT)
		return;
	if (!fields->seen[field])
		take_field(iter, field, document, fields);
	else if (fields->twice == NULL)
		fields->twice = FIELD_NAMES[field];
	fields->seen[field] = true;
}

/* A message is where its fields say, and is there; when it came, nobody else knows. */
static const char *wrong_field(const WalkDocument *document, const Fields *fields,
							   const char *campaign_id)
{
	const WalkPlace *place = &document->place;

	if (fields->twice != NULL)
		return fields->twice;
	if (!is_text(&fields->campaign_id, campaign_id))
		return "campaign_id";
	if (place->class >= MESSAGE_CLASSES ||
		!is_text(&fields->class, message_class_name((MessageClass) place->class)))
		return "class";
	if (fields->seq != place->seq)
		return "seq";
	if (fields->bad_attributes)
		return "attributes";
	if (!fields->created_at)
		return "created_at";
	if (!fields->updated_at)
		return "updated_at";
	return fields->deleted ? NULL : "deleted";
}

void walk_document_read(const bson_t *bson, const char *campaign_id, WalkDocument *document)
{
	Fields fields = {.campaign_id = {"", 0}, .class = {"", 0}, .seq = -1};
	bson_iter_t iter;

	document->place = (WalkPlace){0};
	document->leaf = (Leaf){0};
	document->leaf.identifier = document->leaf.phone_number = document->leaf.message =
		(LeafText){"", 0};
	if (bson_iter_init(&iter, bson))
	{
		while (bson_iter_next(&iter))
			take_first(&iter, document, &fields);
	}
	document->wrong = wrong_field(document, &fields, campaign_id);
	document->leaf.class = document->place.class == 0 ? MESSAGE_CLASS_VIP : MESSAGE_CLASS_NORMAL;
	document->leaf.seq = document->place.seq;
}
