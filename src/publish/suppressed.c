/*
 * suppressed.c - the look at the suppression lists; see suppressed.h.
 *
 * Must never remember from one batch to the next that somebody is on no list, without asking what
 * was put on one since: an opt-out that is committed before a recipient is published stops it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "listed.h"
#include "program/sometimes.h"
#include "session.h"
#include "suppressed.h"

static SessionQuery unlisted_query =
	SESSION_QUERY("SELECT campaign.outbox_unlisted($1, $2)", TEXTOID, TEXTOID);
static SessionQuery opt_outs_query =
	SESSION_QUERY("SELECT left_out, numbers, horizon "
				  "FROM campaign.outbox_opt_outs($1, $2, $3, $4, $5)",
				  TEXTOID, TEXTOID, INT8OID, INT8OID, PG_SNAPSHOTOID);
static SessionQuery suppressed_query =
	SESSION_QUERY("SELECT campaign.outbox_suppressed($1, $2)", TEXTOID, INT8ARRAYOID);

/* Recipients of a batch, and those that may be on a list. */
typedef struct Look
{
	const char *campaign_id;
	MessageClass class;
	int64 first_seq;
	OutboxRecipient *recipients;
	int count;
	bool filtered; /* the filter knows all lists as they are now */
	int *places;   /* of those that it does not rule out */
	Datum *numbers;
	int possible;
} Look;

/* The digits behind the '+'. */
static int64 digits_of(const OutboxRecipient *recipient)
{
	int64 digits = 0;

	for (int i = 1; i < recipient->length; i++)
		digits = digits * 10 + (recipient->text[i] - '0');
	return digits;
}

static int take_items(Datum array, Datum **items)
{
	int count;

	deconstruct_array(DatumGetArrayTypeP(array), INT8OID, sizeof(int64), FLOAT8PASSBYVAL,
					  TYPALIGN_DOUBLE, items, NULL, &count);
	return count;
}

/* Most have no list: then one small question is all that a turn costs. */
static bool unlisted(const Look *look)
{
	session_execute(&unlisted_query,
					(Datum[]){CStringGetTextDatum(look->campaign_id),
							  CStringGetTextDatum(message_class_name(look->class))},
					NULL);
	return DatumGetBool(session_column(0, 1));
}

/* What was left out before, and what the filter does not know yet. */
static void catch_up(Look *look, Datum since)
{
	Datum numbers;
	Datum *seqs;
	int count;
	bool unknown;

	session_execute(&opt_outs_query,
					(Datum[]){CStringGetTextDatum(look->campaign_id),
							  CStringGetTextDatum(message_class_name(look->class)),
							  Int64GetDatum(look->first_seq),
							  Int64GetDatum(look->first_seq + look->count - 1), since},
					look->filtered ? NULL : "    n");
	count = take_items(session_column(0, 1), &seqs);
	for (int i = 0; i < count; i++)
		look->recipients[DatumGetInt64(seqs[i]) - look->first_seq].suppressed = true;
	numbers = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &unknown);
	if (!look->filtered)
		return;
	if (unknown)
	{
		SOMETIMES("worker.many_opt_outs");
		listed_forget();
		look->filtered = false;
		return;
	}
	listed_add(numbers, session_column(0, 3));
}

static void choose_possible(Look *look)
{
	look->places = palloc(look->count * sizeof(int));
	look->numbers = palloc(look->count * sizeof(Datum));
	for (int i = 0; i < look->count; i++)
	{
		int64 digits = digits_of(&look->recipients[i]);

		if (look->recipients[i].suppressed || (look->filtered && !listed_possible(digits)))
			continue;
		look->places[look->possible] = i;
		look->numbers[look->possible++] = Int64GetDatum(digits);
	}
}

static void look_up(Look *look)
{
	ArrayType *numbers;
	Datum *found;
	int count;

	if (look->possible == 0)
		return;
	numbers = construct_array(look->numbers, look->possible, INT8OID, sizeof(int64),
							  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	session_execute(&suppressed_query,
					(Datum[]){CStringGetTextDatum(look->campaign_id), PointerGetDatum(numbers)},
					NULL);
	count = take_items(session_column(0, 1), &found);
	for (int i = 0; i < count; i++)
		look->recipients[look->places[DatumGetInt64(found[i]) - 1]].suppressed = true;
}

void suppressed_look(const char *campaign_id, MessageClass class, int64 first_seq,
					 OutboxRecipient *recipients, int count)
{
	Look look = {.campaign_id = campaign_id,
				 .class = class,
				 .first_seq = first_seq,
				 .recipients = recipients,
				 .count = count};
	Datum since = (Datum) 0;

	if (count == 0)
		return;
	look.filtered = listed_ready(&since);
	if (!look.filtered && unlisted(&look))
		return;
	catch_up(&look, since);
	choose_possible(&look);
	look_up(&look);
	if (!look.filtered)
		listed_missed(count);
}
