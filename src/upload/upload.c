/*
 * upload.c - campaign.recipients_import(): a numbers file becomes rows.
 *
 * The file is parsed by numbers.c, repeated numbers are dropped with a hash
 * set, and what remains goes to COPY in its binary format, through the same
 * callback that logical replication uses: COPY's speed without a copy of the
 * file. The caller (campaign_upload() in sql/21_recipients.sql) holds the
 * campaign's lock; nothing here looks at who may do what.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "commands/copy.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "contract/message.h"
#include "number_set.h"
#include "numbers.h"

#define UPLOAD_ERRORS_MAX	1000  /* reported one by one; all are counted */
#define UPLOAD_ERRORS_SHOWN 20	  /* in the detail of an error */
#define UPLOAD_BUFFER		65536 /* bytes made ready for COPY at a time */
#define UPLOAD_ROW_MAX		256	  /* bytes of one row in COPY's binary format */
#define UPLOAD_PRESENT_ROWS 10000
#define UPLOAD_LINE_TYPICAL 14 /* bytes of a line, to guess how many there are */

typedef struct Upload
{
	NumbersParser parser;
	Number number;
	bool skip_invalid;
	bool allow_duplicates;
	NumberSet phones; /* that the campaign has, unless duplicates are allowed */

	char prefix[UPLOAD_ROW_MAX]; /* of every row: field count, campaign_id, class */
	int prefix_length;
	int64 next_seq;
	int64 accepted;
	int64 duplicates;
	int64 invalid;
	StringInfoData errors; /* JSON array elements */
	StringInfoData detail; /* for the error that refuses the file */
	char first_reason[NUMBERS_REASON_SIZE + 32];

	char *buffer; /* what COPY has not taken yet */
	int buffer_start;
	int buffer_end;
	bool finished;
} Upload;

/* COPY's callback has no argument. */
static Upload *current_upload = NULL;

PG_FUNCTION_INFO_V1(campaign_recipients_import);

static int put_int16(char *out, int value)
{
	uint16 network = pg_hton16((uint16) value);

	memcpy(out, &network, sizeof(network));
	return sizeof(network);
}

static int put_int32(char *out, int32 value)
{
	uint32 network = pg_hton32((uint32) value);

	memcpy(out, &network, sizeof(network));
	return sizeof(network);
}

static int put_field(char *out, const char *data, int length)
{
	put_int32(out, length);
	memcpy(out + 4, data, length);
	return length + 4;
}

/* The header of COPY's binary format, from PostgreSQL's documentation of COPY. */
static int put_copy_header(char *out)
{
	static const char signature[11] = "PGCOPY\n\377\r\n";

	memcpy(out, signature, sizeof(signature));
	memset(out + sizeof(signature), 0, 8);
	return sizeof(signature) + 8;
}

static void put_row(Upload *upload)
{
	char *out = upload->buffer + upload->buffer_end;
	uint64 seq = pg_hton64((uint64) upload->next_seq);
	int length = upload->prefix_length;

	memcpy(out, upload->prefix, length);
	length += put_field(out + length, (const char *) &seq, sizeof(seq));
	length += put_field(out + length, upload->number.text, upload->number.text_length);
	upload->buffer_end += length;
	upload->next_seq++;
	upload->accepted++;
}

static void note_invalid(Upload *upload)
{
	const Number *number = &upload->number;

	upload->invalid++;
	if (upload->invalid == 1)
		snprintf(upload->first_reason, sizeof(upload->first_reason), "line " INT64_FORMAT ": %s",
				 number->line, number->reason);
	if (upload->invalid <= UPLOAD_ERRORS_SHOWN)
		appendStringInfo(&upload->detail, "%sline " INT64_FORMAT ": %s",
						 upload->invalid > 1 ? "\n" : "", number->line, number->reason);
	if (upload->invalid > UPLOAD_ERRORS_MAX)
		return;
	appendStringInfo(&upload->errors,
					 "%s{\"line\": " INT64_FORMAT ", \"reason\": ", upload->invalid > 1 ? ", " : "",
					 number->line);
	escape_json(&upload->errors, number->reason);
	appendStringInfoChar(&upload->errors, '}');
}

static bool is_duplicate(Upload *upload, uint64 digits)
{
	return !upload->allow_duplicates && !number_set_add(&upload->phones, digits);
}

/*
 * Makes the next rows. Once a line is invalid (and they are not skipped)
 * nothing will be stored: then it only goes on to count and to report.
 */
static void fill_buffer(Upload *upload)
{
	upload->buffer_start = upload->buffer_end = 0;
	while (!upload->finished && upload->buffer_end < UPLOAD_BUFFER)
	{
		switch (numbers_next(&upload->parser, &upload->number))
		{
			case NUMBERS_VALID:
				if (is_duplicate(upload, upload->number.digits))
					upload->duplicates++;
				else if (upload->skip_invalid || upload->invalid == 0)
					put_row(upload);
				break;
			case NUMBERS_INVALID:
				note_invalid(upload);
				break;
			case NUMBERS_END:
				upload->buffer_end += put_int16(upload->buffer + upload->buffer_end, -1);
				upload->finished = true;
				break;
		}
	}
	CHECK_FOR_INTERRUPTS();
}

static int copy_read(void *out, int minimum, int maximum)
{
	Upload *upload = current_upload;
	int copied = 0;

	while (copied < minimum)
	{
		int available = upload->buffer_end - upload->buffer_start;
		int length = Min(available, maximum - copied);

		if (available == 0)
		{
			if (upload->finished)
				break;
			fill_buffer(upload);
			continue;
		}
		memcpy((char *) out + copied, upload->buffer + upload->buffer_start, length);
		upload->buffer_start += length;
		copied += length;
	}
	return copied;
}

static void copy_into_recipients(Upload *upload)
{
	Relation relation = table_openrv(makeRangeVar("campaign", "recipients", -1), RowExclusiveLock);
	ParseState *pstate = make_parsestate(NULL);
	List *columns = list_make4(makeString("campaign_id"), makeString("class"), makeString("seq"),
							   makeString("phone_number"));
	List *options = list_make1(makeDefElem("format", (Node *) makeString("binary"), -1));
	CopyFromState copy;

	(void) addRangeTableEntryForRelation(pstate, relation, RowExclusiveLock, NULL, false, false);
	PG_TRY();
	{
		current_upload = upload;
		copy = BeginCopyFrom(pstate, relation, NULL, NULL, false, copy_read, columns, options);
		(void) CopyFrom(copy);
		EndCopyFrom(copy);
	}
	PG_FINALLY();
	{
		current_upload = NULL;
	}
	PG_END_TRY();
	table_close(relation, NoLock);
}

/* Numbers of earlier files of the same campaign count as duplicates too. */
static void load_present(Upload *upload, Datum campaign_id)
{
	Oid types[1] = {TEXTOID};
	Portal portal;

	SPI_connect();
	portal = SPI_cursor_open_with_args(NULL,
									   "SELECT phone_number FROM campaign.recipients "
									   "WHERE campaign_id OPERATOR(pg_catalog.=) $1",
									   1, types, &campaign_id, NULL, true, CURSOR_OPT_NO_SCROLL);
	do
	{
		SPI_cursor_fetch(portal, true, UPLOAD_PRESENT_ROWS);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			char *phone = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

			(void) number_set_add(&upload->phones, strtou64(phone + 1, NULL, 10));
			pfree(phone);
		}
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_finish();
}

static void refuse_invalid(const Upload *upload)
{
	if (upload->invalid > 0 && !upload->skip_invalid)
		ereport(
			ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("numbers file refused, nothing was stored: %s", upload->first_reason),
			 errdetail("%s%s", upload->detail.data,
					   upload->invalid > UPLOAD_ERRORS_SHOWN
						   ? psprintf("\nand " INT64_FORMAT " more invalid lines",
									  upload->invalid - UPLOAD_ERRORS_SHOWN)
						   : ""),
			 errhint("Correct these lines, or pass skip_invalid => true to send to the others.")));
	if (upload->accepted == 0 && upload->duplicates == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("numbers file holds no valid number: %s",
							   upload->invalid > 0 ? upload->first_reason : "it is empty")));
}

static Datum answer(const Upload *upload)
{
	char *json =
		psprintf("{\"accepted\": " INT64_FORMAT ", \"duplicates\": " INT64_FORMAT
				 ", \"invalid\": " INT64_FORMAT ", \"errors\": [%s]}",
				 upload->accepted, upload->duplicates, upload->invalid, upload->errors.data);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json));
}

Datum campaign_recipients_import(PG_FUNCTION_ARGS)
{
	Datum campaign_id = PG_GETARG_DATUM(0);
	char *id = TextDatumGetCString(campaign_id);
	char *class = DatumGetCString(DirectFunctionCall1(enum_out, PG_GETARG_DATUM(1)));
	bytea *numbers = PG_GETARG_BYTEA_PP(3);
	Upload *upload = palloc0(sizeof(Upload));

	if (strlen(id) > MESSAGE_ID_MAX)
		elog(ERROR, "campaign id \"%s\" is longer than %d characters", id, MESSAGE_ID_MAX);
	numbers_open(&upload->parser, VARDATA_ANY(numbers), VARSIZE_ANY_EXHDR(numbers));
	upload->next_seq = PG_GETARG_INT64(2);
	upload->skip_invalid = PG_GETARG_BOOL(4);
	upload->buffer = palloc(UPLOAD_BUFFER + UPLOAD_ROW_MAX);
	upload->buffer_end = put_copy_header(upload->buffer);
	upload->prefix_length = put_int16(upload->prefix, 4);
	upload->prefix_length += put_field(upload->prefix + upload->prefix_length, id, strlen(id));
	upload->prefix_length +=
		put_field(upload->prefix + upload->prefix_length, class, strlen(class));
	initStringInfo(&upload->errors);
	initStringInfo(&upload->detail);
	upload->allow_duplicates = PG_GETARG_BOOL(5);
	if (!upload->allow_duplicates)
	{
		number_set_create(&upload->phones, VARSIZE_ANY_EXHDR(numbers) / UPLOAD_LINE_TYPICAL);
		load_present(upload, campaign_id);
	}

	copy_into_recipients(upload);
	refuse_invalid(upload);
	if (upload->next_seq - 1 > MESSAGE_SEQ_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a campaign has at most " INT64_FORMAT " recipients", MESSAGE_SEQ_MAX)));
	PG_RETURN_DATUM(answer(upload));
}
