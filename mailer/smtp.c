/*
 * smtp.c - libcurl's SMTP; see smtp.h.
 *
 * Must never log what goes over the connection, nor talk in clear text unless the
 * settings allow it.
 */
#include "smtp.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dialog.h"
#include "patience.h"
#include "program/sometimes.h"

#define GOODBYE_TIMEOUT_S 1L
/* CURLE_TOO_LARGE since 8.6: a line that libcurl neither keeps nor shows. Before, it came in
 * pieces. */
#define TOO_LARGE ((CURLcode) 100)
/* How long a server's machine may be silent, on the level of TCP, until it counts as dead. */
#define DEAD_IDLE_S		60L
#define DEAD_INTERVAL_S 15L
#define DEAD_MS			180000

struct Smtp
{
	const Config *config;
	const SmtpUrl *url;
	CURL *curl; /* NULL: no connection either */
	Dialog dialog;
	bool used; /* a mail has gone over the connection */
	Patience patience;
	char text[CURL_ERROR_SIZE];
};

/* A server that goes on talking gets no more time by that. */
static void follow_answer(Smtp *smtp, const char *bytes, size_t length)
{
	DialogPhase before = smtp->dialog.phase;

	dialog_received(&smtp->dialog, bytes, length);
	if (smtp->dialog.phase != before)
		patience_step(&smtp->patience);
}

/*
 * Only libcurl's trace tells what had been sent when something went wrong. After a failure libcurl
 * sends QUIT, and would wait for the answer of a server that may hang.
 */
static int follow(CURL *curl, curl_infotype type, char *bytes, size_t length, void *argument)
{
	Smtp *smtp = argument;

	if (type == CURLINFO_HEADER_OUT)
	{
		dialog_sent(&smtp->dialog, bytes, length);
		patience_step(&smtp->patience);
		if (smtp->dialog.over)
			(void) curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, GOODBYE_TIMEOUT_S);
	}
	else if (type == CURLINFO_HEADER_IN)
		follow_answer(smtp, bytes, length);
	return 0;
}

/* Called at least once a second; not 0: give up. */
static int look_at_time(void *argument, curl_off_t to_receive, curl_off_t received,
						curl_off_t to_send, curl_off_t sent)
{
	Smtp *smtp = argument;

	(void) to_receive;
	(void) received;
	(void) to_send;
	return patience_is_over(&smtp->patience, smtp->dialog.phase, sent);
}

Smtp *smtp_new(const Config *config, const SmtpUrl *url, Error *error)
{
	Smtp *smtp = calloc(1, sizeof(*smtp));

	if (smtp == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	smtp->config = config;
	smtp->url = url;
	smtp->patience.config = config;
	return smtp;
}

/*
 * libcurl sends QUIT when it closes an idle connection, and waits for the answer as long as for any
 * other; a limit set now comes too late. With this it reads the end of the connection instead.
 */
static void expect_no_answer(Smtp *smtp)
{
	curl_socket_t connection = CURL_SOCKET_BAD;

	if (curl_easy_getinfo(smtp->curl, CURLINFO_ACTIVESOCKET, &connection) == CURLE_OK &&
		connection != CURL_SOCKET_BAD)
		(void) shutdown(connection, SHUT_RD);
}

void smtp_disconnect(Smtp *smtp)
{
	if (smtp->curl != NULL)
		expect_no_answer(smtp);
	curl_easy_cleanup(smtp->curl);
	smtp->curl = NULL;
	smtp->used = false;
}

void smtp_free(Smtp *smtp)
{
	if (smtp == NULL)
		return;
	smtp_disconnect(smtp);
	free(smtp);
}

/* Fails only without memory, or if libcurl was built without what the option needs. */
#define SET(option, value) (curl_easy_setopt(smtp->curl, (option), (value)) == CURLE_OK)

static bool set_encryption(Smtp *smtp)
{
	const Config *config = smtp->config;

	return SET(CURLOPT_USE_SSL,
			   (long) (config->tls == CONFIG_TLS_REQUIRED ? CURLUSESSL_ALL : CURLUSESSL_TRY)) &&
		   SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) &&
		   SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
		   (*config->ca_file == '\0' ||
			(SET(CURLOPT_CAINFO, config->ca_file) && SET(CURLOPT_CAPATH, NULL)));
}

/* The kernel's own limit for data that nobody acknowledges would be a quarter of an hour. */
static int set_up_socket(void *unused, curl_socket_t connection, curlsocktype purpose)
{
	int limit_ms = DEAD_MS;

	(void) unused;
	(void) purpose;
	(void) setsockopt(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms));
	return CURL_SOCKOPT_OK;
}

static bool set_times(Smtp *smtp)
{
	/* A lookup that nobody needs any more is not waited for: a resolver may be silent. */
	return SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_QUICK_EXIT, 1L) &&
		   SET(CURLOPT_CONNECTTIMEOUT, (long) smtp->config->timeout_s) &&
		   SET(CURLOPT_NOPROGRESS, 0L) && SET(CURLOPT_XFERINFOFUNCTION, look_at_time) &&
		   SET(CURLOPT_XFERINFODATA, smtp) && SET(CURLOPT_SOCKOPTFUNCTION, set_up_socket) &&
		   SET(CURLOPT_TCP_KEEPALIVE, 1L) && SET(CURLOPT_TCP_KEEPIDLE, DEAD_IDLE_S) &&
		   SET(CURLOPT_TCP_KEEPINTVL, DEAD_INTERVAL_S);
}

static bool set_server(Smtp *smtp)
{
	const SmtpUrl *url = smtp->url;

	/* A proxy that the environment names is meant for the web. */
	return SET(CURLOPT_URL, url->url) && SET(CURLOPT_PROXY, "") &&
		   SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
		   (*url->user == '\0' ||
			(SET(CURLOPT_USERNAME, url->user) && SET(CURLOPT_PASSWORD, url->password)));
}

static bool set_trace(Smtp *smtp)
{
	return SET(CURLOPT_VERBOSE, 1L) && SET(CURLOPT_DEBUGFUNCTION, follow) &&
		   SET(CURLOPT_DEBUGDATA, smtp) && SET(CURLOPT_ERRORBUFFER, smtp->text);
}

/* A handle with everything that is the same for every mail. */
static bool prepare(Smtp *smtp, Error *error)
{
	if (smtp->curl != NULL)
		return true;
	smtp->curl = curl_easy_init();
	if (smtp->curl != NULL && set_trace(smtp) && set_server(smtp) && set_encryption(smtp) &&
		set_times(smtp))
		return true;
	smtp_disconnect(smtp);
	return error_set(error, ERROR_MEMORY, "libcurl cannot be set up for SMTP");
}

static ErrorCode code_of(CURLcode code)
{
	switch (code)
	{
		case CURLE_OUT_OF_MEMORY:
			return ERROR_MEMORY;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_CONNECT_ERROR:
		case CURLE_USE_SSL_FAILED:
		case CURLE_LOGIN_DENIED:
		case CURLE_REMOTE_ACCESS_DENIED:
			return ERROR_REFUSED;
		default:
			return ERROR_UNREACHABLE;
	}
}

/* The server's words if it refused; else libcurl's. */
static void explain(const Smtp *smtp, CURLcode code, Error *error)
{
	const Dialog *dialog = &smtp->dialog;
	const char *phase = dialog_phase_name(dialog->phase);

	if (smtp->patience.too_slow_s != 0)
		error_set(error, ERROR_UNREACHABLE, "%s: no answer within %d s", phase,
				  smtp->patience.too_slow_s);
	else if (dialog->answered && dialog->code >= 400)
		error_set(error, code_of(code), "%s: %s", phase, dialog->reply);
	else
		error_set(error, code_of(code), "%s: %s", phase,
				  *smtp->text != '\0' ? smtp->text : curl_easy_strerror(code));
}

static CURLcode perform(Smtp *smtp)
{
	dialog_begin(&smtp->dialog, smtp->used);
	patience_begin(&smtp->patience);
	smtp->text[0] = '\0';
	/* libcurl's own limit for an answer, which a goodbye may have set, must not come first. */
	if (!SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, patience_longest_s(smtp->config)))
		return CURLE_OUT_OF_MEMORY;
	return curl_easy_perform(smtp->curl);
}

/* One of the two parts, in quoted-printable: what is ASCII can be read as it is. */
static bool add_part(curl_mime *parts, const char *text, const char *type)
{
	curl_mimepart *part = curl_mime_addpart(parts);

	return part != NULL && curl_mime_data(part, text, CURL_ZERO_TERMINATED) == CURLE_OK &&
		   curl_mime_type(part, type) == CURLE_OK &&
		   curl_mime_encoder(part, "quoted-printable") == CURLE_OK;
}

/* The last part is the one that is shown where it can be (RFC 2046, 5.1.4). */
static curl_mime *make_parts(Smtp *smtp, const Mail *mail)
{
	curl_mime *parts = curl_mime_init(smtp->curl);

	if (parts != NULL && add_part(parts, mail->body.text, "text/plain; charset=utf-8") &&
		add_part(parts, mail->body.html, "text/html; charset=utf-8"))
		return parts;
	curl_mime_free(parts);
	return NULL;
}

/* libcurl adds MIME-Version and the boundary. */
static struct curl_slist *make_headers(const Mail *mail)
{
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: multipart/alternative");

	for (size_t i = 0; list != NULL && i < MAIL_HEADERS; i++)
	{
		struct curl_slist *longer = curl_slist_append(list, mail->headers[i]);

		if (longer == NULL)
			curl_slist_free_all(list);
		list = longer;
	}
	return list;
}

static SmtpOutcome outcome_of(Smtp *smtp, CURLcode code, char *answer, Error *error)
{
	/* libcurl wants 250 and no more than so many bytes; to send again what was taken is worse. */
	smtp->used = code == CURLE_OK;
	if (smtp->used || dialog_taken(&smtp->dialog))
	{
		SOMETIMES_IF(!smtp->used, "mailer.taken_against_libcurl");
		snprintf(answer, SMTP_ANSWER_SIZE, "%s", smtp->dialog.reply);
		return SMTP_SENT;
	}
	explain(smtp, code, error);
	/* Each attempt would end like this one, and may bring the mail once more. */
	if (code == TOO_LARGE && smtp->dialog.phase == DIALOG_END && !smtp->dialog.answered)
		return SMTP_UNREAD;
	if (code == CURLE_ABORTED_BY_CALLBACK && smtp->patience.too_slow_s == 0)
		return SMTP_STOPPED;
	if (dialog_fault(&smtp->dialog) == DIALOG_FAULT_MAIL)
		return SMTP_REFUSED;
	return smtp->dialog.phase >= DIALOG_RCPT ? SMTP_AWAY_NOW : SMTP_AWAY;
}

static SmtpOutcome transfer(Smtp *smtp, const Mail *mail, curl_mime *parts,
							struct curl_slist *headers, char *answer, Error *error)
{
	struct curl_slist *recipients = curl_slist_append(NULL, mail->recipient);
	CURLcode code = CURLE_OUT_OF_MEMORY;

	dialog_begin(&smtp->dialog, false);
	if (recipients != NULL && SET(CURLOPT_MAIL_FROM, smtp->config->from) &&
		SET(CURLOPT_MAIL_RCPT, recipients) && SET(CURLOPT_HTTPHEADER, headers) &&
		SET(CURLOPT_MIMEPOST, parts))
	{
		code = perform(smtp);
		if (code != CURLE_OK && dialog_fault(&smtp->dialog) == DIALOG_FAULT_STALE)
		{
			SOMETIMES("mailer.connection_stale");
			smtp->used = false;
			code = perform(smtp);
		}
	}
	curl_slist_free_all(recipients);
	return outcome_of(smtp, code, answer, error);
}

SmtpOutcome smtp_send(Smtp *smtp, const Mail *mail, char answer[SMTP_ANSWER_SIZE], Error *error)
{
	curl_mime *parts;
	struct curl_slist *headers;
	SmtpOutcome outcome = SMTP_AWAY;

	if (!prepare(smtp, error))
		return SMTP_AWAY;
	parts = make_parts(smtp, mail);
	headers = make_headers(mail);
	if (parts != NULL && headers != NULL)
		outcome = transfer(smtp, mail, parts, headers, answer, error);
	else
		error_set(error, ERROR_MEMORY, "out of memory");
	(void) (SET(CURLOPT_MIMEPOST, NULL) && SET(CURLOPT_HTTPHEADER, NULL) &&
			SET(CURLOPT_MAIL_RCPT, NULL));
	curl_mime_free(parts);
	curl_slist_free_all(headers);
	/* After a failure libcurl has closed the connection, or its state is unknown. */
	if (!smtp->used)
		smtp_disconnect(smtp);
	return outcome;
}

bool smtp_check(Smtp *smtp, Error *error)
{
	CURLcode code;
	bool done = false;

	if (!prepare(smtp, error))
		return false;
	if (!SET(CURLOPT_CUSTOMREQUEST, "NOOP") || !SET(CURLOPT_NOBODY, 1L))
		error_set(error, ERROR_MEMORY, "out of memory");
	else if ((code = perform(smtp)) != CURLE_OK)
		explain(smtp, code, error);
	else if (*smtp->url->user != '\0' && !smtp->dialog.login)
		error_set(error, ERROR_REFUSED, "the server does not offer a way to log in");
	else
		done = true;
	smtp_disconnect(smtp);
	return done;
}
