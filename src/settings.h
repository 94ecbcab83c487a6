/*
 * settings.h - the campaign.* settings of PostgreSQL.
 *
 * All of them are read again at each reload; docs/settings.md lists them.
 */
#ifndef CAMPAIGN_SETTINGS_H
#define CAMPAIGN_SETTINGS_H

#include <stdbool.h>

extern char *settings_database; /* names, separated by commas */
extern char *settings_amqp_url;
extern char *settings_amqp_url_file;
extern char *settings_amqp_ca_file;
extern int settings_amqp_heartbeat; /* seconds */
extern int settings_amqp_timeout;	/* milliseconds */
extern int settings_batch_size;		/* recipients */
extern int settings_publish_ahead;	/* milliseconds */
extern int settings_rate;			/* recipients a second; 0: no limit */
extern int settings_stall_timeout;	/* seconds */
extern int settings_poll_interval;	/* seconds */
extern int settings_argon2_memory;	/* KiB */
extern int settings_argon2_iterations;
extern char *settings_jwt_secret;
extern char *settings_jwt_secret_file;
extern int settings_jwt_expiry;		  /* seconds */
extern int settings_app_token_expiry; /* seconds */
extern int settings_upload_max_bytes; /* bytes */
extern int settings_job_workers;
extern int settings_job_running_max;
extern int settings_job_waiting_max;
extern int settings_mails_per_address;
extern int settings_mails_per_account;
extern int settings_requests_per_account;
extern int settings_generate_max;
extern bool settings_welcome_email;
extern bool settings_require_verified_email;
extern bool settings_notify;
extern bool settings_dead_letters;
extern int settings_dead_letters_max;
extern char *settings_country; /* of national numbers; empty: none */

/* Defines them; called once, by _PG_init(). */
void settings_define(void);

/*
 * The broker's URL, from campaign.amqp_url_file if that is set: a palloc'd
 * string that the caller wipes, or NULL with a reason in *problem (static or
 * palloc'd) when none is configured or the file cannot be read.
 */
char *settings_read_amqp_url(const char **problem);

/* The secret of the tokens, from campaign.jwt_secret_file if that is set: likewise. */
char *settings_read_jwt_secret(const char **problem);

#endif /* CAMPAIGN_SETTINGS_H */
