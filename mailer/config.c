/*
 * config.c - the table of the mailer's settings; see config.h.
 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "headers.h"
#include "program/urls.h"

static const char *const TLS_WORDS[] = {"required", "optional", NULL};

static const Option OPTIONS[] = {
	{"MAILER_DATABASE_URL", "database-url", "URL", NULL, "PostgreSQL, as campaign_mailer",
	 OPTION_URL, OPTION_PLACE(database_url)},
	{"SMTP_URL", "smtp-url", "URL", NULL,
	 "SMTP server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465",
	 OPTION_URL, OPTION_PLACE(smtp_url)},
	{"SMTP_CA_FILE", "smtp-ca-file", "FILE", "",
	 "PEM bundle to check the server's certificate with; empty: the system's", OPTION_TEXT,
	 OPTION_PLACE(ca_file)},
	{"SMTP_TLS", "smtp-tls", "required|optional", "required",
	 "optional: in clear text, the password too, if the server does not offer STARTTLS",
	 OPTION_WORD, OPTION_PLACE(tls), .words = TLS_WORDS},
	{"MAILER_FROM", "from", "ADDRESS", NULL, "address that mails are from", OPTION_TEXT,
	 OPTION_PLACE(from)},
	{"MAILER_FROM_NAME", "from-name", "NAME", "", "name shown beside that address", OPTION_TEXT,
	 OPTION_PLACE(from_name)},
	{"MAILER_DOMAIN", "domain", "NAME", "",
	 "part of Message-IDs after the @; empty: the domain of MAILER_FROM", OPTION_TEXT,
	 OPTION_PLACE(domain)},
	{"MAILER_TEMPLATES", "templates", "FOLDER", "",
	 "folder with welcome.subject, .txt, .html and so on; empty: those that came with the program",
	 OPTION_TEXT, OPTION_PLACE(templates)},
	{"MAILER_POLL_INTERVAL", "poll-interval", "SECONDS", "60",
	 "look for mails this often, even without being woken, 1 to 3600", OPTION_NUMBER,
	 OPTION_PLACE(poll_interval_s), 1, 3600},
	{"MAILER_TIMEOUT", "timeout", "SECONDS", "30",
	 "to connect to a server, encrypt and log in, 2 to 300", OPTION_NUMBER, OPTION_PLACE(timeout_s),
	 2, 300},
	{"MAILER_SEND_TIMEOUT", "send-timeout", "SECONDS", "300",
	 "for the server's answer to each of MAIL, RCPT and DATA, 2 to 3600", OPTION_NUMBER,
	 OPTION_PLACE(send_timeout_s), 2, 3600},
	{"MAILER_ANSWER_TIMEOUT", "answer-timeout", "SECONDS", "600",
	 "for its answer to the whole mail; if it runs out, the mail is sent again, 2 to 3600",
	 OPTION_NUMBER, OPTION_PLACE(answer_timeout_s), 2, 3600},
	OPTION_LOG_FORMAT,
	OPTION_LOG_LEVEL,
};

const OptionTable CONFIG_TABLE = {
	.program = "campaign-mailer",
	.prefix = "MAILER_",
	.about = "sends the mails that PostgreSQL has queued: welcomes, codes, invitations.",
	.check = "try PostgreSQL and the SMTP server, with login",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(*OPTIONS),
};

SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error)
{
	memset(config, 0, sizeof(*config));
	return settings_load(&CONFIG_TABLE, argc, argv, environment, config, config->unknown, error);
}

static bool check_from(const Config *config, Error *error)
{
	char line[HEADERS_LINE_SIZE];
	Error reason = {0};

	if (!address_check(config->from, &reason))
		return error_set(error, ERROR_CONFIG, "MAILER_FROM: %s", reason.text);
	/* Every mail would need a server that takes such addresses. */
	if (!address_is_ascii(config->from))
		return error_set(error, ERROR_CONFIG, "MAILER_FROM must be ASCII");
	if (!headers_mailbox("From", config->from_name, config->from, line, &reason))
		return error_set(error, ERROR_CONFIG, "MAILER_FROM_NAME: %s", reason.text);
	return true;
}

static bool check_domain(Config *config, Error *error)
{
	size_t length = 0;

	if (*config->domain == '\0')
		snprintf(config->domain, sizeof(config->domain), "%s", address_domain(config->from));
	while (isalnum((unsigned char) config->domain[length]) || config->domain[length] == '-' ||
		   config->domain[length] == '.' || config->domain[length] == '_')
		length++;
	return config->domain[length] == '\0' ||
		   error_set(error, ERROR_CONFIG, "MAILER_DOMAIN must be a domain name");
}

bool config_check(Config *config, Error *error)
{
	if (!check_from(config, error) || !check_domain(config, error) ||
		!urls_check_postgresql("MAILER_DATABASE_URL", config->database_url, error) ||
		!urls_check_escaped("SMTP_URL", config->smtp_url, error))
		return false;
	if (*config->ca_file != '\0' && access(config->ca_file, R_OK) != 0)
		return error_set(error, ERROR_CONFIG, "SMTP_CA_FILE cannot be read");
	return true;
}

void config_wipe(Config *config)
{
	explicit_bzero(config, sizeof(*config));
}
