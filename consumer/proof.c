/*
 * proof.c - the statements of a proof; see proof.h.
 */
#include "proof.h"

#include <ctype.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program/pgconn.h"
#include "program/sometimes.h"
#include "report.h"

/* A window takes a fifth of a second; finding an identifier looks at all recipients. */
#define ANSWER_TIMEOUT_S 45

/* Parameters of a comparison that are arrays, and the most bytes that an element takes in one. */
#define ARRAYS		 7
#define ELEMENT_SIZE (2 * SHA256_DIGEST_LENGTH + 3)
#define ARRAY_SIZE	 (MERKLE_PIECE * ELEMENT_SIZE + 3)

/* Stands for a text that no message has. */
#define IMPOSSIBLE "-"

static const PgStatement BEGIN = {"proof_begin", "SELECT * FROM campaign.proof_begin($1::text)", 1};
static const PgStatement NEXT = {"proof_next", "SELECT * FROM campaign.proof_next($1::timestamptz)",
								 1};
static const PgStatement TIME = {
	"proof_time", "SELECT pg_catalog.clock_timestamp() - '1 minute'::pg_catalog.interval", 0};
static const PgStatement WINDOW = {"proof_window",
								   "SELECT campaign.proof_window($1::text, $2::int4)", 2};
static const PgStatement AGREE = {"proof_agree",
								  "SELECT campaign.proof_agree($1::text, $2::int4, $3::bytea)", 3};
static const PgStatement COMPARE = {
	"proof_compare",
	"SELECT campaign.proof_compare($1::text, $2::text, $3::int8, $4::int4[], $5::int8[], "
	"$6::text[], $7::text[], $8::text[], $9::text[], $10::text[])",
	3 + ARRAYS};
static const PgStatement GIVE_UP = {"proof_give_up", "SELECT campaign.proof_give_up($1::text)", 1};
static const PgStatement REPORT = {
	"proof_report",
	"SELECT r, r ->> 'ok' FROM campaign.proof_report($1::text, $2::text, $3::int8, $4::jsonb) AS r",
	4};

struct Proof
{
	PgConnection postgres;
	char checker[320];
	char *arrays[ARRAYS];
	size_t lengths[ARRAYS];
};

static void name_checker(Proof *proof)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	snprintf(proof->checker, sizeof(proof->checker), "%s/%ld", host, (long) getpid());
}

Proof *proof_new(const Config *config)
{
	Proof *proof = calloc(1, sizeof(*proof));

	if (proof == NULL)
		return NULL;
	proof->postgres = report_pgconn(config);
	proof->postgres.answer_timeout_s = ANSWER_TIMEOUT_S;
	name_checker(proof);
	for (int i = 0; i < ARRAYS; i++)
	{
		proof->arrays[i] = malloc(ARRAY_SIZE);
		if (proof->arrays[i] == NULL)
		{
			proof_free(proof);
			return NULL;
		}
	}
	return proof;
}

void proof_free(Proof *proof)
{
	if (proof == NULL)
		return;
	pgconn_close(&proof->postgres);
	for (int i = 0; i < ARRAYS; i++)
		free(proof->arrays[i]);
	free(proof);
}

static bool ready(Proof *proof, Error *error)
{
	static const PgStatement *const statements[] = {&BEGIN, &NEXT,	  &TIME,   &WINDOW,
													&AGREE, &COMPARE, &REPORT, &GIVE_UP};
	PgConnection *postgres = &proof->postgres;

	if (pgconn_is_open(postgres))
		return true;
	if (!pgconn_open(postgres, error))
		return false;
	for (size_t i = 0; i < sizeof(statements) / sizeof(*statements); i++)
	{
		if (pgconn_prepare(postgres, statements[i], error))
			continue;
		/* Half prepared is not ready: start over next time. */
		pgconn_close(postgres);
		return false;
	}
	return true;
}

static PGresult *query(Proof *proof, const PgStatement *statement, const char *const *values,
					   Error *error)
{
	if (!ready(proof, error) || !pgconn_send(&proof->postgres, statement, values, error))
		return NULL;
	return pgconn_result(&proof->postgres, statement->name, error);
}

static bool take_task(PGresult *result, ProofTask *task, bool *found)
{
	if (result == NULL)
		return false;
	*found = PQntuples(result) == 1;
	if (*found)
	{
		snprintf(task->campaign_id, sizeof(task->campaign_id), "%s", PQgetvalue(result, 0, 0));
		snprintf(task->asked_at, sizeof(task->asked_at), "%s", PQgetvalue(result, 0, 1));
		snprintf(task->attempt, sizeof(task->attempt), "%s", PQgetvalue(result, 0, 2));
	}
	PQclear(result);
	return true;
}

bool proof_begin(Proof *proof, const char *campaign_id, ProofTask *task, bool *found, Error *error)
{
	const char *values[] = {campaign_id};

	return take_task(query(proof, &BEGIN, values, error), task, found);
}

bool proof_next(Proof *proof, const char *sent_since, ProofTask *task, bool *found, Error *error)
{
	const char *values[] = {sent_since};

	return take_task(query(proof, &NEXT, values, error), task, found);
}

bool proof_server_time(Proof *proof, char time[48], Error *error)
{
	PGresult *result = query(proof, &TIME, NULL, error);

	if (result == NULL)
		return false;
	snprintf(time, 48, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}

bool proof_window_send(Proof *proof, const ProofTask *task, int number, Error *error)
{
	char digits[24];
	const char *values[] = {task->attempt, digits};

	snprintf(digits, sizeof(digits), "%d", number);
	return ready(proof, error) && pgconn_send(&proof->postgres, &WINDOW, values, error);
}

bool proof_window_collect(Proof *proof, int64_t *leaves, Error *error)
{
	PGresult *result = pgconn_result(&proof->postgres, WINDOW.name, error);

	if (result == NULL)
		return false;
	*leaves = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return true;
}

static void write_hex(char *at, const uint8_t *bytes, size_t count)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++)
	{
		*at++ = digits[bytes[i] >> 4];
		*at++ = digits[bytes[i] & 15];
	}
	*at = '\0';
}

bool proof_agree(Proof *proof, const ProofTask *task, int number, const MerkleHash *hashes,
				 int count, int *different, Error *error)
{
	char digits[24];
	char hex[2 + 2 * sizeof(MerkleHash) * PROOF_WINDOW_PIECES + 1] = "\\x";
	const char *values[] = {task->attempt, digits, hex};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%d", number);
	for (int i = 0; i < count; i++)
		write_hex(hex + 2 + 2 * sizeof(MerkleHash) * (size_t) i, hashes[i].bytes, MERKLE_HASH_SIZE);
	result = query(proof, &AGREE, values, error);
	if (result == NULL)
		return false;
	*different = PQgetisnull(result, 0, 0) ? -1 : atoi(PQgetvalue(result, 0, 0));
	PQclear(result);
	return *different <= count ||
		   error_set(error, ERROR_PROTOCOL, "%s: differs behind what was sent", AGREE.name);
}

void proof_documents_reset(Proof *proof)
{
	for (int i = 0; i < ARRAYS; i++)
	{
		memcpy(proof->arrays[i], "{", 2);
		proof->lengths[i] = 1;
	}
}

static void add_element(Proof *proof, int array, const char *bytes, size_t length)
{
	char *at = proof->arrays[array] + proof->lengths[array];

	memcpy(at, bytes, length);
	at[length] = ',';
	proof->lengths[array] += length + 1;
}

static void add_number(Proof *proof, int array, int64_t number)
{
	char digits[24];

	add_element(proof, array, digits,
				(size_t) snprintf(digits, sizeof(digits), "%" PRId64, number));
}

/* As it is, if an identifier or a number can look like that. */
static void add_plain(Proof *proof, int array, const LeafText *text)
{
	bool plain = text->length > 0 && text->length <= MESSAGE_ID_MAX;

	for (size_t i = 0; plain && i < text->length; i++)
		plain = isalnum((unsigned char) text->bytes[i]) || text->bytes[i] == '+';
	if (plain && !(text->length == 4 && strncasecmp(text->bytes, "null", 4) == 0))
		add_element(proof, array, text->bytes, text->length);
	else
		add_element(proof, array, IMPOSSIBLE, strlen(IMPOSSIBLE));
}

static void add_digest(Proof *proof, int array, const LeafText *text)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256((const unsigned char *) text->bytes, text->length, digest);
	write_hex(hex, digest, SHA256_DIGEST_LENGTH);
	add_element(proof, array, hex, 2 * SHA256_DIGEST_LENGTH);
}

void proof_documents_add(Proof *proof, const WalkDocument *document)
{
	const Leaf *leaf = &document->leaf;
	const char *wrong = document->wrong != NULL ? document->wrong : "NULL";

	add_number(proof, 0, document->place.class);
	add_number(proof, 1, document->place.seq);
	add_plain(proof, 2, &leaf->identifier);
	add_plain(proof, 3, &leaf->phone_number);
	add_digest(proof, 4, &leaf->message);
	if (leaf->attributes.bytes != NULL)
		add_digest(proof, 5, &leaf->attributes);
	else
		add_element(proof, 5, "NULL", 4);
	add_element(proof, 6, wrong, strlen(wrong));
}

bool proof_compare(Proof *proof, const ProofTask *task, const WalkPlace *after,
				   char difference[PROOF_ANSWER_SIZE], Error *error)
{
	char seq[24];
	const char *values[3 + ARRAYS] = {task->campaign_id,
									  message_class_name((MessageClass) after->class), seq};
	PGresult *result;

	snprintf(seq, sizeof(seq), "%" PRId64, after->seq);
	for (int i = 0; i < ARRAYS; i++)
	{
		/* The last comma becomes the closing brace. */
		memcpy(proof->arrays[i] + proof->lengths[i] - (proof->lengths[i] > 1), "}", 2);
		values[3 + i] = proof->arrays[i];
	}
	result = query(proof, &COMPARE, values, error);
	if (result == NULL)
		return false;
	snprintf(difference, PROOF_ANSWER_SIZE, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return true;
}

bool proof_report(Proof *proof, const ProofTask *task, int64_t size, const char *difference,
				  char answer[PROOF_ANSWER_SIZE], bool *ok, Error *error)
{
	char digits[24];
	const char *values[] = {task->attempt, proof->checker, digits, difference};
	PGresult *result;

	snprintf(digits, sizeof(digits), "%" PRId64, size);
	result = query(proof, &REPORT, values, error);
	if (result == NULL)
		return false;
	snprintf(answer, PROOF_ANSWER_SIZE, "%s", PQgetvalue(result, 0, 0));
	*ok = strcmp(PQgetvalue(result, 0, 1), "true") == 0;
	PQclear(result);
	return true;
}

void proof_give_up(Proof *proof, const ProofTask *task)
{
	const char *values[] = {task->attempt};
	Error error;

	SOMETIMES("consumer.proof_given_up");
	/* A window may still be on its way. */
	pgconn_close(&proof->postgres);
	PQclear(query(proof, &GIVE_UP, values, &error));
}
