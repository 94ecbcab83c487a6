/*
 * password.c - Argon2id through libargon2, and the PHC strings around it.
 *
 * The strings are taken apart here and not by libargon2: its own verify starts
 * to work with whatever memory a stored hash asks for. Never logs, and wipes
 * every tag and salt it computed.
 */
#include "password.h"

#include <argon2.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define PHC_PREFIX	  "$argon2id$v=19$"
#define SALT_SIZE	  16
#define TAG_SIZE	  32
#define SALT_SIZE_MIN 8 /* RFC 9106 */
#define SALT_SIZE_MAX 64
#define TAG_SIZE_MIN  16
#define TAG_SIZE_MAX  64

/* A PHC string taken apart. */
typedef struct Phc
{
	uint32_t memory_kib;
	uint32_t passes;
	uint32_t lanes;
	uint8_t salt[SALT_SIZE_MAX];
	size_t salt_length;
	uint8_t tag[TAG_SIZE_MAX];
	size_t tag_length;
} Phc;

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const char *password_result_text(PasswordResult result)
{
	switch (result)
	{
		case PASSWORD_OK:
			return "password matches";
		case PASSWORD_MISMATCH:
			return "password does not match";
		case PASSWORD_MALFORMED:
			return "not an Argon2id hash in PHC form (version 19, p=1)";
		case PASSWORD_EXCESSIVE:
			return "Argon2id parameters are out of range";
		case PASSWORD_LENGTH:
			return "password must have 1 to 1024 bytes";
		case PASSWORD_MEMORY:
			return "not enough memory for Argon2id";
		case PASSWORD_ENTROPY:
			return "the system has no randomness for a salt";
	}
	return "unknown result";
}

PasswordResult password_argon2id(const PasswordInput *input, uint8_t *tag, size_t tag_length)
{
	/* libargon2 takes pointers to non-const but only writes with its clear flags, unset here. */
	argon2_context context = {
		.out = tag,
		.outlen = (uint32_t) tag_length,
		.pwd = (uint8_t *) input->password,
		.pwdlen = (uint32_t) input->password_length,
		.salt = (uint8_t *) input->salt,
		.saltlen = (uint32_t) input->salt_length,
		.secret = (uint8_t *) input->secret,
		.secretlen = (uint32_t) input->secret_length,
		.ad = (uint8_t *) input->data,
		.adlen = (uint32_t) input->data_length,
		.t_cost = input->passes,
		.m_cost = input->memory_kib,
		.lanes = input->lanes,
		.threads = 1, /* a PostgreSQL backend must not start threads */
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};

	switch (argon2id_ctx(&context))
	{
		case ARGON2_OK:
			return PASSWORD_OK;
		case ARGON2_MEMORY_ALLOCATION_ERROR:
			return PASSWORD_MEMORY;
		default:
			return PASSWORD_EXCESSIVE;
	}
}

/* Base 64 without padding, as PHC strings have it; returns the length written. */
static size_t base64_encode(const uint8_t *bytes, size_t length, char *out)
{
	uint32_t bits = 0;
	int held = 0;
	size_t written = 0;

	for (size_t i = 0; i < length; i++)
	{
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			out[written++] = base64_digits[bits >> (held - 6) & 0x3F];
	}
	if (held > 0)
		out[written++] = base64_digits[bits << (6 - held) & 0x3F];
	out[written] = '\0';
	return written;
}

/*
 * Decodes up to `end`; false for other characters, a length that no bytes have,
 * set bits behind the last byte (the encoding must be unique), or too many bytes.
 */
static bool base64_decode(const char *from, const char *end, uint8_t *out, size_t size,
						  size_t *length)
{
	uint32_t bits = 0;
	int held = 0;

	*length = 0;
	for (; from < end; from++)
	{
		const char *digit = *from != '\0' ? strchr(base64_digits, *from) : NULL;

		if (digit == NULL)
			return false;
		bits = bits << 6 | (uint32_t) (digit - base64_digits);
		held += 6;
		if (held >= 8)
		{
			if (*length == size)
				return false;
			held -= 8;
			out[(*length)++] = (uint8_t) (bits >> held & 0xFF);
		}
	}
	return held < 6 && (bits & ((1u << held) - 1)) == 0;
}

/* "m=" and a decimal number without sign or leading zero; moves *at behind it. */
static bool parse_parameter(const char **at, const char *name, uint32_t *value)
{
	uint64_t number = 0;

	if (strncmp(*at, name, strlen(name)) != 0)
		return false;
	*at += strlen(name);
	if (**at < '1' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++)
	{
		number = number * 10 + (uint64_t) (**at - '0');
		if (number > UINT32_MAX)
			return false;
	}
	*value = (uint32_t) number;
	return true;
}

static bool parse_phc(const char *hash, Phc *phc)
{
	const char *at = hash;
	const char *end;

	memset(phc, 0, sizeof(*phc));
	if (strncmp(at, PHC_PREFIX, sizeof(PHC_PREFIX) - 1) != 0)
		return false;
	at += sizeof(PHC_PREFIX) - 1;
	if (!parse_parameter(&at, "m=", &phc->memory_kib) ||
		!parse_parameter(&at, ",t=", &phc->passes) || !parse_parameter(&at, ",p=", &phc->lanes) ||
		*at != '$')
		return false;
	at++;
	end = strchr(at, '$');
	if (end == NULL || !base64_decode(at, end, phc->salt, sizeof(phc->salt), &phc->salt_length))
		return false;
	at = end + 1;
	return base64_decode(at, at + strlen(at), phc->tag, sizeof(phc->tag), &phc->tag_length) &&
		   phc->salt_length >= SALT_SIZE_MIN && phc->tag_length >= TAG_SIZE_MIN && phc->lanes == 1;
}

PasswordResult password_hash(const char *password, size_t length, uint32_t memory_kib,
							 uint32_t passes, char hash[PASSWORD_HASH_SIZE])
{
	uint8_t salt[SALT_SIZE];
	uint8_t tag[TAG_SIZE];
	char salt_text[24];
	char tag_text[48];
	PasswordInput input = {.password = (const uint8_t *) password,
						   .password_length = length,
						   .salt = salt,
						   .salt_length = sizeof(salt),
						   .memory_kib = memory_kib,
						   .passes = passes,
						   .lanes = 1};
	PasswordResult result;

	if (length < PASSWORD_MIN || length > PASSWORD_MAX)
		return PASSWORD_LENGTH;
	if (memory_kib < PASSWORD_MEMORY_KIB_MIN || memory_kib > PASSWORD_MEMORY_KIB_MAX ||
		passes < PASSWORD_PASSES_MIN || passes > PASSWORD_PASSES_MAX)
		return PASSWORD_EXCESSIVE;
	if (RAND_bytes(salt, sizeof(salt)) != 1)
		return PASSWORD_ENTROPY;
	result = password_argon2id(&input, tag, sizeof(tag));
	if (result == PASSWORD_OK)
	{
		base64_encode(salt, sizeof(salt), salt_text);
		base64_encode(tag, sizeof(tag), tag_text);
		/* At most 113 bytes: the parameters are capped. */
		(void) snprintf(hash, PASSWORD_HASH_SIZE, PHC_PREFIX "m=%u,t=%u,p=1$%s$%s", memory_kib,
						passes, salt_text, tag_text);
		explicit_bzero(tag_text, sizeof(tag_text));
	}
	explicit_bzero(tag, sizeof(tag));
	explicit_bzero(salt, sizeof(salt));
	return result;
}

PasswordResult password_verify(const char *password, size_t length, const char *hash,
							   uint32_t memory_kib_max)
{
	uint8_t tag[TAG_SIZE_MAX];
	PasswordInput input = {
		.password = (const uint8_t *) password, .password_length = length, .lanes = 1};
	Phc phc;
	PasswordResult result;

	if (length < PASSWORD_MIN || length > PASSWORD_MAX)
		return PASSWORD_LENGTH;
	if (!parse_phc(hash, &phc))
		return PASSWORD_MALFORMED;
	if (phc.memory_kib > memory_kib_max || phc.memory_kib > PASSWORD_MEMORY_KIB_MAX ||
		phc.memory_kib < ARGON2_MIN_MEMORY || phc.passes > PASSWORD_PASSES_MAX)
		return PASSWORD_EXCESSIVE;

	input.salt = phc.salt;
	input.salt_length = phc.salt_length;
	input.memory_kib = phc.memory_kib;
	input.passes = phc.passes;
	result = password_argon2id(&input, tag, phc.tag_length);
	if (result == PASSWORD_OK && CRYPTO_memcmp(tag, phc.tag, phc.tag_length) != 0)
		result = PASSWORD_MISMATCH;
	explicit_bzero(tag, sizeof(tag));
	explicit_bzero(&phc, sizeof(phc));
	return result;
}

bool password_needs_rehash(const char *hash, uint32_t memory_kib, uint32_t passes)
{
	Phc phc;
	bool weaker = !parse_phc(hash, &phc) || phc.memory_kib < memory_kib || phc.passes < passes ||
				  phc.salt_length < SALT_SIZE || phc.tag_length < TAG_SIZE;

	explicit_bzero(&phc, sizeof(phc));
	return weaker;
}
