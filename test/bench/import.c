/*
 * import.c - a numbers file through one libpq connection, as campaign_upload()
 * or as COPY of the rows that it makes: product and ceiling of the import.
 *
 *     import upload|copy|table|table-copy CAMPAIGN_ID COUNT      (DATABASE_URL)
 *
 * table: a CSV with three attributes a row.
 *
 * The file, or COPY's text, is made before the clock starts. One statement,
 * committed by itself.
 *
 * links: libpq
 */
#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

#include "clock.h"
#include "sample.h"

#define LINE_MAX   192
#define COPY_PIECE 65536

typedef struct Text
{
	char *bytes;
	size_t length;
} Text;

static int put_line(char *at, const char *campaign_id, bool table, int64_t seq, const char *phone)
{
	int number = (int) (seq % 1000);

	if (campaign_id == NULL && table)
		return snprintf(at, LINE_MAX, "%s,Cliente %d,Porto Alegre,%d.90\n", phone, number, number);
	if (campaign_id == NULL)
		return snprintf(at, LINE_MAX, "%s\n", phone);
	if (table)
		return snprintf(at, LINE_MAX,
						"%s\tNORMAL\t%" PRId64 "\t%s\t{\"nome\":\"Cliente %d\",\"cidade\":"
						"\"Porto Alegre\",\"valor\":\"%d.90\"}\n",
						campaign_id, seq, phone, number, number);
	return snprintf(at, LINE_MAX, "%s\tNORMAL\t%" PRId64 "\t%s\n", campaign_id, seq, phone);
}

/* A line of the numbers file is what is left of COPY's without the other columns. */
static Text make_text(const char *campaign_id, bool table, long count)
{
	Text text = {.bytes = malloc((size_t) (count + 1) * LINE_MAX)};

	if (text.bytes == NULL)
		clock_fail("text", "out of memory");
	if (campaign_id == NULL && table)
		text.length = (size_t) snprintf(text.bytes, LINE_MAX, "telefone,nome,cidade,valor\n");
	for (int64_t seq = 1; seq <= count; seq++)
	{
		char phone[SAMPLE_PHONE_SIZE];

		sample_phone(seq, phone);
		text.length += (size_t) put_line(text.bytes + text.length, campaign_id, table, seq, phone);
	}
	return text;
}

static void check(PGconn *connection, PGresult *result, ExecStatusType wanted)
{
	if (PQresultStatus(result) != wanted)
		clock_fail("import", PQerrorMessage(connection));
	PQclear(result);
}

static void upload(PGconn *connection, const char *campaign_id, const Text *file)
{
	const char *values[2] = {campaign_id, file->bytes};
	int lengths[2] = {0, (int) file->length};
	int formats[2] = {0, 1};

	check(connection,
		  PQexecParams(connection, "SELECT campaign_upload($1::text, $2::bytea)", 2, NULL, values,
					   lengths, formats, 0),
		  PGRES_TUPLES_OK);
}

static void copy(PGconn *connection, bool table, const Text *rows)
{
	const char *statement = table ? "COPY campaign.recipients (campaign_id, class, seq, "
									"phone_number, attributes) FROM STDIN"
								  : "COPY campaign.recipients (campaign_id, class, seq, "
									"phone_number) FROM STDIN";

	check(connection, PQexec(connection, statement), PGRES_COPY_IN);
	for (size_t from = 0; from < rows->length; from += COPY_PIECE)
	{
		size_t left = rows->length - from;

		if (PQputCopyData(connection, rows->bytes + from,
						  (int) (left < COPY_PIECE ? left : COPY_PIECE)) != 1)
			clock_fail("copy", PQerrorMessage(connection));
	}
	if (PQputCopyEnd(connection, NULL) != 1)
		clock_fail("copy", PQerrorMessage(connection));
	check(connection, PQgetResult(connection), PGRES_COMMAND_OK);
}

int main(int argc, char **argv)
{
	PGconn *connection;
	double start;
	bool copying;
	bool table;
	Text text;

	if (argc != 4 || getenv("DATABASE_URL") == NULL)
		clock_fail("usage", "import upload|copy|table|table-copy CAMPAIGN_ID COUNT");
	copying = strstr(argv[1], "copy") != NULL;
	table = strncmp(argv[1], "table", 5) == 0;
	text = make_text(copying ? argv[2] : NULL, table, clock_argument(argv[3]));
	connection = PQconnectdb(getenv("DATABASE_URL"));
	if (PQstatus(connection) != CONNECTION_OK)
		clock_fail("connect", PQerrorMessage(connection));

	start = clock_seconds();
	if (copying)
		copy(connection, table, &text);
	else
		upload(connection, argv[2], &text);
	clock_print(clock_seconds() - start);

	PQfinish(connection);
	free(text.bytes);
	return 0;
}
