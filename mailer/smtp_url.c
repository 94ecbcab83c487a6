/*
 * smtp_url.c - SMTP_URL, by libcurl's own parser; see smtp_url.h.
 *
 * Must never put a part of the URL into an error.
 */
#include "smtp_url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool wrong(Error *error, const char *what)
{
	return error_set(error, ERROR_CONFIG, "SMTP_URL %s", what);
}

/* A part of the URL, decoded; "" if it has none. False: too long, or a control character. */
static bool copy_part(CURLU *parts, CURLUPart part, char out[SMTP_URL_PART_SIZE])
{
	char *text = NULL;
	bool done;

	out[0] = '\0';
	switch (curl_url_get(parts, part, &text, CURLU_URLDECODE))
	{
		case CURLUE_OK:
			break;
		case CURLUE_NO_USER:
		case CURLUE_NO_PASSWORD:
		case CURLUE_NO_QUERY:
		case CURLUE_NO_FRAGMENT:
			return true;
		default:
			return false;
	}
	done = strlen(text) < SMTP_URL_PART_SIZE;
	if (done)
		memcpy(out, text, strlen(text) + 1);
	explicit_bzero(text, strlen(text));
	curl_free(text);
	return done;
}

/* The URL as libcurl is to have it: the login goes to it by itself. */
static bool copy_rest(CURLU *parts, char out[SMTP_URL_PART_SIZE])
{
	char *text = NULL;
	bool done = curl_url_set(parts, CURLUPART_USER, NULL, 0) == CURLUE_OK &&
				curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) == CURLUE_OK &&
				curl_url_get(parts, CURLUPART_URL, &text, 0) == CURLUE_OK &&
				strlen(text) < SMTP_URL_PART_SIZE;

	if (done)
		memcpy(out, text, strlen(text) + 1);
	curl_free(text);
	return done;
}

static bool take_apart(CURLU *parts, SmtpUrl *url, Error *error)
{
	char unwanted[SMTP_URL_PART_SIZE];

	if (!copy_part(parts, CURLUPART_USER, url->user) ||
		!copy_part(parts, CURLUPART_PASSWORD, url->password))
		return wrong(error, "has a user or password that is too long or has control characters");
	if ((*url->user == '\0') != (*url->password == '\0'))
		return wrong(error, "must have both user and password, or none");
	if (!copy_part(parts, CURLUPART_QUERY, unwanted) || *unwanted != '\0' ||
		!copy_part(parts, CURLUPART_FRAGMENT, unwanted) || *unwanted != '\0')
		return wrong(error, "has text behind a '?' or '#'");
	return copy_rest(parts, url->url) || wrong(error, "is too long");
}

bool smtp_url_parse(const char *text, SmtpUrl *url, Error *error)
{
	CURLU *parts = curl_url();
	bool done;

	memset(url, 0, sizeof(*url));
	url->implicit_tls = strncasecmp(text, "smtps://", 8) == 0;
	if (parts == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (!url->implicit_tls && strncasecmp(text, "smtp://", 7) != 0)
		done = wrong(error, "must begin with smtp:// or smtps://");
	else if (curl_url_set(parts, CURLUPART_URL, text, 0) != CURLUE_OK)
		done = wrong(error, "is not a URL such as smtp://user:password@host:587");
	else
		done = take_apart(parts, url, error);
	curl_url_cleanup(parts);
	if (!done)
		smtp_url_wipe(url);
	return done;
}

void smtp_url_wipe(SmtpUrl *url)
{
	explicit_bzero(url, sizeof(*url));
}
