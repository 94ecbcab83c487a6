/*
 * proof.h - PostgreSQL's side of a proof: which one to make, whether it expects the same hashes,
 * and where the result goes.
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

/* A proof that is being made. asked_at is PostgreSQL's, as it writes it; "": nobody did. */
typedef struct ProofTask
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	char asked_at[48];
	char attempt[MESSAGE_ID_MAX + 1];
} ProofTask;

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

/*
 * Has PostgreSQL hash window `number`, from 0, behind the one before, which must have agreed; how
 * many messages it has is collected later. 0 begins again.
 */
bool proof_window_send(Proof *proof, const ProofTask *task, int number, Error *error);
bool proof_window_collect(Proof *proof, int64_t *leaves, Error *error);

/* Compares it with the hashes of `count` pieces; *different: the first that differs, -1: none. */
bool proof_agree(Proof *proof, const ProofTask *task, int number, const MerkleHash *hashes,
				 int count, int *different, Error *error);

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
 * The result: a difference (JSON), or NULL: every window agreed. *answer is JSON: {"ok",
 * "expected", "difference", "digest"}.
 */
bool proof_report(Proof *proof, const ProofTask *task, int64_t size, const char *difference,
				  char answer[PROOF_ANSWER_SIZE], bool *ok, Error *error);

/* A server failed: the proof is anybody's again. Does what it can. */
void proof_give_up(Proof *proof, const ProofTask *task);

#endif /* CAMPAIGN_CONSUMER_PROOF_H */
