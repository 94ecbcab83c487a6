/*
 * tree.c - the tree that PostgreSQL expects of a campaign, as SQL functions of sql/27_proof.sql see
 * it: hashes of pieces, roots, paths, and the messages of a piece.
 *
 * Hashes stand one behind the other in a bytea. Memory does not grow with the campaign, and every
 * function can be cancelled.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "rows.h"

PG_FUNCTION_INFO_V1(campaign_proof_pieces);
PG_FUNCTION_INFO_V1(campaign_proof_messages);
PG_FUNCTION_INFO_V1(campaign_proof_find);
PG_FUNCTION_INFO_V1(campaign_proof_root);
PG_FUNCTION_INFO_V1(campaign_proof_path);

#define PIECES_MAX 4096

static MerkleHasher *hasher = NULL;

/* The backend's own, which outlives errors. */
static MerkleHasher *get_hasher(void)
{
	if (hasher == NULL)
		hasher = merkle_hasher_new();
	if (hasher == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("no memory for SHA-256")));
	return hasher;
}

static void hashed(bool done)
{
	if (!done)
		elog(ERROR, "SHA-256 failed");
}

/* Arguments `first` and the next: class and seq of the message before the first one. */
static RowsPosition position_argument(FunctionCallInfo fcinfo, int first)
{
	char *name = text_to_cstring(PG_GETARG_TEXT_PP(first));
	RowsPosition position = {.seq = PG_GETARG_INT64(first + 1)};

	if (!message_class_parse(name, strlen(name), &position.class))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("class must be VIP or NORMAL")));
	return position;
}

static void open_rows(Rows *rows, FunctionCallInfo fcinfo, RowsPosition after)
{
	char *campaign_id = text_to_cstring(PG_GETARG_TEXT_PP(0));

	if (!rows_open(rows, campaign_id, after))
		ereport(ERROR, (errcode(ERRCODE_NO_DATA_FOUND),
						errmsg("campaign \"%s\" does not exist", campaign_id)));
}

/* The hash of the next piece of at most MERKLE_PIECE messages; returns how many it has. */
static int hash_piece(Rows *rows, MerkleHash *hash)
{
	MerkleTree tree = {0};
	MerkleHash leaf_bytes;
	Leaf leaf;

	while (tree.size < MERKLE_PIECE && rows_next(rows, &leaf))
	{
		hashed(leaf_hash(hasher, &leaf, &leaf_bytes));
		hashed(merkle_add(&tree, hasher, &leaf_bytes));
	}
	hashed(merkle_root(&tree, hasher, hash));
	return (int) tree.size;
}

/*
 * campaign.proof_pieces(campaign_id, class, seq, pieces): (leaves, hashes, class, seq), the last
 * two of the last message.
 */
Datum campaign_proof_pieces(PG_FUNCTION_ARGS)
{
	int limit = Min(Max(PG_GETARG_INT32(3), 1), PIECES_MAX);
	bytea *hashes = palloc(VARHDRSZ + limit * sizeof(MerkleHash));
	MerkleHash *next = (MerkleHash *) VARDATA(hashes);
	int64 leaves = 0;
	int added;
	Rows rows;
	TupleDesc columns;
	Datum values[4];
	bool nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	get_hasher();
	SPI_connect();
	open_rows(&rows, fcinfo, position_argument(fcinfo, 1));
	for (int piece = 0; piece < limit && (added = hash_piece(&rows, next)) > 0; piece++, next++)
		leaves += added;
	SET_VARSIZE(hashes, (char *) next - (char *) hashes);
	values[0] = Int64GetDatum(leaves);
	values[1] = PointerGetDatum(hashes);
	values[3] = Int64GetDatum(rows.last.seq);
	rows_close(&rows);
	SPI_finish();
	values[2] = CStringGetTextDatum(message_class_name(rows.last.class));
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(columns, values, nulls)));
}

/* As text or bytea: both are these bytes. */
static Datum text_datum(const LeafText *part)
{
	return PointerGetDatum(cstring_to_text_with_len(part->bytes, (int) part->length));
}

/* campaign.proof_messages(campaign_id, class, seq): the messages of the piece behind that one. */
Datum campaign_proof_messages(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Rows rows;
	Leaf leaf;

	InitMaterializedSRF(fcinfo, 0);
	SPI_connect();
	open_rows(&rows, fcinfo, position_argument(fcinfo, 1));
	for (int i = 0; i < MERKLE_PIECE && rows_next(&rows, &leaf); i++)
	{
		Datum values[] = {Int32GetDatum(leaf.class),	Int64GetDatum(leaf.seq),
						  text_datum(&leaf.identifier), text_datum(&leaf.phone_number),
						  text_datum(&leaf.message),	text_datum(&leaf.attributes)};
		bool nulls[lengthof(values)] = {[5] = leaf.attributes.bytes == NULL};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	rows_close(&rows);
	SPI_finish();
	PG_RETURN_NULL();
}

/* campaign.proof_find(campaign_id, identifier): (class, seq) of a message, NULLs if it has none. */
Datum campaign_proof_find(PG_FUNCTION_ARGS)
{
	text *wanted = PG_GETARG_TEXT_PP(1);
	Datum values[2] = {0};
	bool nulls[2] = {true, true};
	TupleDesc columns;
	Rows rows;
	Leaf leaf;
	bool found = false;

	if (get_call_result_type(fcinfo, NULL, &columns) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	SPI_connect();
	open_rows(&rows, fcinfo, (RowsPosition){0});
	while (!found && VARSIZE_ANY_EXHDR(wanted) == CUID2_LENGTH_DEFAULT && rows_next(&rows, &leaf))
		found = memcmp(VARDATA_ANY(wanted), leaf.identifier.bytes, leaf.identifier.length) == 0;
	rows_close(&rows);
	SPI_finish();
	if (found)
	{
		values[0] = Int32GetDatum(leaf.class);
		values[1] = Int64GetDatum(leaf.seq);
		nulls[0] = nulls[1] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(columns, values, nulls)));
}

static const MerkleHash *hashes_argument(bytea *hashes, size_t *count)
{
	size_t size = VARSIZE_ANY_EXHDR(hashes);

	if (size % sizeof(MerkleHash) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a hash has %d bytes", MERKLE_HASH_SIZE)));
	*count = size / sizeof(MerkleHash);
	return (const MerkleHash *) VARDATA_ANY(hashes);
}

static bytea *bytes_of(const MerkleHash *hashes, int count)
{
	bytea *bytes = palloc(VARHDRSZ + count * sizeof(MerkleHash));

	SET_VARSIZE(bytes, VARHDRSZ + count * sizeof(MerkleHash));
	memcpy(VARDATA(bytes), hashes, count * sizeof(MerkleHash));
	return bytes;
}

/* campaign.proof_root(hashes): the root above the hashes of all pieces. */
Datum campaign_proof_root(PG_FUNCTION_ARGS)
{
	size_t count;
	const MerkleHash *hashes = hashes_argument(PG_GETARG_BYTEA_PP(0), &count);
	MerkleTree tree = {0};
	MerkleHash root;

	get_hasher();
	for (size_t i = 0; i < count; i++)
		hashed(merkle_add(&tree, hasher, &hashes[i]));
	hashed(merkle_root(&tree, hasher, &root));
	PG_RETURN_BYTEA_P(bytes_of(&root, 1));
}

/* The hashes of the leaves of one piece; returns how many. */
static int hash_leaves(FunctionCallInfo fcinfo, RowsPosition after, MerkleHash *leaves)
{
	Rows rows;
	Leaf leaf;
	int count = 0;

	SPI_connect();
	open_rows(&rows, fcinfo, after);
	while (count < MERKLE_PIECE && rows_next(&rows, &leaf))
		hashed(leaf_hash(hasher, &leaf, &leaves[count++]));
	rows_close(&rows);
	SPI_finish();
	return count;
}

/*
 * campaign.proof_path(campaign_id, class, seq, hashes, place): the path of the message at `place`,
 * from 0; class and seq stand before the first message of its piece, hashes are those of all
 * pieces. NULL if the rows are not those that these hashes were made of.
 */
Datum campaign_proof_path(PG_FUNCTION_ARGS)
{
	size_t count;
	const MerkleHash *pieces = hashes_argument(PG_GETARG_BYTEA_PP(3), &count);
	uint64 place = (uint64) PG_GETARG_INT64(4);
	MerkleHash *leaves = palloc(MERKLE_PIECE * sizeof(MerkleHash));
	MerkleHash path[2 * MERKLE_LEVELS_MAX];
	MerkleTree tree = {0};
	MerkleHash hash;
	int in_piece;
	int length;
	int above;

	get_hasher();
	in_piece = hash_leaves(fcinfo, position_argument(fcinfo, 1), leaves);
	if (place / MERKLE_PIECE >= count || place % MERKLE_PIECE >= in_piece)
		PG_RETURN_NULL();
	for (int i = 0; i < in_piece; i++)
		hashed(merkle_add(&tree, hasher, &leaves[i]));
	hashed(merkle_root(&tree, hasher, &hash));
	if (memcmp(hash.bytes, pieces[place / MERKLE_PIECE].bytes, sizeof(hash)) != 0)
		PG_RETURN_NULL();
	length = merkle_path(hasher, leaves, in_piece, place % MERKLE_PIECE, path);
	above = merkle_path(hasher, pieces, count, place / MERKLE_PIECE, path + Max(length, 0));
	hashed(length >= 0 && above >= 0);
	PG_RETURN_BYTEA_P(bytes_of(path, length + above));
}
