/*
 * jwt.c - a JSON Web Token: base64url of header and payload, and an HMAC over
 * both. token.c gives it the payload and the secret.
 *
 * Must never leave a key or a signature in memory that is freed.
 */
#include "c.h"

#include "common/hmac.h"
#include "common/sha2.h"

#include "jwt.h"

static const char base64url_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

const char *jwt_result_text(JwtResult result)
{
	switch (result)
	{
		case JWT_OK:
			return "signed";
		case JWT_KEY_SHORT:
			return "the secret has fewer than 32 bytes";
		case JWT_HMAC:
			return "the signature could not be computed";
	}
	return "unknown result";
}

/* Without padding: RFC 7515, section 2. */
static size_t base64url_size(size_t length)
{
	return (length * 8 + 5) / 6;
}

/* Writes no NUL; returns the end of what it wrote. */
static char *base64url_encode(const uint8 *data, size_t length, char *out)
{
	uint32 bits = 0;
	int held = 0;

	for (size_t i = 0; i < length; i++)
	{
		bits = bits << 8 | data[i];
		held += 8;
		while (held >= 6)
		{
			held -= 6;
			*out++ = base64url_digits[bits >> held & 0x3F];
		}
	}
	if (held > 0)
		*out++ = base64url_digits[bits << (6 - held) & 0x3F];
	return out;
}

size_t jwt_size(size_t header_length, size_t payload_length)
{
	return base64url_size(header_length) + base64url_size(payload_length) +
		   base64url_size(PG_SHA256_DIGEST_LENGTH) + sizeof("..");
}

static bool hmac_sha256(const char *key, size_t key_length, const char *data, size_t length,
						uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	bool done;

	if (context == NULL)
		return false;
	done = pg_hmac_init(context, (const uint8 *) key, key_length) >= 0 &&
		   pg_hmac_update(context, (const uint8 *) data, length) >= 0 &&
		   pg_hmac_final(context, digest, PG_SHA256_DIGEST_LENGTH) >= 0;
	pg_hmac_free(context);
	return done;
}

JwtResult jwt_sign(const char *header, size_t header_length, const char *payload,
				   size_t payload_length, const char *key, size_t key_length, char *token)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char *end;

	if (key_length < JWT_KEY_MIN)
		return JWT_KEY_SHORT;
	end = base64url_encode((const uint8 *) header, header_length, token);
	*end++ = '.';
	end = base64url_encode((const uint8 *) payload, payload_length, end);
	if (!hmac_sha256(key, key_length, token, end - token, digest))
		return JWT_HMAC;
	*end++ = '.';
	end = base64url_encode(digest, sizeof(digest), end);
	*end = '\0';
	explicit_bzero(digest, sizeof(digest));
	return JWT_OK;
}
