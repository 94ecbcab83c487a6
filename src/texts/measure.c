/*
 * measure.c - what recipients get, one after the other, what that costs, and who cannot get a text
 * at all; see measure.h.
 *
 * Fills as the worker will (filling.c).
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/json.h"

#include "filling.h"
#include "measure.h"
#include "totals.h"

#define PROBLEMS_SHOWN 10

struct Measure
{
	const char *message;		/* UTF-8 */
	Placeholders *placeholders; /* NULL: the message is sent as it is */
	PlaceholdersText *text;
	Totals totals;
	uint64 present; /* placeholders that any recipient's attributes have */
	int64 filled;	/* recipients whose attributes were looked at */
	int64 problems;
	StringInfoData shown_problems;
	StringInfoData samples;
	int samples_left;
};

static void put_recipient(StringInfo json, const MeasureRecipient *recipient, const char *key,
						  const char *value)
{
	if (json->len > 0)
		appendStringInfoChar(json, ',');
	appendStringInfo(json,
					 "{\"class\":\"%s\",\"seq\":" INT64_FORMAT ",\"phone_number\":\"%s\",\"%s\":",
					 recipient->class, recipient->seq, recipient->phone_number, key);
	escape_json(json, value);
	appendStringInfoChar(json, '}');
}

/* The text that a recipient gets; NULL if it cannot be filled. */
static const char *text_of(Measure *measure, const MeasureRecipient *recipient)
{
	PlaceholdersResult result;

	if (recipient->text != NULL)
		return recipient->text;
	if (measure->placeholders == NULL)
		return measure->message;
	result = placeholders_fill(measure->placeholders, recipient->attributes,
							   recipient->attributes == NULL ? 0 : strlen(recipient->attributes),
							   measure->text);
	measure->present |= measure->text->present;
	measure->filled++;
	if (result == PLACEHOLDERS_FILLED)
		return measure->text->bytes;
	measure->problems++;
	if (measure->problems <= PROBLEMS_SHOWN)
		put_recipient(&measure->shown_problems, recipient, "problem",
					  filling_problem(measure->placeholders, result, measure->text));
	return NULL;
}

void measure_add(Measure *measure, const MeasureRecipient *recipient)
{
	const char *text = text_of(measure, recipient);

	if (text == NULL)
		return;
	if (totals_add(&measure->totals, text, 1))
	{
		measure->totals.longest_class = recipient->class;
		measure->totals.longest_seq = recipient->seq;
	}
	if (measure->samples_left > 0)
	{
		measure->samples_left--;
		put_recipient(&measure->samples, recipient, "text",
					  pg_any_to_server(text, (int) strlen(text), PG_UTF8));
	}
}

void measure_add_same(Measure *measure, int64 recipients)
{
	if (recipients > 0)
		(void) totals_add(&measure->totals, measure->message, recipients);
}

/* The names of the placeholders that nobody's attributes have. */
static void put_absent(const Measure *measure, StringInfo json)
{
	bool first = true;

	appendStringInfoChar(json, '[');
	for (int i = 0; measure->placeholders != NULL && i < measure->placeholders->count; i++)
	{
		const PlaceholdersBytes *name = &measure->placeholders->parts[i].name;

		if (measure->filled == 0 || (measure->present & (UINT64CONST(1) << i)) != 0)
			continue;
		if (!first)
			appendStringInfoChar(json, ',');
		first = false;
		escape_json(json, pg_any_to_server(pnstrdup(name->bytes, name->length), (int) name->length,
										   PG_UTF8));
	}
	appendStringInfoChar(json, ']');
}

void measure_put(const Measure *measure, StringInfo json)
{
	appendStringInfoString(json, "\"segments\":");
	totals_put(&measure->totals, json);
	appendStringInfo(json, ",\"problem_count\":" INT64_FORMAT, measure->problems);
	appendStringInfo(json, ",\"problems\":[%s],\"absent\":", measure->shown_problems.data);
	put_absent(measure, json);
}

const char *measure_samples(const Measure *measure)
{
	return measure->samples.data;
}

bool measure_is_filling(const Measure *measure)
{
	return measure->placeholders != NULL;
}

Measure *measure_open(const char *message, bool has_placeholders, int samples)
{
	Measure *measure = palloc0(sizeof(Measure));

	measure->message = message;
	measure->samples_left = samples;
	measure->text = palloc(sizeof(PlaceholdersText));
	initStringInfo(&measure->shown_problems);
	initStringInfo(&measure->samples);
	if (has_placeholders)
		measure->placeholders = filling_open(CurrentMemoryContext, message);
	return measure;
}
