/*
 * test_jwt.c - tokens: RFC 7515's own example, lengths, short keys (R0.8).
 *
 * links: src/api/jwt.c pgcommon libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/api/jwt.h"

/* RFC 7515, appendix A.1: header and payload have line breaks in them, the key is binary. */
static const char rfc_header[] = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
static const char rfc_payload[] =
	"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
static const unsigned char rfc_key[] = {
	3,	 35,  53, 75,  43,	15, 165, 188, 131, 126, 6,	 101, 119, 123, 166, 143,
	90,	 179, 40, 230, 240, 84, 201, 40,  169, 15,	132, 178, 210, 80,	46,	 191,
	211, 251, 90, 146, 210, 6,	71,	 239, 150, 138, 180, 195, 119, 98,	61,	 34,
	61,	 46,  33, 114, 5,	46, 79,	 8,	  192, 205, 154, 245, 103, 208, 128, 163};
static const char rfc_token[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
								".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
								"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
								".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

static void test_rfc_7515_a1(void **state)
{
	char token[512];

	(void) state;
	assert_true(jwt_size(strlen(rfc_header), strlen(rfc_payload)) <= sizeof(token));
	assert_int_equal(jwt_sign(rfc_header, strlen(rfc_header), rfc_payload, strlen(rfc_payload),
							  (const char *) rfc_key, sizeof(rfc_key), token),
					 JWT_OK);
	assert_string_equal(token, rfc_token);
}

/* The buffer is exactly as long as jwt_size() says: the sanitizer sees one byte more. */
static void test_size_is_exact(void **state)
{
	char payload[100];

	(void) state;
	memset(payload, 'x', sizeof(payload));
	for (size_t length = 0; length < sizeof(payload); length++)
	{
		size_t size = jwt_size(strlen(JWT_HEADER), length);
		char *token = malloc(size);

		assert_non_null(token);
		assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), payload, length,
								  (const char *) rfc_key, sizeof(rfc_key), token),
						 JWT_OK);
		assert_int_equal(strlen(token) + 1, size);
		assert_null(strpbrk(token, "+/="));
		free(token);
	}
}

static void test_short_key_is_refused(void **state)
{
	const char key[] = "0123456789abcdef0123456789abcdef";
	char token[512];

	(void) state;
	assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), "{}", 2, key, JWT_KEY_MIN - 1, token),
					 JWT_KEY_SHORT);
	assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), "{}", 2, key, JWT_KEY_MIN, token),
					 JWT_OK);
}

static void test_key_and_payload_count(void **state)
{
	char key[] = "0123456789abcdef0123456789abcdef";
	char first[512], second[512], third[512];

	(void) state;
	assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), "{\"a\":1}", 7, key, 32, first),
					 JWT_OK);
	assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), "{\"a\":2}", 7, key, 32, second),
					 JWT_OK);
	key[31] ^= 1;
	assert_int_equal(jwt_sign(JWT_HEADER, strlen(JWT_HEADER), "{\"a\":1}", 7, key, 32, third),
					 JWT_OK);
	assert_string_not_equal(strrchr(first, '.'), strrchr(second, '.'));
	assert_string_not_equal(strrchr(first, '.'), strrchr(third, '.'));
}

static void test_every_result_has_a_text(void **state)
{
	(void) state;
	for (JwtResult result = JWT_OK; result <= JWT_HMAC; result++)
		assert_string_not_equal(jwt_result_text(result), "unknown result");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc_7515_a1),
		cmocka_unit_test(test_size_is_exact),
		cmocka_unit_test(test_short_key_is_refused),
		cmocka_unit_test(test_key_and_payload_count),
		cmocka_unit_test(test_every_result_has_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
