/*
 * import.c - a numbers file through one libpq connection, as campaign_upload()
 * or as COPY of the rows that it makes: product and ceiling of the import.
 *
 *     import upload|copy CAMPAIGN_ID COUNT      (DATABASE_URL)
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

#define LINE_MAX   96
#define COPY_PIECE 65536

typedef struct Text
{
	char *bytes;
	size_t length;
} Text;

/* A line of the numbers file is what is left of COPY's without the other columns. */
static Text make_text(const char *campaign_id, long count)
{
	Text text = {.bytes = malloc((size_t) count * LINE_MAX)};

	if (text.bytes == NULL)
		clock_fail("text", "out of memory");
	for (int64_t seq = 1; seq <= count; seq++)
	{
		char phone[SAMPLE_PHONE_SIZE];
		char *at = text.bytes + text.length;

		sample_phone(seq, phone);
		if (campaign_id == NULL)
			text.length += (size_t) snprintf(at, LINE_MAX, "%s\n", phone);
		else
			text.length += (size_t) snprintf(at, LINE_MAX, "%s\tNORMAL\t%" PRId64 "\t%s\n",
											 campaign_id, seq, phone);
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

static void copy(PGconn *connection, const Text *rows)
{
	check(connection,
		  PQexec(connection, "COPY campaign.recipients (campaign_id, class, seq, phone_number) "
							 "FROM STDIN"),
		  PGRES_COPY_IN);
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
	Text text;

	if (argc != 4 || getenv("DATABASE_URL") == NULL)
		clock_fail("usage", "import upload|copy CAMPAIGN_ID COUNT");
	copying = strcmp(argv[1], "copy") == 0;
	text = make_text(copying ? argv[2] : NULL, clock_argument(argv[3]));
	connection = PQconnectdb(getenv("DATABASE_URL"));
	if (PQstatus(connection) != CONNECTION_OK)
		clock_fail("connect", PQerrorMessage(connection));

	start = clock_seconds();
	if (copying)
		copy(connection, &text);
	else
		upload(connection, argv[2], &text);
	clock_print(clock_seconds() - start);

	PQfinish(connection);
	free(text.bytes);
	return 0;
}
