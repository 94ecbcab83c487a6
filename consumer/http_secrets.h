/*
 * http_secrets.h - the secrets of a template, each from a file of its own.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_SECRETS_H
#define CAMPAIGN_CONSUMER_HTTP_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include "http_fill.h"
#include "http_reader.h"

/*
 * Takes an object of names and files: the first line of each, from `folder`, "" or with a
 * slash at its end, on if its path is relative. False and the reader's error, which shows no
 * secret.
 */
bool http_secrets_read(HttpReader *reader, const char *folder, HttpSecrets *secrets);

/*
 * Replaces the secrets in a text by asterisks, for the case that a provider repeats them, as they
 * are or as they were sent: percent-encoded, escaped for JSON, in the base64 of a login; and what
 * may be the beginning of one at its end, if it was cut because its buffer has `size` bytes.
 * Another text may end as a secret begins by chance, and is to be found at the provider.
 */
void http_secrets_hide(const HttpSecrets *secrets, char *text, size_t size);

#endif /* CAMPAIGN_CONSUMER_HTTP_SECRETS_H */
