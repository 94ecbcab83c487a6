/*
 * urls.c - looking at URLs; see urls.h.
 *
 * Must never put a URL, or a part of one, into an error.
 */
#include "urls.h"

#include <libpq-fe.h>
#include <string.h>

/*
 * An '@', '/', '?' or '#' that is not escaped leaves an '@' where none belongs: a second one
 * before the path, or one behind it.
 */
bool urls_check_escaped(const char *name, const char *url, Error *error)
{
	const char *authority = strstr(url, "://");
	const char *last;
	size_t length;

	if (authority == NULL)
		return true;
	authority += 3;
	length = strcspn(authority, "/?#");
	last = strrchr(authority, '@');
	if (last == NULL || (last < authority + length && memchr(authority, '@', length) == last))
		return true;
	return error_set(error, ERROR_CONFIG,
					 "%s: user and password must be percent-encoded ('@' is %%40, '/' is %%2F)",
					 name);
}

bool urls_check_postgresql(const char *name, const char *url, Error *error)
{
	PQconninfoOption *options;
	char *reason = NULL;

	if (!urls_check_escaped(name, url, error))
		return false;
	options = PQconninfoParse(url, &reason);
	if (options == NULL)
		/* libpq's reason may repeat the URL, password and all. */
		error_set(error, ERROR_CONFIG, "%s is not a PostgreSQL URL or connection string", name);
	PQfreemem(reason);
	PQconninfoFree(options);
	return options != NULL;
}
