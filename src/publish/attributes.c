/*
 * attributes.c - jsonb into the canonical JSON that travels: keys in the order
 * of their code points, no blanks, numbers in one form (contract/attributes.h).
 *
 * Runs once for each recipient with attributes, when they are added and when they
 * are published. What cannot travel is refused with a sentence for whoever adds it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "attributes.h"
#include "contract/attributes.h"
#include "contract/message.h"
#include "excerpt.h"

PG_FUNCTION_INFO_V1(campaign_attributes_canonical);
PG_FUNCTION_INFO_V1(campaign_attributes_problem);

#define NAME_SHOWN 40 /* bytes of a key or number in a sentence, at most */

typedef struct Canonical
{
	StringInfoData json; /* UTF-8 */
	char *problem;		 /* NULL: none yet */
} Canonical;

/* Bytes of UTF-8, not NUL-terminated. */
typedef struct Key
{
	const char *bytes;
	int length;
	JsonbValue value;
} Key;

static void put_container(Canonical *canonical, JsonbContainer *container, int depth);

/* `what` and a shortened quotation of what it is about. */
static void refuse(Canonical *canonical, const char *what, const char *quoted, int length)
{
	char *shown = pg_any_to_server(quoted, length, PG_UTF8);

	if (shown != quoted)
		length = (int) strlen(shown);
	canonical->problem = psprintf("%s: \"%s\"", what, excerpt(shown, length, NAME_SHOWN));
}

/* So that a value of any size costs no more memory than one that is allowed. */
static bool too_long(Canonical *canonical, int more)
{
	if (canonical->json.len + more <= MESSAGE_ATTRIBUTES_MAX)
		return false;
	canonical->problem = psprintf("they take more than %d bytes as JSON", MESSAGE_ATTRIBUTES_MAX);
	return true;
}

static void put_string(Canonical *canonical, const char *bytes, int length)
{
	StringInfo json = &canonical->json;
	size_t capacity = 6 * (size_t) length + 3; /* \u00XX for each byte, quotes, NUL */

	if (too_long(canonical, length))
		return;
	enlargeStringInfo(json, (int) capacity);
	json->len += (int) message_escape(bytes, length, json->data + json->len, capacity);
}

static void put_number(Canonical *canonical, Numeric number)
{
	char *text = numeric_normalize(number);
	int64_t whole;
	double decimal;

	if (attributes_number(text, strlen(text), &whole, &decimal) == ATTRIBUTES_NO_NUMBER)
		refuse(canonical,
			   "a number is neither whole with 64 bits nor a decimal of at most 15 digits", text,
			   (int) strlen(text));
	else
		appendStringInfoString(&canonical->json, text);
	pfree(text);
}

static void put_value(Canonical *canonical, const JsonbValue *value, int depth)
{
	switch (value->type)
	{
		case jbvNull:
			appendStringInfoString(&canonical->json, "null");
			break;
		case jbvBool:
			appendStringInfoString(&canonical->json, value->val.boolean ? "true" : "false");
			break;
		case jbvNumeric:
			put_number(canonical, value->val.numeric);
			break;
		case jbvString:
		{
			int length = value->val.string.len;
			const char *bytes = pg_server_to_any(value->val.string.val, length, PG_UTF8);

			put_string(canonical, bytes,
					   bytes == value->val.string.val ? length : (int) strlen(bytes));
			break;
		}
		case jbvBinary:
			put_container(canonical, value->val.binary.data, depth + 1);
			break;
		default:
			elog(ERROR, "unexpected kind of JSON value: %d", (int) value->type);
	}
}

/* UTF-8 sorts by its bytes as by its code points. */
static int compare_keys(const void *left, const void *right)
{
	const Key *a = left;
	const Key *b = right;
	int order = memcmp(a->bytes, b->bytes, Min(a->length, b->length));

	return order != 0 ? order : a->length - b->length;
}

static Key *read_keys(JsonbContainer *container, int count)
{
	Key *keys = palloc(Max(count, 1) * sizeof(Key));
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue key;

	(void) JsonbIteratorNext(&iterator, &key, true);
	for (int i = 0; i < count; i++)
	{
		const char *bytes;

		if (JsonbIteratorNext(&iterator, &key, true) != WJB_KEY)
			elog(ERROR, "a key was expected in a JSON object");
		bytes = pg_server_to_any(key.val.string.val, key.val.string.len, PG_UTF8);
		keys[i].bytes = bytes;
		keys[i].length = bytes == key.val.string.val ? key.val.string.len : (int) strlen(bytes);
		(void) JsonbIteratorNext(&iterator, &keys[i].value, true);
	}
	qsort(keys, count, sizeof(Key), compare_keys);
	return keys;
}

static void put_object(Canonical *canonical, JsonbContainer *container, int depth)
{
	int count = JsonContainerSize(container);
	Key *keys = read_keys(container, count);

	for (int i = 0; i < count && canonical->problem == NULL; i++)
	{
		const Key *key = &keys[i];
		const char *problem = attributes_key_problem(key->bytes, key->length);

		if (problem != NULL)
			refuse(canonical, problem, key->bytes, key->length);
		if (problem != NULL || too_long(canonical, 0))
			break;
		appendStringInfoChar(&canonical->json, i == 0 ? '{' : ',');
		put_string(canonical, key->bytes, key->length);
		appendStringInfoChar(&canonical->json, ':');
		put_value(canonical, &key->value, depth);
	}
	appendStringInfoString(&canonical->json, count == 0 ? "{}" : "}");
	pfree(keys);
}

static void put_array(Canonical *canonical, JsonbContainer *container, int depth)
{
	int count = JsonContainerSize(container);
	JsonbIterator *iterator = JsonbIteratorInit(container);
	JsonbValue value;

	appendStringInfoChar(&canonical->json, '[');
	(void) JsonbIteratorNext(&iterator, &value, true);
	for (int i = 0; i < count && canonical->problem == NULL; i++)
	{
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (too_long(canonical, 0))
			break;
		if (i > 0)
			appendStringInfoChar(&canonical->json, ',');
		put_value(canonical, &value, depth);
	}
	appendStringInfoChar(&canonical->json, ']');
}

/* `depth`: how many containers this one is in, itself included. */
static void put_container(Canonical *canonical, JsonbContainer *container, int depth)
{
	if (depth > MESSAGE_ATTRIBUTES_DEPTH)
		canonical->problem =
			psprintf("they are nested more than %d deep", MESSAGE_ATTRIBUTES_DEPTH);
	else if (JsonContainerIsObject(container))
		put_object(canonical, container, depth);
	else
		put_array(canonical, container, depth);
}

static Canonical canonical_of(Jsonb *attributes)
{
	Canonical canonical = {.problem = NULL};

	initStringInfo(&canonical.json);
	if (!JB_ROOT_IS_OBJECT(attributes))
		canonical.problem = pstrdup("they are no JSON object");
	else
		put_container(&canonical, &attributes->root, 1);
	if (canonical.problem == NULL)
		(void) too_long(&canonical, 0);
	return canonical;
}

char *attributes_canonical(Jsonb *attributes)
{
	Canonical canonical = canonical_of(attributes);

	if (canonical.problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("attributes: %s", canonical.problem)));
	return canonical.json.data;
}

Datum campaign_attributes_canonical(PG_FUNCTION_ARGS)
{
	char *json = attributes_canonical(PG_GETARG_JSONB_P(0));

	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(json, (int) strlen(json), PG_UTF8)));
}

Datum campaign_attributes_problem(PG_FUNCTION_ARGS)
{
	Canonical canonical = canonical_of(PG_GETARG_JSONB_P(0));

	if (canonical.problem == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(canonical.problem));
}
