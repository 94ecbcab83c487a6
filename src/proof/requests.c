/*
 * requests.c - the proofs that are asked for or being made; see requests.h.
 *
 * A consumer that makes one says so again and again; one that has not for a while is taken for
 * dead, and another one may take the campaign. Two that make the same proof do no harm.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "contract/message.h"
#include "program/clock.h"

#include "requests.h"

#define REQUESTS		 64
#define ACCOUNT_REQUESTS 4 /* of one account: it must not take all places */
#define LISTENERS		 64
#define LEASE_MS		 15000 /* without a word of it, a proof is made by nobody */
#define LISTENING_MS	 3000  /* a consumer looks several times a second */

/* Why a request is not noted. */
#define NOBODY_LISTENS                                                                             \
	"no consumer has looked for requests: start campaign-consumer, or run campaign-consumer "      \
	"--verify"
#define ACCOUNT_WAITS                                                                              \
	"this account waits for " CppAsString2(ACCOUNT_REQUESTS) " proofs: ask again when one is "     \
															 "there"
#define ALL_PLACES_TAKEN "too many proofs are waited for: ask again"

/* Whoever asked then has gone: campaign_verify() waits for 300 s at most (sql/47_verify.sql). */
#define FORGET_MS 330000

typedef struct Request
{
	Oid database; /* InvalidOid: free */
	char campaign_id[MESSAGE_ID_MAX + 1];
	char account[MESSAGE_ID_MAX + 1]; /* that asked over HTTP; empty: none did */
	bool asked;						  /* since the last proof was begun */
	TimestampTz asked_at;			  /* for the record */
	int64 asked_ms;					  /* its place in the order; 0: never */
	int64 asked_again_ms;			  /* somebody has waited for it since then */
	int64 alive_ms;					  /* when its maker was last heard of; 0: nobody makes it */
} Request;

typedef struct Listener
{
	Oid database;
	int64 looked_ms;
} Listener;

typedef struct RequestState
{
	LWLock *lock;
	Request requests[REQUESTS];
	Listener listeners[LISTENERS];
} RequestState;

static RequestState *state = NULL;

PG_FUNCTION_INFO_V1(campaign_proof_ask);
PG_FUNCTION_INFO_V1(campaign_proof_asked);
PG_FUNCTION_INFO_V1(campaign_proof_take);
PG_FUNCTION_INFO_V1(campaign_proof_done);

Size requests_shmem_size(void)
{
	return MAXALIGN(sizeof(RequestState));
}

void requests_shmem_attach(void *memory, LWLock *lock, bool fresh)
{
	state = memory;
	if (!fresh)
		return;
	memset(state, 0, sizeof(RequestState));
	state->lock = lock;
}

static bool is_taken(const Request *request, int64 now_ms)
{
	return request->alive_ms != 0 && now_ms - request->alive_ms < LEASE_MS;
}

/* Somebody waits for a proof that nobody makes: not yet, or its maker has died. */
static bool is_wanted(const Request *request, int64 now_ms)
{
	bool abandoned = request->alive_ms != 0 && request->asked_ms != 0;

	return OidIsValid(request->database) && !is_taken(request, now_ms) &&
		   (request->asked || abandoned) && now_ms - request->asked_again_ms < FORGET_MS;
}

static bool is_free(const Request *request, int64 now_ms)
{
	return !OidIsValid(request->database) ||
		   (!is_taken(request, now_ms) && !is_wanted(request, now_ms));
}

/* The request for a campaign; NULL: there is none. */
static Request *find(const char *campaign_id, int64 now_ms)
{
	for (int i = 0; i < REQUESTS; i++)
	{
		Request *request = &state->requests[i];

		if (request->database == MyDatabaseId && !is_free(request, now_ms) &&
			strcmp(request->campaign_id, campaign_id) == 0)
			return request;
	}
	return NULL;
}

/* A new request, for a campaign that has none. NULL: all places are taken. */
static Request *add(const char *campaign_id, int64 now_ms)
{
	for (int i = 0; i < REQUESTS; i++)
	{
		Request *request = &state->requests[i];

		if (!is_free(request, now_ms))
			continue;
		memset(request, 0, sizeof(Request));
		request->database = MyDatabaseId;
		strlcpy(request->campaign_id, campaign_id, sizeof(request->campaign_id));
		return request;
	}
	return NULL;
}

static int count_of_account(const char *account, int64 now_ms)
{
	int count = 0;

	for (int i = 0; i < REQUESTS; i++)
	{
		const Request *request = &state->requests[i];

		if (request->database == MyDatabaseId && !is_free(request, now_ms) &&
			strcmp(request->account, account) == 0)
			count++;
	}
	return count;
}

static void id_argument(FunctionCallInfo fcinfo, int number, char id[MESSAGE_ID_MAX + 1])
{
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(number), id, MESSAGE_ID_MAX + 1);
}

/* Where this database's consumers are noted; the one that was heard of least recently is given up.
 */
static Listener *listener_place(void)
{
	Listener *place = &state->listeners[0];

	for (int i = 0; i < LISTENERS; i++)
	{
		Listener *listener = &state->listeners[i];

		if (listener->database == MyDatabaseId)
			return listener;
		if (listener->looked_ms < place->looked_ms)
			place = listener;
	}
	place->database = MyDatabaseId;
	return place;
}

static bool is_listened_to(int64 now_ms)
{
	for (int i = 0; i < LISTENERS; i++)
	{
		const Listener *listener = &state->listeners[i];

		if (listener->database == MyDatabaseId && now_ms - listener->looked_ms < LISTENING_MS)
			return true;
	}
	for (int i = 0; i < REQUESTS; i++)
	{
		/* One that is at work looks again when it is done. */
		if (state->requests[i].database == MyDatabaseId && is_taken(&state->requests[i], now_ms))
			return true;
	}
	return false;
}

/* Who asks again has waited since the first time: the order stays as it is. */
static void note_asked(Request *request, const char *account, int64 now_ms)
{
	bool waits = request->asked || is_wanted(request, now_ms);

	request->asked = true;
	request->asked_again_ms = now_ms;
	if (waits)
		return;
	request->asked_at = GetCurrentTimestamp();
	request->asked_ms = now_ms;
	strlcpy(request->account, account, sizeof(request->account));
}

/* Notes a request; otherwise says why not. */
static const char *ask(const char *campaign_id, const char *account, int64 now_ms)
{
	Request *request;

	if (!is_listened_to(now_ms))
		return NOBODY_LISTENS;
	request = find(campaign_id, now_ms);
	if (request == NULL && account[0] != '\0' &&
		count_of_account(account, now_ms) >= ACCOUNT_REQUESTS)
		return ACCOUNT_WAITS;
	if (request == NULL)
		request = add(campaign_id, now_ms);
	if (request == NULL)
		return ALL_PLACES_TAKEN;
	note_asked(request, account, now_ms);
	return NULL;
}

/*
 * campaign.proof_ask(campaign_id, account): NULL: a consumer is there that will see it; otherwise
 * the reason why it was not noted. The account is empty for requests that do not come over HTTP.
 */
Datum campaign_proof_ask(PG_FUNCTION_ARGS)
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	char account[MESSAGE_ID_MAX + 1];
	const char *refusal = NOBODY_LISTENS;

	id_argument(fcinfo, 0, campaign_id);
	id_argument(fcinfo, 1, account);
	if (state != NULL)
	{
		LWLockAcquire(state->lock, LW_EXCLUSIVE);
		refusal = ask(campaign_id, account, clock_ms());
		LWLockRelease(state->lock);
	}
	if (refusal == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(refusal));
}

/* campaign.proof_asked(): the campaign that has waited longest; NULL: none. */
Datum campaign_proof_asked(PG_FUNCTION_ARGS)
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	int64 now_ms = clock_ms();
	const Request *oldest = NULL;

	if (state == NULL)
		PG_RETURN_NULL();
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	listener_place()->looked_ms = now_ms;
	for (int i = 0; i < REQUESTS; i++)
	{
		const Request *request = &state->requests[i];

		if (request->database == MyDatabaseId && is_wanted(request, now_ms) &&
			(oldest == NULL || request->asked_ms < oldest->asked_ms))
			oldest = request;
	}
	if (oldest != NULL)
		strlcpy(campaign_id, oldest->campaign_id, sizeof(campaign_id));
	LWLockRelease(state->lock);
	if (oldest == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(campaign_id));
}

/*
 * campaign.proof_take(campaign_id, begin): its proof is begun, or still being made; answers when it
 * was asked for, NULL if it was not. Refused, with -infinity, while somebody else is making it.
 */
Datum campaign_proof_take(PG_FUNCTION_ARGS)
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	bool begins = PG_GETARG_BOOL(1);
	int64 now_ms = clock_ms();
	TimestampTz asked_at = 0;
	Request *request;

	if (state == NULL)
		PG_RETURN_NULL();
	id_argument(fcinfo, 0, campaign_id);
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	request = find(campaign_id, now_ms);
	if (request == NULL)
		request = add(campaign_id, now_ms);
	if (request != NULL && begins && is_taken(request, now_ms))
		asked_at = DT_NOBEGIN;
	else if (request != NULL)
	{
		if (begins && is_wanted(request, now_ms))
			asked_at = request->asked_at;
		request->alive_ms = now_ms;
		/* Who asks from now on gets another one. */
		if (begins)
			request->asked = false;
	}
	LWLockRelease(state->lock);
	if (asked_at == 0)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(asked_at);
}

/* campaign.proof_done(campaign_id, made): its proof is made, or given up: who asked still waits. */
Datum campaign_proof_done(PG_FUNCTION_ARGS)
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	bool made = PG_GETARG_BOOL(1);
	int64 now_ms = clock_ms();

	if (state == NULL)
		PG_RETURN_VOID();
	id_argument(fcinfo, 0, campaign_id);
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < REQUESTS; i++)
	{
		Request *request = &state->requests[i];

		if (request->database == MyDatabaseId && strcmp(request->campaign_id, campaign_id) == 0)
		{
			request->alive_ms = 0;
			request->asked |= !made && request->asked_ms != 0;
		}
	}
	listener_place()->looked_ms = now_ms;
	LWLockRelease(state->lock);
	PG_RETURN_VOID();
}
