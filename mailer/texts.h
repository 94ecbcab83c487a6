/*
 * texts.h - the texts of the mails, from three files of a folder for each kind: welcome.subject,
 * welcome.txt and welcome.html, and so on.
 *
 * Read and checked once, at the start: a mistake in them is a wrong setting, not
 * a mail that fails.
 */
#ifndef CAMPAIGN_MAILER_TEXTS_H
#define CAMPAIGN_MAILER_TEXTS_H

#include <stdbool.h>

#include "contract/error.h"

#define TEXTS_KINDS 4 /* welcome, confirm, reset, invitation */

/* Of one kind. Owned; lines end with CR LF, as in a mail. */
typedef struct Texts
{
	char *subject; /* one line */
	char *text;
	char *html;
} Texts;

/* Of all kinds. */
typedef struct TextsSet
{
	Texts kinds[TEXTS_KINDS];
} TextsSet;

/* What is filled in; what a kind has no use for may be "". */
typedef struct TextsValues
{
	const char *email;
	const char *code;
	const char *company;
	const char *inviter;
} TextsValues;

/* False and *error (ERROR_CONFIG) that names the file. */
bool texts_load(const char *folder, TextsSet *set, Error *error);

/* The texts of a kind, such as "welcome"; NULL if it is none. */
const Texts *texts_find(const TextsSet *set, const char *kind);

/* The texts for one recipient, in `filled`, which the caller frees. False: out of memory. */
bool texts_fill(const Texts *texts, const TextsValues *values, Texts *filled);

/* Wipes them too: there may be a code in them. */
void texts_free(Texts *texts);
void texts_set_free(TextsSet *set);

#endif /* CAMPAIGN_MAILER_TEXTS_H */
