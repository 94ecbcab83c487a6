/*
 * report.c - the lane's statements to PostgreSQL; see report.h.
 */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const PgStatement POSITION = {
	"report_position",
	"SELECT class, total, stored_through, failed, halted, valid_ms "
	"FROM campaign.report_open($1::text)",
	1};
static const PgStatement STOPPED = {
	"report_stopped",
	"SELECT campaign_id, halted, valid_ms, cancelled FROM campaign.report_stopped($1::text[])", 1};
/*
 * Parameters of a report: ids, classes, first and last seqs, the ids of what was looked at, and
 * which of the ranges were left out.
 */
#define ARRAYS 6

static const PgStatement STORED = {
	"report_checked",
	"SELECT campaign_id, class, total, failed, left_out FROM campaign.report_checked("
	"$1::text[], $2::text[], $3::int8[], $4::int8[], $5::text[], $6::bool[])",
	ARRAYS};
static const PgStatement GAP = {"report_gap",
								"SELECT campaign.report_gap($1::text, $2::text, $3::int8)", 3};
static const PgStatement CONFLICT = {
	"report_conflict", "SELECT campaign.report_conflict($1::text, $2::text, $3::int8, $4::text)",
	4};

/* One array parameter in PostgreSQL's text form. */
typedef struct Array
{
	char *text;
	size_t length;
} Array;

struct Report
{
	PgConnection postgres;
	bool pending;
	Array arrays[ARRAYS];
	const ReportExtra *extra; /* NULL: not a sender's */
	PGresult *position;		  /* the answer of report_position() */
	PGresult *stopped;		  /* the answer of report_stopped() */
	PGresult *unchecked;	  /* the answer in which classes to look at stand; NULL: none */
};

/* A report may wait two seconds for a client (lock_timeout); that is not silence. */
#define ANSWER_MIN_S 4

/* Bytes one range takes in the longest array: an id or a number, and a comma. */
#define ARRAY_ITEM_SIZE (MESSAGE_ID_MAX + 1)

PgConnection report_pgconn(const Config *config)
{
	return (PgConnection){.url = config->database_url,
						  .program = "campaign-consumer",
						  .role = "campaign_consumer",
						  .timeout_s = config->timeout_s,
						  .answer_timeout_s = config->hold_s};
}

Report *report_new(const Config *config, void (*tick)(void *), void *tick_argument)
{
	Report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->postgres = report_pgconn(config);
	if (report->postgres.answer_timeout_s < ANSWER_MIN_S)
		report->postgres.answer_timeout_s = ANSWER_MIN_S;
	report->postgres.tick = tick;
	report->postgres.tick_argument = tick_argument;
	for (int i = 0; i < ARRAYS; i++)
	{
		report->arrays[i].text = malloc((size_t) config->chunk_documents * ARRAY_ITEM_SIZE + 3);
		if (report->arrays[i].text == NULL)
		{
			report_free(report);
			return NULL;
		}
	}
	return report;
}

void report_free(Report *report)
{
	if (report == NULL)
		return;
	pgconn_close(&report->postgres);
	PQclear(report->position);
	PQclear(report->stopped);
	PQclear(report->unchecked);
	for (int i = 0; i < ARRAYS; i++)
		free(report->arrays[i].text);
	free(report);
}

/* What a sender needs besides. */
static bool extend(Report *report, Error *error)
{
	const ReportExtra *extra = report->extra;

	return extra == NULL || (pgconn_prepare(&report->postgres, &extra->statement, error) &&
							 extra->opened(&report->postgres, extra->argument, error));
}

void report_extend(Report *report, const ReportExtra *extra)
{
	report->extra = extra;
}

/* Connects if that is not done. */
static bool ready(Report *report, Error *error)
{
	PgConnection *postgres = &report->postgres;

	if (pgconn_is_open(postgres))
		return true;
	if (pgconn_open(postgres, error) && pgconn_prepare(postgres, &POSITION, error) &&
		pgconn_prepare(postgres, &STOPPED, error) && pgconn_prepare(postgres, &STORED, error) &&
		pgconn_prepare(postgres, &GAP, error) && pgconn_prepare(postgres, &CONFLICT, error) &&
		extend(report, error))
		return true;
	/* Half prepared is not ready: start over next time. */
	pgconn_close(postgres);
	return false;
}

PGresult *report_query(Report *report, const PgStatement *statement, const char *const *values,
					   Error *error)
{
	if (!ready(report, error) || !pgconn_send(&report->postgres, statement, values, error))
		return NULL;
	return pgconn_result(&report->postgres, statement->name, error);
}

bool report_prove(Report *report, Error *error)
{
	const char *nothing[ARRAYS] = {"{}", "{}", "{}", "{}", "{}", "{}"};
	const char *nobody[] = {""};
	PGresult *result;

	/* One query at a time: a report on its way is proof enough, or shows what is wrong. */
	if (report_is_pending(report))
		return true;
	/* A server that is read-only says so here. */
	result = report_query(report, &POSITION, nobody, error);
	PQclear(result);
	if (result == NULL)
		return false;
	result = report_query(report, &STORED, nothing, error);
	PQclear(result);
	return result != NULL;
}

static int64_t valid_ms(const PGresult *result, int row, int column)
{
	if (PQgetisnull(result, row, column))
		return REPORT_VALID;
	return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

bool report_position(Report *report, const char *campaign_id, ReportClass classes[MESSAGE_CLASSES],
					 Error *error)
{
	const char *values[] = {campaign_id};
	PGresult *result = report_query(report, &POSITION, values, error);

	if (result == NULL)
		return false;
	PQclear(report->position);
	report->position = result;
	memset(classes, 0, MESSAGE_CLASSES * sizeof(*classes));
	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *name = PQgetvalue(result, row, 0);
		MessageClass class;

		if (!message_class_parse(name, strlen(name), &class))
			continue;
		classes[class].known = true;
		classes[class].total = strtoll(PQgetvalue(result, row, 1), NULL, 10);
		classes[class].stored_through = strtoll(PQgetvalue(result, row, 2), NULL, 10);
		classes[class].failed = PQgetvalue(result, row, 3);
		classes[class].halted = *PQgetvalue(result, row, 4) == 't';
		classes[class].valid_ms = valid_ms(result, row, 5);
	}
	return true;
}

static void array_add_text(Array *array, const char *text)
{
	size_t length = strlen(text);

	/* Ids and class names need no quotes: [A-Za-z0-9] only, checked by decode.c. */
	memcpy(array->text + array->length, text, length);
	array->length += length;
	array->text[array->length++] = ',';
}

static void array_add_number(Array *array, int64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRId64, number);
	array_add_text(array, digits);
}

static void arrays_begin(Report *report)
{
	for (int i = 0; i < ARRAYS; i++)
	{
		report->arrays[i].text[0] = '{';
		report->arrays[i].length = 1;
	}
}

static const char *array_end(Array *array)
{
	/* The last comma becomes the closing brace. */
	memcpy(array->text + array->length - (array->length > 1), "}", 2);
	return array->text;
}

bool report_stopped_ask(Report *report, const RangeList *ranges, Error *error)
{
	const char *values[1];

	arrays_begin(report);
	for (int i = 0; i < ranges->count; i++)
	{
		if (i == 0 || strcmp(ranges->items[i].campaign_id, ranges->items[i - 1].campaign_id) != 0)
			array_add_text(&report->arrays[0], ranges->items[i].campaign_id);
	}
	values[0] = array_end(&report->arrays[0]);
	return ready(report, error) && pgconn_send(&report->postgres, &STOPPED, values, error);
}

bool report_stopped_is_answered(Report *report, int wait_ms)
{
	return pgconn_is_answered(&report->postgres, wait_ms);
}

bool report_stopped_take(Report *report, Error *error)
{
	PGresult *result = pgconn_result(&report->postgres, STOPPED.name, error);

	if (result == NULL)
		return false;
	PQclear(report->stopped);
	report->stopped = result;
	return true;
}

bool report_stopped(Report *report, const RangeList *ranges, Error *error)
{
	return report_stopped_ask(report, ranges, error) && report_stopped_take(report, error);
}

ReportStop report_stop_of(const Report *report, const char *campaign_id)
{
	const PGresult *result = report->stopped;

	for (int row = 0; row < PQntuples(result); row++)
	{
		if (strcmp(PQgetvalue(result, row, 0), campaign_id) == 0)
			return (ReportStop){.halted = *PQgetvalue(result, row, 1) == 't',
								.cancelled = *PQgetvalue(result, row, 3) == 't',
								.valid_ms = valid_ms(result, row, 2)};
	}
	return (ReportStop){.valid_ms = REPORT_VALID};
}

bool report_send(Report *report, const RangeList *ranges, const CampaignList *checked, Error *error)
{
	const char *values[ARRAYS + REPORT_EXTRA_VALUES];
	const PgStatement *statement = &STORED;

	PQclear(report->unchecked);
	report->unchecked = NULL;
	arrays_begin(report);
	for (int i = 0; i < ranges->count; i++)
	{
		const Range *range = &ranges->items[i];

		array_add_text(&report->arrays[0], range->campaign_id);
		array_add_text(&report->arrays[1], message_class_name(range->class));
		array_add_number(&report->arrays[2], range->first_seq);
		array_add_number(&report->arrays[3], range->last_seq);
		array_add_text(&report->arrays[5], range->suppressed ? "t" : "f");
	}
	for (int i = 0; i < checked->count; i++)
		array_add_text(&report->arrays[4], checked->ids[i]);
	for (int i = 0; i < ARRAYS; i++)
		values[i] = array_end(&report->arrays[i]);
	report->pending = false;
	if (!ready(report, error))
		return false;
	/* A new session has new ones. */
	if (report->extra != NULL)
	{
		statement = &report->extra->statement;
		memcpy(values + ARRAYS, report->extra->values, sizeof(report->extra->values));
	}
	report->pending = pgconn_send(&report->postgres, statement, values, error);
	return report->pending;
}

bool report_collect(Report *report, int64_t *completed, Error *error)
{
	PGresult *result = pgconn_result(&report->postgres, STORED.name, error);

	report->pending = false;
	if (result == NULL)
		return false;
	*completed = 0;
	for (int row = 0; row < PQntuples(result); row++)
		*completed += PQgetisnull(result, row, 1);
	if (*completed < PQntuples(result))
		report->unchecked = result;
	else
		PQclear(result);
	return true;
}

bool report_refused_data(const Report *report, const Error *error)
{
	return pgconn_refused_data(&report->postgres, error);
}

bool report_unchecked(const Report *report, int index, ReportUnchecked *unchecked)
{
	const PGresult *result = report->unchecked;

	for (int row = 0; row < PQntuples(result); row++)
	{
		const char *name = PQgetvalue(result, row, 1);

		if (PQgetisnull(result, row, 1) || index-- > 0)
			continue;
		unchecked->campaign_id = PQgetvalue(result, row, 0);
		unchecked->total = strtoll(PQgetvalue(result, row, 2), NULL, 10);
		unchecked->failed = strtoll(PQgetvalue(result, row, 3), NULL, 10);
		unchecked->left_out = strtoll(PQgetvalue(result, row, 4), NULL, 10);
		return message_class_parse(name, strlen(name), &unchecked->class);
	}
	return false;
}

void report_disconnect(Report *report)
{
	pgconn_close(&report->postgres);
	report->pending = false;
}

bool report_is_pending(const Report *report)
{
	return report->pending && report->postgres.connection != NULL;
}

bool report_gap(Report *report, const char *campaign_id, MessageClass class, int64_t next,
				Error *error)
{
	char digits[24];
	const char *values[] = {campaign_id, message_class_name(class), digits};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, next);
	result = report_query(report, &GAP, values, error);
	PQclear(result);
	return result != NULL;
}

bool report_conflict(Report *report, const char *campaign_id, MessageClass class, int64_t seq,
					 const char *reason, Error *error)
{
	char digits[24];
	const char *values[] = {campaign_id, message_class_name(class), digits, reason};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, seq);
	result = report_query(report, &CONFLICT, values, error);
	PQclear(result);
	return result != NULL;
}
