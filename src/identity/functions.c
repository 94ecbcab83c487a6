/*
 * functions.c - cuid2() and the password functions of SQL: arguments in, errors out.
 * The work is done in cuid2.c and password.c, which know nothing of PostgreSQL.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "cuid2.h"
#include "password.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(campaign_cuid2);
PG_FUNCTION_INFO_V1(campaign_password_hash);
PG_FUNCTION_INFO_V1(campaign_password_verify);
PG_FUNCTION_INFO_V1(campaign_password_needs_rehash);

Datum campaign_cuid2(PG_FUNCTION_ARGS)
{
	int32 length = PG_GETARG_INT32(0);
	char id[CUID2_LENGTH_MAX + 1];

	if (length < CUID2_LENGTH_MIN || length > CUID2_LENGTH_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cuid2 length must be between %d and %d, not %d", CUID2_LENGTH_MIN,
							   CUID2_LENGTH_MAX, length)));
	if (!cuid2_generate(length, id))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("no randomness for a cuid2")));
	PG_RETURN_TEXT_P(cstring_to_text(id));
}

/* A copy of the password that the caller wipes with password_forget(). */
static char *password_argument(text *argument, size_t *length)
{
	*length = VARSIZE_ANY_EXHDR(argument);
	return text_to_cstring(argument);
}

static void password_forget(char *password, size_t length)
{
	explicit_bzero(password, length);
	pfree(password);
}

/* Raises what password.c refused; a mismatch is an answer, not an error. */
static void password_check(PasswordResult result)
{
	int code = ERRCODE_INVALID_PARAMETER_VALUE;

	if (result == PASSWORD_OK || result == PASSWORD_MISMATCH)
		return;
	if (result == PASSWORD_EXCESSIVE)
		code = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
	else if (result == PASSWORD_MEMORY)
		code = ERRCODE_OUT_OF_MEMORY;
	else if (result == PASSWORD_ENTROPY)
		code = ERRCODE_INTERNAL_ERROR;
	/* The statement that failed may hold the password. */
	ereport(ERROR, (errcode(code), errmsg("password: %s", password_result_text(result)),
					errhidestmt(true)));
}

Datum campaign_password_hash(PG_FUNCTION_ARGS)
{
	size_t length;
	char *password = password_argument(PG_GETARG_TEXT_PP(0), &length);
	char hash[PASSWORD_HASH_SIZE];
	PasswordResult result =
		password_hash(password, length, settings_argon2_memory, settings_argon2_iterations, hash);

	password_forget(password, length);
	password_check(result);
	PG_RETURN_TEXT_P(cstring_to_text(hash));
}

Datum campaign_password_verify(PG_FUNCTION_ARGS)
{
	size_t length;
	char *hash = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char *password = password_argument(PG_GETARG_TEXT_PP(0), &length);
	PasswordResult result = password_verify(password, length, hash, PASSWORD_MEMORY_KIB_MAX);

	password_forget(password, length);
	/* Nobody has an empty password, or one that is too long: it is wrong like any other. */
	if (result != PASSWORD_LENGTH)
		password_check(result);
	PG_RETURN_BOOL(result == PASSWORD_OK);
}

Datum campaign_password_needs_rehash(PG_FUNCTION_ARGS)
{
	char *hash = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_BOOL(password_needs_rehash(hash, settings_argon2_memory, settings_argon2_iterations));
}
