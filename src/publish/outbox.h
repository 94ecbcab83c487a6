/*
 * outbox.h - what the worker reads from and writes to the tables, each call in
 * a short transaction of its own, unless it says otherwise: none is open while
 * the worker waits for the broker.
 *
 * SPI only. Errors are PostgreSQL's: guard.c sets the campaign aside, elsewhere the
 * worker ends and is started again.
 */
#ifndef CAMPAIGN_OUTBOX_H
#define CAMPAIGN_OUTBOX_H

#include "contract/message.h"
#include "texts/filling.h"

/* A class of a campaign that is not stored completely. */
typedef struct OutboxClass
{
	char campaign_id[MESSAGE_ID_MAX + 1];
	MessageClass class;
	bool ordered;
	bool blocked; /* an earlier class is not stored completely */
	int64 total;
	int64 published;
	int64 stored_through;
	int32 rewinds;
	bool expired;			/* its deadline has passed: what is not stored is left out */
	int64 rate_thousandths; /* of a recipient of its campaign a second; 0: no limit */
	int64 last;				/* to be published for now */
	bool canary_is_over;	/* its campaign's canary has arrived, and nobody has judged it */
} OutboxClass;

/* What all batches of a class of a campaign share. Secrets: wipe when done. */
typedef struct OutboxTemplate
{
	char *message; /* UTF-8, palloc'd in the caller's context */
	int64 identifier_time;
	char identifier_entropy[MESSAGE_ID_MAX + 1];
	char identifier_fingerprint[MESSAGE_ID_MAX + 1];
	int version;	   /* MESSAGE_VERSION or MESSAGE_VERSION_OWN */
	char *outcome;	   /* JSON that replaces fields of the attributes, palloc'd there, too */
	bool placeholders; /* the message is filled for each recipient */
} OutboxTemplate;

/* More than the broker's socket takes at once is not kept. */
#define OUTBOX_BYTES_MAX (1024 * 1024)

typedef struct OutboxRecipient
{
	char text[MESSAGE_PHONE_MAX + 1];
	int length;
	bool suppressed; /* on a list that the campaign obeys: not to be sent to */
} OutboxRecipient;

/* Settings of the worker's session: plans that do not depend on statistics. */
void outbox_prepare_session(void);

/* What of the unfinished campaigns a page is of. */
typedef enum OutboxPart
{
	OUTBOX_QUEUED, /* dispatched, nothing of them is confirmed */
	OUTBOX_OPEN,   /* those, and what is being published; both in the order of dispatch */
	OUTBOX_WAITING /* what is published, or paused */
} OutboxPart;

/* So many campaigns at most; their classes that are not stored completely. */
typedef struct OutboxPage
{
	OutboxClass *classes; /* palloc'd in the caller's context */
	int count;
	bool full; /* there may be more, behind `last` */
	char last[MESSAGE_ID_MAX + 1];
} OutboxPage;

#define OUTBOX_PAGE 500

/*
 * The page of a part that begins behind a campaign, or with "". With `finish`, those of its
 * campaigns are ended that are stored completely but were locked when the last report came.
 */
void outbox_page(OutboxPart part, const char *after, bool finish, OutboxPage *page);

/* The same of these campaigns, if they are unfinished; only the classes are filled in. */
void outbox_find(const char *const *campaign_ids, int count, OutboxPage *page);

/* False if the campaign is not there. */
bool outbox_template(const char *campaign_id, MessageClass class, OutboxTemplate *template);

/*
 * Recipients after `seq`, at most `limit`, in order; returns how
 * many, which ends before the first one that is missing. An error if one has a text
 * of its own, which this version of messages cannot bring. To be called between
 * session_begin() and session_finish().
 */
int outbox_read(const char *campaign_id, MessageClass class, int64 seq, int limit,
				OutboxRecipient *recipients);

/*
 * The same for a campaign of MESSAGE_VERSION_OWN, with what each brings, palloc'd in
 * `memory`, its attributes with the fields of `outcome`, and with `placeholders` the message that
 * it gets. Ends after OUTBOX_BYTES_MAX of that, too.
 */
int outbox_read_own(const char *campaign_id, MessageClass class, int64 seq, int limit,
					const char *outcome, const Placeholders *placeholders, MemoryContext memory,
					OutboxRecipient *recipients, MessageOwn *owns);

/*
 * The broker confirmed everything up to `published`. False if a client holds the
 * campaign's lock, so that its status could not follow: call again.
 */
bool outbox_mark(const char *campaign_id, MessageClass class, int32 rewinds, int64 published);

/* The limits of outbox_due()'s answer: one that a client has locked is tried again soon. */
#define OUTBOX_DUE_MIN_MS 100
#define OUTBOX_DUE_MAX_MS 3600000

/*
 * Queues scheduled campaigns whose time has come, and lets those expire whose deadline has passed;
 * returns the milliseconds until the next of either.
 */
int64 outbox_due(void);

/* Publish again from the end of what is stored; returns the seq before it, -1 if it is not running.
 */
int64 outbox_rewind(const char *campaign_id, MessageClass class);

/*
 * Judges the canary of a campaign, all of which has arrived: the campaign goes on, or is paused.
 * False if a client holds the campaign's lock: call again.
 */
bool outbox_canary(const char *campaign_id);

/* What the worker waits for; NULL sentence: no longer; both NULL: for nothing. */
void outbox_trouble(const char *subject, const char *sentence);

/* Tells those who listen where these campaigns stand; `missed`: that there were others. */
void outbox_tell(const char *const *campaign_ids, int count, bool missed);

#endif /* CAMPAIGN_OUTBOX_H */
