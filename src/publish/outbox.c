/*
 * outbox.c - the worker's view of the tables, through the functions of
 * sql/23_outbox.sql.
 *
 * Must never wait for anything but the database.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "outbox.h"
#include "program/sometimes.h"
#include "session.h"

static SessionQuery page_query =
	SESSION_QUERY("SELECT campaign.outbox_page($1, $2, $3)", TEXTOID, TEXTOID, INT4OID);
static SessionQuery active_query =
	SESSION_QUERY("SELECT campaign_id, class_number, ordered, blocked, total, published, "
				  "stored_through, rewinds, expired, rate_thousandths, last, canary_is_over "
				  "FROM campaign.outbox_active($1)",
				  TEXTARRAYOID);
static SessionQuery template_query =
	SESSION_QUERY("SELECT message, identifier_time, identifier_entropy, identifier_fingerprint, "
				  "message_version, attributes_outcome, placeholders "
				  "FROM campaign.outbox_template($1, $2)",
				  TEXTOID, TEXTOID);
static SessionQuery read_query =
	SESSION_QUERY("SELECT seq, phone_number, text IS NULL FROM campaign.recipients "
				  "WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "
				  "AND seq > $3 AND seq <= $4 ORDER BY seq",
				  TEXTOID, TEXTOID, INT8OID, INT8OID);
static SessionQuery read_own_query =
	SESSION_QUERY("SELECT seq, phone_number, text, "
				  "campaign.attributes_canonical(attributes OPERATOR(pg_catalog.||) $5::jsonb) "
				  "FROM campaign.recipients "
				  "WHERE campaign_id = $1 AND class = $2::campaign.recipient_class "
				  "AND seq > $3 AND seq <= $4 ORDER BY seq",
				  TEXTOID, TEXTOID, INT8OID, INT8OID, TEXTOID);
static SessionQuery mark_query = SESSION_QUERY("SELECT campaign.outbox_mark($1, $2, $3, $4)",
											   TEXTOID, TEXTOID, INT4OID, INT8OID);
static SessionQuery finish_query = SESSION_QUERY("SELECT campaign.outbox_finish($1)", TEXTARRAYOID);
static SessionQuery due_query = SESSION_QUERY("SELECT campaign.outbox_due()");
static SessionQuery canary_query = SESSION_QUERY("SELECT campaign.outbox_canary($1)", TEXTOID);
static SessionQuery trouble_query =
	SESSION_QUERY("SELECT campaign.outbox_trouble($1, $2)", TEXTOID, TEXTOID);
static SessionQuery tell_query =
	SESSION_QUERY("SELECT campaign.outbox_tell($1, $2)", TEXTARRAYOID, BOOLOID);
static SessionQuery rewind_query =
	SESSION_QUERY("SELECT campaign.outbox_rewind($1, $2)", TEXTOID, TEXTOID);

void outbox_prepare_session(void)
{
	/*
	 * A campaign of a million rows may have been imported a moment ago: the planner knows nothing
	 * of it, and a sequential scan or a sort for each batch would be the end of speed.
	 */
	session_set("enable_seqscan", "off");
	session_set("enable_bitmapscan", "off");
	session_set("enable_sort", "off");
	session_set("enable_hashjoin", "off");
	session_set("enable_mergejoin", "off");
	session_set("jit", "off");
	session_set("plan_cache_mode", "force_generic_plan");
	/* `published` may fall back after a crash: then it is published twice and stored once. */
	session_set("synchronous_commit", "off");
}

static void read_classes(Datum ids, MemoryContext caller, OutboxPage *page)
{
	session_execute(&active_query, &ids, NULL);
	page->count = (int) SPI_processed;
	page->classes = MemoryContextAllocZero(caller, Max(page->count, 1) * sizeof(OutboxClass));
	for (int i = 0; i < page->count; i++)
	{
		OutboxClass *class = &page->classes[i];

		session_column_text(i, 1, class->campaign_id, sizeof(class->campaign_id));
		class->class = (MessageClass) DatumGetInt32(session_column(i, 2));
		class->ordered = DatumGetBool(session_column(i, 3));
		class->blocked = DatumGetBool(session_column(i, 4));
		class->total = DatumGetInt64(session_column(i, 5));
		class->published = DatumGetInt64(session_column(i, 6));
		class->stored_through = DatumGetInt64(session_column(i, 7));
		class->rewinds = DatumGetInt32(session_column(i, 8));
		class->expired = DatumGetBool(session_column(i, 9));
		class->rate_thousandths = DatumGetInt64(session_column(i, 10));
		class->last = DatumGetInt64(session_column(i, 11));
		class->canary_is_over = DatumGetBool(session_column(i, 12));
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Where the next page begins. */
static void note_end(Datum ids, OutboxPage *page)
{
	Datum *items;
	int count;

	deconstruct_array(DatumGetArrayTypeP(ids), TEXTOID, -1, false, TYPALIGN_INT, &items, NULL,
					  &count);
	page->full = count == OUTBOX_PAGE;
	if (page->full)
		strlcpy(page->last, TextDatumGetCString(items[count - 1]), sizeof(page->last));
}

void outbox_page(OutboxPart part, const char *after, bool finish, OutboxPage *page)
{
	static const char *const names[] = {
		[OUTBOX_QUEUED] = "queued", [OUTBOX_OPEN] = "open", [OUTBOX_WAITING] = "waiting"};
	MemoryContext caller = CurrentMemoryContext;
	Datum ids;

	session_begin();
	session_execute(&page_query,
					(Datum[]){CStringGetTextDatum(names[part]), CStringGetTextDatum(after),
							  Int32GetDatum(OUTBOX_PAGE)},
					*after == '\0' ? " n " : NULL);
	ids = session_column(0, 1);
	note_end(ids, page);
	if (finish)
	{
		session_execute(&finish_query, &ids, NULL);
		SOMETIMES_IF(DatumGetInt32(session_column(0, 1)) > 0, "worker.finished_later");
	}
	read_classes(ids, caller, page);
	session_finish();
}

static Datum id_array(const char *const *campaign_ids, int count)
{
	Datum *ids = palloc(count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		ids[i] = CStringGetTextDatum(campaign_ids[i]);
	return PointerGetDatum(construct_array(ids, count, TEXTOID, -1, false, TYPALIGN_INT));
}

void outbox_find(const char *const *campaign_ids, int count, OutboxPage *page)
{
	MemoryContext caller = CurrentMemoryContext;

	page->full = false;
	session_begin();
	read_classes(id_array(campaign_ids, count), caller, page);
	session_finish();
}

bool outbox_template(const char *campaign_id, MessageClass class, OutboxTemplate *template)
{
	MemoryContext caller = CurrentMemoryContext;
	bool found;

	session_begin();
	session_execute(
		&template_query,
		(Datum[]){CStringGetTextDatum(campaign_id), CStringGetTextDatum(message_class_name(class))},
		NULL);
	found = SPI_processed == 1;
	if (found)
	{
		char *message = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
		char *outcome = TextDatumGetCString(session_column(0, 6));

		template->message =
			MemoryContextStrdup(caller, pg_server_to_any(message, strlen(message), PG_UTF8));
		template->version = DatumGetInt32(session_column(0, 5));
		template->outcome = MemoryContextStrdup(caller, outcome);
		template->placeholders = DatumGetBool(session_column(0, 7));
		template->identifier_time = DatumGetInt64(session_column(0, 2));
		session_column_text(0, 3, template->identifier_entropy,
							sizeof(template->identifier_entropy));
		session_column_text(0, 4, template->identifier_fingerprint,
							sizeof(template->identifier_fingerprint));
	}
	session_finish();
	return found;
}

/* The number of the recipient in a row of the result; false if the row is not that of `seq`. */
static bool take_recipient(int row, int64 seq, OutboxRecipient *recipient)
{
	text *phone;

	if (DatumGetInt64(session_column(row, 1)) != seq)
		return false;
	phone = DatumGetTextPP(session_column(row, 2));
	recipient->length = VARSIZE_ANY_EXHDR(phone);
	if (recipient->length > MESSAGE_PHONE_MAX)
		elog(ERROR, "phone number of %d characters", recipient->length);
	memcpy(recipient->text, VARDATA_ANY(phone), recipient->length);
	recipient->text[recipient->length] = '\0';
	recipient->suppressed = false;
	return true;
}

/* Whoever wrote it has not said so: the recipient must not get the campaign's text instead. */
static void refuse_own_text(MessageClass class, int64 seq)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("%s recipient " INT64_FORMAT " has a text of its own, and message_version is 1",
					message_class_name(class), seq)));
}

int outbox_read(const char *campaign_id, MessageClass class, int64 seq, int limit,
				OutboxRecipient *recipients)
{
	int count = 0;
	int rows;

	session_execute(&read_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)), Int64GetDatum(seq),
							  Int64GetDatum(seq + limit)},
					NULL);
	rows = (int) Min(SPI_processed, limit);
	while (count < rows && take_recipient(count, seq + 1 + count, &recipients[count]))
	{
		if (!DatumGetBool(session_column(count, 3)))
			refuse_own_text(class, seq + 1 + count);
		count++;
	}
	return count;
}

/* A column of text as UTF-8, which a message has; NULL if it is. */
static const char *utf8_column(int row, int number)
{
	bool is_null;
	Datum value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);
	char *bytes;

	if (is_null)
		return NULL;
	bytes = TextDatumGetCString(value);
	return pg_server_to_any(bytes, strlen(bytes), PG_UTF8);
}

/* What the recipient in a row of the result brings, into `memory`. */
static MessageOwn take_own(int row, const Placeholders *placeholders, MemoryContext memory)
{
	static PlaceholdersText filled;
	const char *text = utf8_column(row, 3);
	const char *attributes = utf8_column(row, 4);
	MessageOwn own = {.text = NULL};

	if (text == NULL && placeholders != NULL)
	{
		filling_fill(placeholders, attributes, &filled);
		text = filled.bytes;
	}
	if (text != NULL)
	{
		size_t length = strlen(text);
		size_t capacity = 6 * length + 2; /* \u00XX for each byte, quotes */
		char *escaped = MemoryContextAlloc(memory, capacity);

		own.text = escaped;
		own.text_length = message_escape(text, length, escaped, capacity);
	}
	if (attributes != NULL)
	{
		own.attributes = MemoryContextStrdup(memory, attributes);
		own.attributes_length = strlen(attributes);
	}
	return own;
}

int outbox_read_own(const char *campaign_id, MessageClass class, int64 seq, int limit,
					const char *outcome, const Placeholders *placeholders, MemoryContext memory,
					OutboxRecipient *recipients, MessageOwn *owns)
{
	size_t bytes = 0;
	int count = 0;
	int rows;

	session_execute(&read_own_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)), Int64GetDatum(seq),
							  Int64GetDatum(seq + limit), CStringGetTextDatum(outcome)},
					NULL);
	rows = (int) Min(SPI_processed, limit);
	while (count < rows && bytes < OUTBOX_BYTES_MAX &&
		   take_recipient(count, seq + 1 + count, &recipients[count]))
	{
		owns[count] = take_own(count, placeholders, memory);
		bytes += owns[count].text_length + owns[count].attributes_length;
		count++;
	}
	return count;
}

bool outbox_mark(const char *campaign_id, MessageClass class, int32 rewinds, int64 published)
{
	bool done;

	session_begin();
	session_execute(&mark_query,
					(Datum[]){CStringGetTextDatum(campaign_id),
							  CStringGetTextDatum(message_class_name(class)),
							  Int32GetDatum(rewinds), Int64GetDatum(published)},
					NULL);
	done = DatumGetBool(session_column(0, 1));
	session_finish();
	return done;
}

int64 outbox_due(void)
{
	bool is_null;
	Datum seconds;
	double wait_ms;

	session_begin();
	session_execute(&due_query, NULL, NULL);
	seconds = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	wait_ms = is_null ? OUTBOX_DUE_MAX_MS : DatumGetFloat8(seconds) * 1000;
	session_finish();
	return (int64) Max(OUTBOX_DUE_MIN_MS, Min(wait_ms, OUTBOX_DUE_MAX_MS));
}

bool outbox_canary(const char *campaign_id)
{
	bool judged;

	session_begin();
	session_execute(&canary_query, (Datum[]){CStringGetTextDatum(campaign_id)}, NULL);
	judged = DatumGetBool(session_column(0, 1));
	session_finish();
	return judged;
}

void outbox_trouble(const char *subject, const char *sentence)
{
	char nulls[] = {subject == NULL ? 'n' : ' ', sentence == NULL ? 'n' : ' ', '\0'};
	Datum values[] = {(Datum) 0, (Datum) 0};

	session_begin();
	if (subject != NULL)
		values[0] = CStringGetTextDatum(subject);
	if (sentence != NULL)
		values[1] = CStringGetTextDatum(sentence);
	session_execute(&trouble_query, values, nulls);
	session_finish();
}

int64 outbox_rewind(const char *campaign_id, MessageClass class)
{
	int64 restart;
	bool is_null;

	session_begin();
	session_execute(
		&rewind_query,
		(Datum[]){CStringGetTextDatum(campaign_id), CStringGetTextDatum(message_class_name(class))},
		NULL);
	restart =
		DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	session_finish();
	return is_null ? -1 : restart;
}

void outbox_tell(const char *const *campaign_ids, int count, bool missed)
{
	session_begin();
	session_execute(&tell_query, (Datum[]){id_array(campaign_ids, count), BoolGetDatum(missed)},
					NULL);
	session_finish();
}
