/*
 * check.h - `--check`: tries PostgreSQL and the SMTP server and prints a line each.
 */
#ifndef CAMPAIGN_MAILER_CHECK_H
#define CAMPAIGN_MAILER_CHECK_H

#include "config.h"
#include "contract/error.h"
#include "smtp_url.h"

/*
 * Prints to standard output, without passwords; sends no mail. ERROR_NONE if all is
 * well, ERROR_UNREACHABLE if a server is away, else ERROR_REFUSED.
 */
ErrorCode check_all(const Config *config, const SmtpUrl *url);

#endif /* CAMPAIGN_MAILER_CHECK_H */
