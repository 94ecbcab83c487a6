/*
 * proof.h - PostgreSQL's side of a proof: which one to make, the hashes that it expects, and where
 * the result goes.
 *
 * A connection of its own. What was sent may be sent again after any failure; errors as those of
 * report.h.
 */
#ifndef CAMPAIGN_CONSUMER_PROOF_H
#define CAMPAIGN_CONSUMER_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "contract/error.h"
#include "contract/merkle.h"
#include "walk_document.h"

/* The pieces that PostgreSQL hashes in one statement. */
#define PROOF_WINDOW_PIECES 128

/* PostgreSQL's answer for some of a campaign's messages is at most so long. */
#define PROOF_ANSWER_SIZE 512

typedef struct Proof Proof;

/* A proof that is being made. Times are PostgreSQL's, as it writes them; "": none. */
typedef struct ProofTask
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	char asked_at[48];
	char started_at[48];
} ProofTask;

/* The hashes of the next pieces; what stands where PROOF_WINDOW_PIECES are not reached is the end.
 */
typedef struct ProofWindow
{
	int64_t leaves;
	int count;
	MerkleHash pieces[PROOF_WINDOW_PIECES];
	WalkPlace last;
} ProofWindow;

/* NULL when out of memory. */
Proof *proof_new(const Config *config);
void proof_free(Proof *proof);

/* *found false: there is no such campaign. */
bool proof_begin(Proof *proof, const char *campaign_id, ProofTask *task, bool *found, Error *error);

/*
 * The next proof that was asked for; or, with `sent_since` (a time of PostgreSQL's, NULL: not),
 * that of a campaign that was sent since then.
 */
bool proof_next(Proof *proof, const char *sent_since, ProofTask *task, bool *found, Error *error);

/* The time at the server, a minute ago: what was sent since may not have been seen yet. */
bool proof_server_time(Proof *proof, char time[48], Error *error);

/* Asks for window `number`, from 0, behind a place; the answer is collected later. */
bool proof_window_send(Proof *proof, const ProofTask *task, int number, const WalkPlace *after,
					   Error *error);
bool proof_window_collect(Proof *proof, ProofWindow *window, Error *error);

/*
 * Documents for proof_compare(), at most MERKLE_PIECE; none of their texts leaves the consumer but
 * identifiers and numbers.
 */
void proof_documents_reset(Proof *proof);
void proof_documents_add(Proof *proof, const WalkDocument *document);

/* Names the first difference between them and the messages behind a place; "" if there is none. */
bool proof_compare(Proof *proof, const ProofTask *task, const WalkPlace *after,
				   char difference[PROOF_ANSWER_SIZE], Error *error);

/*
 * The result: either the root, or a difference (JSON; NULL: none). *answer is JSON: {"ok",
 * "expected", "difference", "digest"}.
 */
bool proof_report(Proof *proof, const ProofTask *task, int64_t size, const MerkleHash *root,
				  const char *difference, char answer[PROOF_ANSWER_SIZE], bool *ok, Error *error);

/* A server failed: the proof is anybody's again. Does what it can. */
void proof_give_up(Proof *proof, const ProofTask *task);

#endif /* CAMPAIGN_CONSUMER_PROOF_H */
