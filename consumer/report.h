/*
 * report.h - PostgreSQL: which ranges of a campaign are stored.
 *
 * Fifth step of the flow: only after MongoDB acknowledged, and before the
 * broker is told. Every report is idempotent, so it may be sent again after any
 * failure. One connection per lane; its login may execute these functions and
 * nothing else.
 */
#ifndef CAMPAIGN_CONSUMER_REPORT_H
#define CAMPAIGN_CONSUMER_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "chunk.h"
#include "config.h"
#include "contract/error.h"
#include "program/pgconn.h"

typedef struct Report Report;

/* What PostgreSQL knows of a campaign's class. */
typedef struct ReportClass
{
	bool known;
	int64_t total;
	int64_t stored_through; /* end of the unbroken stored range from 1; 0: none */
	const char *failed;		/* parked or left out, for ranges.h; until the next report_position() */
	bool halted;			/* the campaign is paused or cancelled */
	int64_t valid_ms;		/* from the question to its deadline */
} ReportClass;

/* It has no deadline. */
#define REPORT_VALID INT64_MAX

/* By clock_ms(), if it was asked for at asked_ms. */
static inline int64_t report_deadline(int64_t asked_ms, int64_t valid_ms)
{
	return valid_ms == REPORT_VALID ? INT64_MAX : asked_ms + valid_ms;
}

/* Whether a campaign may be stored and sent. */
typedef struct ReportStop
{
	bool halted;
	bool cancelled;	  /* for good */
	int64_t valid_ms; /* from the question to its deadline */
} ReportStop;

/* A class that has to be looked at in MongoDB before its campaign ends. */
typedef struct ReportUnchecked
{
	const char *campaign_id;
	MessageClass class;
	int64_t total;
	int64_t failed; /* so many of them need not be there */
	int64_t
		left_out; /* so many of these are not; in the place of the others may be another document */
} ReportUnchecked;

/* Ids of campaigns. */
typedef struct CampaignList
{
	char (*ids)[MESSAGE_ID_MAX + 1];
	int count;
} CampaignList;

/* A connection by the consumer's settings, not open yet. */
PgConnection report_pgconn(const Config *config);

/*
 * `tick` is called about every second while PostgreSQL is waited for (the
 * broker wants heartbeats meanwhile). Connects with the first use. NULL when
 * out of memory.
 */
Report *report_new(const Config *config, void (*tick)(void *), void *tick_argument);
void report_free(Report *report);

/* Connects if that is not done, and tries a report of nothing. */
bool report_prove(Report *report, Error *error);

/* What is known of a campaign, by class; all unknown if there is no such campaign. */
bool report_position(Report *report, const char *campaign_id, ReportClass classes[MESSAGE_CLASSES],
					 Error *error);

/* Asks which campaigns of the ranges are halted or have a deadline; no report may be on its way. */
bool report_stopped(Report *report, const RangeList *ranges, Error *error);

/*
 * The same for callers that have something else to do meanwhile: sends the question, waits up to
 * `wait_ms` for the answer, takes it. Nothing else may be sent in between.
 */
bool report_stopped_ask(Report *report, const RangeList *ranges, Error *error);
bool report_stopped_is_answered(Report *report, int wait_ms);
bool report_stopped_take(Report *report, Error *error);

/* What the last answer of report_stopped() says of this one. */
ReportStop report_stop_of(const Report *report, const char *campaign_id);

/*
 * Sends a report without waiting for the answer, which report_collect() waits
 * for. Campaigns that would end by it do so only if they are among `checked`.
 */
bool report_send(Report *report, const RangeList *ranges, const CampaignList *checked,
				 Error *error);

/* *completed: how many campaigns this report finished. */
bool report_collect(Report *report, int64_t *completed, Error *error);

/*
 * A class of a campaign that would have ended by the report just collected, and
 * was therefore not reported; false behind the last one. Its id holds until the next
 * report_send().
 */
bool report_unchecked(const Report *report, int index, ReportUnchecked *unchecked);

/* The last report was refused because of its data: a character that the database lacks, perhaps. */
bool report_refused_data(const Report *report, const Error *error);

/* The answer of report_send() is still to be collected. */
bool report_is_pending(const Report *report);

/* Gives up the session, and with it the answer to what was sent. */
void report_disconnect(Report *report);

/* `next` is missing although later ones arrived: asks for it to be published again. */
bool report_gap(Report *report, const char *campaign_id, MessageClass class, int64_t next,
				Error *error);

/* A recipient that MongoDB already holds with other content. */
bool report_conflict(Report *report, const char *campaign_id, MessageClass class, int64_t seq,
					 const char *reason, Error *error);

/*
 * What a sender adds (sender.c): `opened` is called with each new session, and reports take its
 * statement, with so many values behind those of an ordinary one.
 */
#define REPORT_EXTRA_VALUES 5

typedef struct ReportExtra
{
	bool (*opened)(PgConnection *postgres, void *argument, Error *error);
	void *argument;
	PgStatement statement;
	const char *values[REPORT_EXTRA_VALUES];
} ReportExtra;

/* Before the first use; `extra` must outlive the report, and may change between two reports. */
void report_extend(Report *report, const ReportExtra *extra);

/*
 * A query of a sender and its answer, in the same session, which is opened if it is not; no report
 * may be on its way. NULL and *error on failure.
 */
PGresult *report_query(Report *report, const PgStatement *statement, const char *const *values,
					   Error *error);

#endif /* CAMPAIGN_CONSUMER_REPORT_H */
