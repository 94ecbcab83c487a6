/*
 * token.c - campaign.jwt_sign(): a token, signed with campaign.jwt_secret. What is in
 * it is decided by sql/41_applications.sql and sql/42_tokens.sql.
 *
 * Must never show the secret, not even in an error.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "jwt.h"
#include "settings.h"

PG_FUNCTION_INFO_V1(campaign_jwt_sign);

Datum campaign_jwt_sign(PG_FUNCTION_ARGS)
{
	Jsonb *claims = PG_GETARG_JSONB_P(0);
	char *payload = JsonbToCString(NULL, &claims->root, VARSIZE(claims));
	size_t header_length = strlen(JWT_HEADER);
	size_t payload_length = strlen(payload);
	char *token = palloc(jwt_size(header_length, payload_length));
	const char *problem = NULL;
	char *secret = settings_read_jwt_secret(&problem);

	if (secret != NULL)
	{
		size_t secret_length = strlen(secret);
		JwtResult result = jwt_sign(JWT_HEADER, header_length, payload, payload_length, secret,
									secret_length, token);

		explicit_bzero(secret, secret_length);
		pfree(secret);
		if (result != JWT_OK)
			problem = jwt_result_text(result);
	}
	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR), errmsg("tokens cannot be signed: %s", problem),
				 errhint("Set campaign.jwt_secret or campaign.jwt_secret_file to the jwt-secret of "
						 "PostgREST, at least %d bytes, and reload.",
						 JWT_KEY_MIN)));
	PG_RETURN_TEXT_P(cstring_to_text(token));
}
