/*
 * check.c - `--check`; see check.h.
 */
#include "check.h"

#include <stdio.h>

#include "program/check_line.h"
#include "queue.h"
#include "smtp.h"

static bool check_postgresql(const Config *config, char *detail, Error *error)
{
	Queue queue = queue_new(config);
	PGconn *connection;
	bool done = queue_check(&queue, error);

	connection = queue.postgres.connection;
	if (done)
		snprintf(detail, CHECK_LINE_DETAIL_SIZE, "%s:%s/%s as %s, may take mails",
				 PQhost(connection), PQport(connection), PQdb(connection), PQuser(connection));
	queue_close(&queue);
	return done;
}

static bool check_smtp(const Config *config, const SmtpUrl *url, char *detail, Error *error)
{
	Smtp *smtp = smtp_new(config, url, error);
	bool done = smtp != NULL && smtp_check(smtp, error);

	snprintf(detail, CHECK_LINE_DETAIL_SIZE, "%s, %s", url->url,
			 *url->user != '\0' ? "logged in" : "without a login");
	smtp_free(smtp);
	return done;
}

ErrorCode check_all(const Config *config, const SmtpUrl *url)
{
	ErrorCode worst = ERROR_NONE;
	char detail[CHECK_LINE_DETAIL_SIZE];
	Error error = {0};
	bool done;

	done = check_postgresql(config, detail, &error);
	check_line_print(SERVER_POSTGRESQL, done, detail, &error, &worst);
	done = check_smtp(config, url, detail, &error);
	check_line_print(SERVER_SMTP, done, detail, &error, &worst);
	return worst;
}
