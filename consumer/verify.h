/*
 * verify.h - does MongoDB hold exactly the messages of a campaign that PostgreSQL expects?
 *
 * Both compute a Merkle tree over them, in pieces; the first piece that differs is compared
 * document by document. The result is PostgreSQL's to keep.
 */
#ifndef CAMPAIGN_CONSUMER_VERIFY_H
#define CAMPAIGN_CONSUMER_VERIFY_H

#include "proof.h"

typedef struct Verify Verify;

typedef struct VerifyResult
{
	bool ok;
	int64_t size;					/* documents */
	char answer[PROOF_ANSWER_SIZE]; /* PostgreSQL's, as of proof_report() */
} VerifyResult;

/* Asks no server yet. NULL and *error on failure. `config` must outlive it. */
Verify *verify_new(const Config *config, Error *error);
void verify_free(Verify *verify);

/* For the questions of who waits for a proof. */
Proof *verify_proof(Verify *verify);

/*
 * Makes a proof that was begun, and reports it. `everywhere`: looks for documents of the campaign
 * under the ids of others, too, which reads the whole collection. False and *error if a server
 * failed: nothing was reported, and it may be made again.
 */
bool verify_campaign(Verify *verify, const ProofTask *task, bool everywhere, VerifyResult *result,
					 Error *error);

/* `--verify`: one campaign, with a line on standard output; what the program ends with. */
int verify_once(const Config *config, const char *campaign_id);

#endif /* CAMPAIGN_CONSUMER_VERIFY_H */
