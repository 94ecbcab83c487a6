/*
 * store_uri.c - MONGODB_URI, and what the consumer adds to it; see store_uri.h.
 *
 * Must never show a driver's message about the URI: it may quote the password.
 */
#include "store_uri.h"

#define DATABASE_DEFAULT	 "campaign"
#define SELECTION_TIMEOUT_MS 3000

const char *store_database(const mongoc_uri_t *uri)
{
	const char *name = mongoc_uri_get_database(uri);

	return name != NULL && *name != '\0' ? name : DATABASE_DEFAULT;
}

int store_answer_ms(const Config *config)
{
	int hold_ms = config->hold_s * 1000;

	return hold_ms < STORE_SLOW_MS ? hold_ms : STORE_SLOW_MS;
}

static void set_default(mongoc_uri_t *uri, const char *option, int value)
{
	if (!mongoc_uri_has_option(uri, option))
		(void) mongoc_uri_set_option_as_int32(uri, option, value);
}

mongoc_uri_t *store_uri(const Config *config, Error *error)
{
	bson_error_t reason;
	mongoc_uri_t *uri = mongoc_uri_new_with_error(config->mongodb_uri, &reason);

	if (uri == NULL)
	{
		/* The driver's reason may quote the password. */
		error_set(error, ERROR_CONFIG,
				  "MONGODB_URI is no MongoDB URI (mongodb://user:password@host:port/database, user "
				  "and password percent-encoded)");
		return NULL;
	}
	/* Waits must end before the broker misses our heartbeats, and soon after a stop. */
	set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, SELECTION_TIMEOUT_MS);
	set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, config->timeout_s * 1000);
	set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, store_answer_ms(config));
	(void) mongoc_uri_set_option_as_bool(uri, MONGOC_URI_SERVERSELECTIONTRYONCE, false);
	/* Our own retry finds out what is there; the driver's costs a session for each insert. */
	(void) mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYWRITES, false);
	(void) mongoc_uri_set_appname(uri, "campaign-consumer");
	if (*config->ca_file != '\0' && mongoc_uri_get_tls(uri) &&
		!mongoc_uri_has_option(uri, MONGOC_URI_TLSCAFILE))
		(void) mongoc_uri_set_option_as_utf8(uri, MONGOC_URI_TLSCAFILE, config->ca_file);
	return uri;
}
