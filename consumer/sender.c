/*
 * sender.c - a sending lane's statements to PostgreSQL; see sender.h.
 */
#include "sender.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/log.h"

static const PgStatement BEGIN = {"sender_begin",
								  "SELECT campaign.sender_begin($1::text, $2::text, $3::text, "
								  "$4::jsonb, $5::text, $6::text)",
								  6};
static const PgStatement HOLD = {"sender_hold",
								 "SELECT campaign_id, class, first_seq, last_seq FROM "
								 "campaign.sender_hold($1::text, $2::text[], $3::text[], "
								 "$4::int8[], $5::int8[])",
								 5};
static const PgStatement LIVING = {"sender_living", "SELECT campaign.sender_living($1::text[])", 1};
static const PgStatement AWAY = {"sender_away",
								 "SELECT campaign.sender_away($1::text, $2::int8, $3::bool)", 3};
static const PgStatement FATES = {
	"report_fates",
	"SELECT campaign_id, class, total, failed_count, left_out FROM campaign.report_fates("
	"$1::text[], $2::text[], $3::int8[], $4::int8[], $5::text[], $6::bool[], "
	"$7::text, $8::jsonb -> 'fates', $9::int8, $10::int8, $11::int8)",
	6 + REPORT_EXTRA_VALUES};

#define DIGITS 24

/* What it has done. */
typedef struct Counts
{
	int64_t processed;
	int64_t failed;
	int64_t sending_us;
} Counts;

struct Sender
{
	const Config *config;
	const char *queue;
	Report *report;
	ReportExtra extra;
	char id[CLAIM_SENDER_LENGTH + 1];
	char host[256];
	char instance[100];
	char settings[1024];
	char *fates;
	Counts before; /* since it registered, without what the next report is about */
	Counts now;
	char digits[3][DIGITS];
};

static void put_values(Sender *sender)
{
	const int64_t counts[] = {sender->before.processed + sender->now.processed,
							  sender->before.failed + sender->now.failed,
							  sender->before.sending_us + sender->now.sending_us};

	sender->extra.values[0] = sender->id;
	sender->extra.values[1] = sender->fates != NULL ? sender->fates : "{}";
	for (int i = 0; i < 3; i++)
	{
		snprintf(sender->digits[i], DIGITS, "%" PRId64, counts[i]);
		sender->extra.values[2 + i] = sender->digits[i];
	}
}

/* A new session is a new sender: nobody knows what the old one left. */
static bool opened(PgConnection *postgres, void *argument, Error *error)
{
	Sender *sender = argument;
	const Config *config = sender->config;
	const char *values[] = {sender->instance,
							*config->sender_name != '\0' ? config->sender_name : sender->host,
							GATEWAY_NAMES[config->gateway],
							sender->settings,
							sender->host,
							sender->queue};
	PGresult *result;

	if (postgres->pooled)
		return error_set(error, ERROR_REFUSED,
						 "a sender needs a session of its own, and DATABASE_URL goes through a "
						 "pooler in transaction mode");
	/* Others wait for its end, and what it has claimed is in doubt then. */
	if (!pgconn_keep_session(postgres, error) || !pgconn_prepare(postgres, &BEGIN, error) ||
		!pgconn_prepare(postgres, &HOLD, error) || !pgconn_prepare(postgres, &LIVING, error) ||
		!pgconn_prepare(postgres, &AWAY, error) || !pgconn_send(postgres, &BEGIN, values, error))
		return false;
	result = pgconn_result(postgres, BEGIN.name, error);
	if (result == NULL)
		return false;
	snprintf(sender->id, sizeof(sender->id), "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	sender->before = (Counts){0};
	put_values(sender);
	log_line(LOG_DEBUG, "registered as a sender", {"queue", sender->queue, 0},
			 {"sender", sender->id, 0});
	return true;
}

static void describe(Sender *sender)
{
	const Config *config = sender->config;
	const Gateway *gateway = gateway_at(config->gateway);
	char own[768] = "";

	if (gateway->describe != NULL)
		gateway->describe(&config->gateways, own, sizeof(own));
	snprintf(sender->settings, sizeof(sender->settings),
			 "{\"in_flight\": %d, \"in_doubt\": \"%s\"%s%s}", config->gateways.in_flight,
			 config->in_doubt == IN_DOUBT_HOLD ? "hold" : "resend", *own != '\0' ? ", " : "", own);
	if (gethostname(sender->host, sizeof(sender->host) - 1) != 0)
		snprintf(sender->host, sizeof(sender->host), "unknown");
	/* Of one process, whatever its lanes are: a later one may have its number. */
	snprintf(sender->instance, sizeof(sender->instance), "%.60s:%d:%" PRId64, sender->host,
			 (int) getpid(), config->started_ms);
}

Sender *sender_new(const Config *config, const char *queue, Report *report)
{
	Sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		return NULL;
	sender->config = config;
	sender->queue = queue;
	sender->report = report;
	describe(sender);
	sender->extra =
		(ReportExtra){.opened = opened, .argument = sender, .statement = FATES, .values = {""}};
	put_values(sender);
	report_extend(report, &sender->extra);
	return sender;
}

void sender_free(Sender *sender)
{
	if (sender == NULL)
		return;
	free(sender->fates);
	free(sender);
}

const char *sender_id(const Sender *sender)
{
	return sender->id;
}

/* The four arrays of a chunk's ranges, for sender_hold(). False: no memory. */
static bool put_ranges(const Chunk *chunk, char *texts[4])
{
	FILE *streams[4] = {NULL};
	size_t sizes[4];
	bool done = true;

	for (int i = 0; i < 4; i++)
		done &= (streams[i] = open_memstream(&texts[i], &sizes[i])) != NULL;
	for (int i = 0; done && i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];
		const char *before = i == 0 ? "{" : ",";

		/* Ids and class names need no quotes: [A-Za-z0-9] only, checked by decode.c. */
		fprintf(streams[0], "%s%s", before, range->campaign_id);
		fprintf(streams[1], "%s%s", before, message_class_name(range->class));
		fprintf(streams[2], "%s%" PRId64, before, range->first_seq);
		fprintf(streams[3], "%s%" PRId64, before, range->last_seq);
	}
	for (int i = 0; i < 4; i++)
	{
		if (streams[i] == NULL)
			continue;
		fputs(chunk->ranges.count > 0 ? "}" : "{}", streams[i]);
		done &= fclose(streams[i]) == 0;
	}
	return done;
}

static void mark_decided(const Chunk *chunk, const PGresult *result, int row, uint8_t *decided)
{
	int64_t first = strtoll(PQgetvalue(result, row, 2), NULL, 10);
	int64_t last = strtoll(PQgetvalue(result, row, 3), NULL, 10);

	for (int i = 0; i < chunk->ranges.count; i++)
	{
		const Range *range = &chunk->ranges.items[i];
		int64_t from = first > range->first_seq ? first : range->first_seq;
		int64_t to = last < range->last_seq ? last : range->last_seq;

		if (from > to || strcmp(range->campaign_id, PQgetvalue(result, row, 0)) != 0 ||
			strcmp(message_class_name(range->class), PQgetvalue(result, row, 1)) != 0)
			continue;
		memset(decided + range->first_document + (from - range->first_seq), 1,
			   (size_t) (to - from + 1));
	}
}

bool sender_hold(Sender *sender, const Chunk *chunk, uint8_t *decided, Error *error)
{
	char *texts[4] = {NULL};
	PGresult *result = NULL;

	memset(decided, 0, (size_t) chunk->count);
	if (!put_ranges(chunk, texts))
		error_set(error, ERROR_MEMORY, "out of memory");
	else
	{
		/* The first use opens the session: only then is there an id. */
		const char *values[] = {sender->id, texts[0], texts[1], texts[2], texts[3]};

		result = report_query(sender->report, &HOLD, values, error);
	}
	for (int row = 0; result != NULL && row < PQntuples(result); row++)
		mark_decided(chunk, result, row, decided);
	for (int i = 0; i < 4; i++)
		free(texts[i]);
	PQclear(result);
	return result != NULL;
}

bool sender_living(Sender *sender, const char (*ids)[CLAIM_SENDER_LENGTH + 1], int count,
				   bool *living, Error *error)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);
	PGresult *result = NULL;

	if (stream == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	for (int i = 0; i < count; i++)
		fprintf(stream, "%s%s", i == 0 ? "{" : ",", ids[i]);
	fputs(count > 0 ? "}" : "{}", stream);
	if (fclose(stream) != 0)
		error_set(error, ERROR_MEMORY, "out of memory");
	else
	{
		const char *values[] = {text};

		result = report_query(sender->report, &LIVING, values, error);
	}
	for (int i = 0; i < count; i++)
		living[i] = false;
	for (int row = 0; result != NULL && row < PQntuples(result); row++)
	{
		for (int i = 0; i < count; i++)
			living[i] |= strcmp(ids[i], PQgetvalue(result, row, 0)) == 0;
	}
	free(text);
	PQclear(result);
	return result != NULL;
}

bool sender_away(Sender *sender, int64_t away_ms, bool holds, Error *error)
{
	char digits[DIGITS];
	const char *values[] = {sender->id, away_ms < 0 ? NULL : digits, holds ? "t" : "f"};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, away_ms);
	result = report_query(sender->report, &AWAY, values, error);
	PQclear(result);
	return result != NULL;
}

bool sender_fates(Sender *sender, const char *fates, int64_t processed, int64_t failed,
				  int64_t sending_us)
{
	char *copy = strdup(fates);

	if (copy == NULL)
		return false;
	free(sender->fates);
	sender->fates = copy;
	sender->before.processed += sender->now.processed;
	sender->before.failed += sender->now.failed;
	sender->before.sending_us += sender->now.sending_us;
	sender->now = (Counts){processed, failed, sending_us};
	put_values(sender);
	return true;
}

bool sender_simplify_fates(Sender *sender)
{
	const char *from = sender->fates != NULL ? sender->fates : "";
	char *to = sender->fates;
	bool changed = false;

	/* JSON's own characters are ASCII. */
	for (; *from != '\0'; from++)
	{
		bool ascii = (unsigned char) *from < 0x80;

		changed |= !ascii;
		/* One for each character: its first byte is not 10xxxxxx. */
		if (ascii || (*from & 0xC0) != 0x80)
			*to++ = (char) (ascii ? *from : '?');
	}
	if (to != NULL)
		*to = '\0';
	return changed;
}
