/*
 * jwt.h - JSON Web Tokens signed with HMAC-SHA-256 (HS256; RFC 7515, RFC 7518).
 *
 * Only signs: PostgREST verifies. Needs nothing of PostgreSQL but its HMAC
 * (common/hmac.h), so that it runs outside the server too.
 */
#ifndef CAMPAIGN_JWT_H
#define CAMPAIGN_JWT_H

#include <stddef.h>

#define JWT_KEY_MIN 32 /* bytes of the key: RFC 7518, section 3.2 */

typedef enum JwtResult
{
	JWT_OK = 0,
	JWT_KEY_SHORT, /* the key has fewer than JWT_KEY_MIN bytes */
	JWT_HMAC	   /* the HMAC could not be computed: out of memory, or refused by OpenSSL */
} JwtResult;

/* What a result means, one static line for a person. */
const char *jwt_result_text(JwtResult result);

/* Bytes that jwt_sign() writes for a header and a payload of these lengths, with the NUL. */
size_t jwt_size(size_t header_length, size_t payload_length);

/*
 * Writes header.payload.signature in base64url into `token`, which has room for
 * jwt_size() bytes. Header and payload are JSON and taken as they are; the header
 * must say "HS256", as JWT_HEADER does.
 */
#define JWT_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
JwtResult jwt_sign(const char *header, size_t header_length, const char *payload,
				   size_t payload_length, const char *key, size_t key_length, char *token);

#endif /* CAMPAIGN_JWT_H */
