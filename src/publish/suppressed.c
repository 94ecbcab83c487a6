/*
 * suppressed.c - the look at the suppression lists; see suppressed.h.
 *
 * Must never remember from one batch to the next that somebody is on no list: an opt-out
 * that is committed before a recipient is published stops it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "program/sometimes.h"
#include "session.h"
#include "suppressed.h"

static SessionQuery suppressed_query = SESSION_QUERY(
	"SELECT campaign.outbox_suppressed($1, $2, $3, $4)", TEXTOID, TEXTOID, INT8OID, INT8ARRAYOID);

/* The digits behind the '+'. */
static int64 digits_of(const OutboxRecipient *recipient)
{
	int64 digits = 0;

	for (int i = 1; i < recipient->length; i++)
		digits = digits * 10 + (recipient->text[i] - '0');
	return digits;
}

static Datum numbers_of(const OutboxRecipient *recipients, int count)
{
	Datum *items = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		items[i] = Int64GetDatum(digits_of(&recipients[i]));
	return PointerGetDatum(
		construct_array(items, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

void suppressed_look(const char *campaign_id, MessageClass class, int64 first_seq,
					 OutboxRecipient *recipients, int count)
{
	Datum *seqs;
	int found;

	if (count == 0)
		return;
	session_execute(&suppressed_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)),
							  Int64GetDatum(first_seq), numbers_of(recipients, count)},
					NULL);
	deconstruct_array(DatumGetArrayTypeP(session_column(0, 1)), INT8OID, sizeof(int64),
					  FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &seqs, NULL, &found);
	for (int i = 0; i < found; i++)
	{
		int64 place = DatumGetInt64(seqs[i]) - first_seq;

		if (place >= 0 && place < count)
			recipients[place].suppressed = true;
	}
}
