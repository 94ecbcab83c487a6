/*
 * verify.c - compares MongoDB with what PostgreSQL expects; see verify.h.
 *
 * While PostgreSQL hashes a window of its rows, the documents of the same window are read and
 * hashed here; then PostgreSQL says whether the hashes are the same. Must never hold more than a
 * window's hashes.
 */
#include "verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/leaf.h"
#include "program/program.h"
#include "program/stop.h"
#include "walk.h"

/* A campaign that is being stored changes between the look and the comparison. */
#define TRIES_MAX 3

#define WINDOW_LEAVES ((int64_t) PROOF_WINDOW_PIECES * MERKLE_PIECE)

struct Verify
{
	const Config *config;
	Proof *proof;
	Walk *walk;
	MerkleHasher *hasher;
	int64_t size;
	WalkPlace last; /* the document that was read last */
	bool ended;		/* nothing follows it */
	int count;		/* pieces of this window: documents next to each other */
	MerkleHash hashes[PROOF_WINDOW_PIECES];
	WalkPlace after[PROOF_WINDOW_PIECES + 1]; /* before the first one of each */
	char difference[PROOF_ANSWER_SIZE];		  /* "": none so far */
};

Verify *verify_new(const Config *config, Error *error)
{
	Verify *verify = calloc(1, sizeof(*verify));

	error_set(error, ERROR_MEMORY, "out of memory");
	if (verify == NULL)
		return NULL;
	verify->config = config;
	verify->hasher = merkle_hasher_new();
	verify->proof = proof_new(config);
	if (verify->hasher != NULL && verify->proof != NULL)
		verify->walk = walk_new(config, error);
	if (verify->walk != NULL)
	{
		error->code = ERROR_NONE;
		return verify;
	}
	verify_free(verify);
	return NULL;
}

void verify_free(Verify *verify)
{
	if (verify == NULL)
		return;
	walk_free(verify->walk);
	proof_free(verify->proof);
	merkle_hasher_free(verify->hasher);
	free(verify);
}

Proof *verify_proof(Verify *verify)
{
	return verify->proof;
}

static bool out_of_memory(Error *error)
{
	return error_set(error, ERROR_MEMORY, "out of memory for SHA-256");
}

/* The next piece of documents; *leaves: how many it has. */
static bool read_piece(Verify *verify, MerkleHash *hash, int64_t *leaves, Error *error)
{
	MerkleTree tree = {0};
	bool wrong = false;

	while (!verify->ended && tree.size < MERKLE_PIECE)
	{
		WalkDocument document;
		MerkleHash leaf;
		WalkStatus status = walk_next(verify->walk, &document, error);

		if (status == WALK_FAILED)
			return false;
		verify->ended = status == WALK_END;
		if (verify->ended)
			break;
		if (!leaf_hash(verify->hasher, &document.leaf, &leaf) ||
			!merkle_add(&tree, verify->hasher, &leaf))
			return out_of_memory(error);
		wrong |= document.wrong != NULL;
		verify->last = document.place;
	}
	*leaves = (int64_t) tree.size;
	if (!merkle_root(&tree, verify->hasher, hash))
		return out_of_memory(error);
	/* With such a document no hash is right. */
	if (wrong)
		memset(hash, 0, sizeof(*hash));
	return true;
}

/* The documents of a window, and one piece more if there is no end yet behind its messages. */
static bool read_window(Verify *verify, Error *error)
{
	int64_t leaves = 0;

	verify->count = 0;
	verify->after[0] = verify->last;
	while (verify->count < PROOF_WINDOW_PIECES)
	{
		if (stop_requested())
			return error_set(error, ERROR_UNREACHABLE, "stopped");
		if (!read_piece(verify, &verify->hashes[verify->count], &leaves, error))
			return false;
		if (leaves == 0)
			break;
		verify->size += leaves;
		verify->count++;
		verify->after[verify->count] = verify->last;
	}
	return true;
}

/* Sends the documents behind a place to PostgreSQL, which names the first difference. */
static bool name_difference(Verify *verify, const ProofTask *task, const WalkPlace *after,
							bool first, Error *error)
{
	WalkDocument document;
	WalkStatus status = WALK_DOCUMENT;

	proof_documents_reset(verify->proof);
	if (!walk_start(verify->walk, task->campaign_id, first ? NULL : after, error))
		return false;
	for (int i = 0; i < MERKLE_PIECE && status == WALK_DOCUMENT; i++)
	{
		status = walk_next(verify->walk, &document, error);
		if (status == WALK_DOCUMENT)
			proof_documents_add(verify->proof, &document);
	}
	walk_stop(verify->walk);
	return status != WALK_FAILED &&
		   proof_compare(verify->proof, task, after, verify->difference, error);
}

/*
 * Goes through both sides, window by window. *equal: no difference; else it is named, unless it was
 * gone when it was looked at.
 */
static bool compare_all(Verify *verify, const ProofTask *task, bool *equal, Error *error)
{
	verify->size = 0;
	verify->ended = false;
	verify->last = (WalkPlace){0};
	verify->difference[0] = '\0';
	*equal = true;
	if (!walk_start(verify->walk, task->campaign_id, NULL, error))
		return false;
	for (int number = 0; *equal; number++)
	{
		int64_t expected = 0;
		int place = -1;

		if (!proof_window_send(verify->proof, task, number, error) || !read_window(verify, error) ||
			!proof_window_collect(verify->proof, &expected, error) ||
			!proof_agree(verify->proof, task, number, verify->hashes, verify->count, &place, error))
			return false;
		*equal = place < 0;
		if (!*equal)
			return name_difference(verify, task, &verify->after[place], number == 0 && place == 0,
								   error);
		if (expected < WINDOW_LEAVES)
			break;
	}
	return true;
}

/* A document of the campaign where no message of it can be. */
static bool look_for_strays(Verify *verify, const ProofTask *task, bool everywhere, Error *error)
{
	static const WalkPlace behind_all = {MESSAGE_CLASS_NORMAL, MESSAGE_SEQ_MAX};
	WalkDocument document;
	WalkStatus status = walk_stray(verify->walk, task->campaign_id, everywhere, &document, error);
	size_t length;

	if (status != WALK_DOCUMENT)
		return status == WALK_END;
	document.place.class = UINT8_MAX;
	proof_documents_reset(verify->proof);
	proof_documents_add(verify->proof, &document);
	if (!proof_compare(verify->proof, task, &behind_all, verify->difference, error))
		return false;
	length = strlen(verify->difference);
	if (length > 0)
		snprintf(verify->difference + length - 1, PROOF_ANSWER_SIZE - length + 1,
				 ", \"field\": \"_id\"}");
	return true;
}

static bool report(Verify *verify, const ProofTask *task, VerifyResult *result, Error *error)
{
	bool different = verify->difference[0] != '\0';

	result->size = verify->size;
	if (different && !walk_count(verify->walk, task->campaign_id, &result->size, error))
		return false;
	return proof_report(verify->proof, task, result->size, different ? verify->difference : NULL,
						result->answer, &result->ok, error);
}

bool verify_campaign(Verify *verify, const ProofTask *task, bool everywhere, VerifyResult *result,
					 Error *error)
{
	bool equal = false;
	bool done = true;

	memset(result, 0, sizeof(*result));
	for (int i = 0; i < TRIES_MAX && done && !equal; i++)
	{
		done = compare_all(verify, task, &equal, error);
		if (verify->difference[0] != '\0')
			break;
	}
	walk_stop(verify->walk);
	if (done && equal)
		done = look_for_strays(verify, task, everywhere, error);
	else if (done && verify->difference[0] == '\0')
		snprintf(verify->difference, sizeof(verify->difference), "{\"kind\": \"changing\"}");
	walk_stop(verify->walk);
	done = done && report(verify, task, result, error);
	if (!done)
		proof_give_up(verify->proof, task);
	return done;
}

/* One line, as --check prints them. */
static void print_result(const char *campaign_id, const VerifyResult *result)
{
	printf("%-6s  campaign %s: %lld documents, %s\n", result->ok ? "ok" : "wrong", campaign_id,
		   (long long) result->size, result->answer);
}

int verify_once(const Config *config, const char *campaign_id)
{
	Error error = {0};
	VerifyResult result;
	ProofTask task;
	bool found = false;
	int code = EXIT_FAILED;
	Verify *verify = stop_setup(&error) ? verify_new(config, &error) : NULL;

	if (verify != NULL && strlen(campaign_id) > MESSAGE_ID_MAX)
		error_set(&error, ERROR_CONFIG, "no campaign can have the id that --verify names");
	else if (verify != NULL && proof_begin(verify->proof, campaign_id, &task, &found, &error) &&
			 !found)
		error_set(&error, ERROR_CONFIG, "campaign \"%s\" does not exist", campaign_id);
	if (found && verify_campaign(verify, &task, true, &result, &error))
	{
		print_result(campaign_id, &result);
		code = result.ok ? EXIT_OK : EXIT_FAILED;
	}
	else
	{
		fprintf(stderr, "campaign-consumer: %s\n", error.text);
		if (error_may_pass(error.code))
			code = EXIT_UNREACHABLE;
	}
	verify_free(verify);
	return code;
}
