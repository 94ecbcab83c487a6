/*
 * welcome.h - the texts of the welcome mail, from three files of a folder:
 * welcome.subject, welcome.txt and welcome.html.
 *
 * Read and checked once, at the start: a mistake in them is a wrong setting, not
 * a mail that fails.
 */
#ifndef CAMPAIGN_MAILER_WELCOME_H
#define CAMPAIGN_MAILER_WELCOME_H

#include <stdbool.h>

#include "contract/error.h"

/* Owned; lines end with CR LF, as in a mail. */
typedef struct Welcome
{
	char *subject; /* one line */
	char *text;
	char *html;
} Welcome;

/* False and *error (ERROR_CONFIG) that names the file. */
bool welcome_load(const char *folder, Welcome *welcome, Error *error);

/* The texts for one recipient, in `filled`, which the caller frees. False: out of memory. */
bool welcome_fill(const Welcome *welcome, const char *email, Welcome *filled);

void welcome_free(Welcome *welcome);

#endif /* CAMPAIGN_MAILER_WELCOME_H */
