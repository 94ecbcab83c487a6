/*
 * password.h - passwords as Argon2id hashes in PHC string form
 * ($argon2id$v=19$m=19456,t=2,p=1$salt$tag; RFC 9106).
 *
 * Pure: no PostgreSQL header, one thread. Never works on parameters of a stored
 * hash before they are capped, never leaves a password or a tag in memory.
 */
#ifndef CAMPAIGN_PASSWORD_H
#define CAMPAIGN_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a password. The upper limit keeps a request from buying CPU with size. */
#define PASSWORD_MIN 1
#define PASSWORD_MAX 1024

/* Memory in KiB and passes. The minimum is OWASP's; more than the maximum is refused. */
#define PASSWORD_MEMORY_KIB_MIN 19456
#define PASSWORD_MEMORY_KIB_MAX 1048576
#define PASSWORD_PASSES_MIN		2
#define PASSWORD_PASSES_MAX		64

#define PASSWORD_HASH_SIZE 128 /* of a PHC string with its NUL, as made here */

typedef enum PasswordResult
{
	PASSWORD_OK = 0,
	PASSWORD_MISMATCH,	/* verify: another password */
	PASSWORD_MALFORMED, /* verify: no Argon2id PHC string of version 19 with p=1 */
	PASSWORD_EXCESSIVE, /* parameters out of range, refused before any work */
	PASSWORD_LENGTH,	/* shorter than PASSWORD_MIN or longer than PASSWORD_MAX */
	PASSWORD_MEMORY,	/* the memory asked for is not there */
	PASSWORD_ENTROPY	/* no randomness for the salt */
} PasswordResult;

/* What a result means, one static line for a person. */
const char *password_result_text(PasswordResult result);

/*
 * Hashes with a random salt of 16 bytes, a tag of 32 and p=1, into `hash`.
 * Parameters outside the limits above are PASSWORD_EXCESSIVE.
 */
PasswordResult password_hash(const char *password, size_t length, uint32_t memory_kib,
							 uint32_t passes, char hash[PASSWORD_HASH_SIZE]);

/*
 * PASSWORD_OK if the password is the one that was hashed. A hash that asks for
 * more than `memory_kib_max` (at most PASSWORD_MEMORY_KIB_MAX counts) or
 * PASSWORD_PASSES_MAX is PASSWORD_EXCESSIVE. Tags are compared in constant time.
 */
PasswordResult password_verify(const char *password, size_t length, const char *hash,
							   uint32_t memory_kib_max);

/* True if the hash is weaker than these parameters ask for, or is no such hash. */
bool password_needs_rehash(const char *hash, uint32_t memory_kib, uint32_t passes);

/*
 * The Argon2id function below the three above, on one thread whatever `lanes`
 * says. Public for the test vector of RFC 9106, which has four lanes, a secret
 * and associated data (NULL and 0 otherwise). Nothing is checked but by libargon2.
 */
typedef struct PasswordInput
{
	const uint8_t *password;
	size_t password_length;
	const uint8_t *salt;
	size_t salt_length;
	const uint8_t *secret;
	size_t secret_length;
	const uint8_t *data;
	size_t data_length;
	uint32_t memory_kib;
	uint32_t passes;
	uint32_t lanes;
} PasswordInput;

PasswordResult password_argon2id(const PasswordInput *input, uint8_t *tag, size_t tag_length);

#endif /* CAMPAIGN_PASSWORD_H */
