/*
 * test_address.c - what may stand in RCPT TO and in a header as an address, and that
 * nothing gets through that could begin another line (R4.1).
 *
 * links: mailer/address.c lib/contract/error.c lib/contract/utf8.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mailer/address.h"

static void take(const char *address)
{
	Error error = {0};

	if (!address_check(address, &error))
		fail_msg("\"%s\" is refused: %s", address, error.text);
}

static void refuse(const char *address, const char *why)
{
	Error error = {0};

	if (address_check(address, &error))
		fail_msg("\"%s\" is taken", address);
	assert_int_equal(error.code, ERROR_PROTOCOL);
	if (strstr(error.text, why) == NULL)
		fail_msg("\"%s\": \"%s\" does not say \"%s\"", address, error.text, why);
}

static void test_addresses(void **state)
{
	(void) state;
	take("ana@example.com");
	take("Ana.Maria+list=x@mail.example.com");
	take("o'neil_{x}|~!#$%&*-/?^`@example.com");
	take("a..b.@docomo.example");
	take("a@localhost");
	take("jos\xC3\xA9@ex\xC3\xA4mple.com");
	take("\xE4\xBD\xA0\xE5\xA5\xBD@\xF0\x9F\x93\xA7.example");
}

static void test_wrong_addresses(void **state)
{
	(void) state;
	refuse("", "no @");
	refuse("example.com", "no @");
	refuse("@example.com", "has nothing before");
	refuse("ana@", "has nothing before");
	refuse("a@b@example.com", "only allowed in quotes");
	refuse("a b@example.com", "only allowed in quotes");
	refuse("\"a b\"@example.com", "only allowed in quotes");
	refuse("a,b@example.com", "only allowed in quotes");
	refuse("Ana <ana@example.com>", "only allowed in quotes");
	refuse("ana@example.com>", "only allowed in quotes");
	refuse("ana@[127.0.0.1]", "only allowed in quotes");
	refuse("ana(comment)@example.com", "only allowed in quotes");
	refuse("ana@exam ple.com", "only allowed in quotes");
}

static void test_nothing_begins_another_line(void **state)
{
	(void) state;
	refuse("ana@example.com\r\nBcc: eve@example.com", "only allowed in quotes");
	refuse("ana\r\nBcc: eve@example.com", "control character");
	refuse("ana@example.com\r\nDATA", "control character");
	refuse("ana@example.com\n", "control character");
	refuse("ana\r@example.com", "control character");
	refuse("\tana@example.com", "control character");
	refuse("ana\x7F@example.com", "control character");
	refuse("ana\x01@example.com", "control character");
	refuse("ana\xC2\x85@example.com", "control character");		/* NEL */
	refuse("ana\xE2\x80\xA8@example.com", "control character"); /* line separator */
	refuse("ana\xE2\x80\xAE@example.com", "control character"); /* right-to-left override */
	refuse("ana\xC0\x8A@example.com", "not UTF-8");				/* an overlong line feed */
	refuse("ana\xFF@example.com", "not UTF-8");
	refuse("ana@example.com\xE2\x80", "not UTF-8");
}

static void test_lengths(void **state)
{
	char address[300];

	(void) state;
	memset(address, 'a', sizeof(address));
	memcpy(address + 64, "@", 1);
	address[254] = '\0';
	take(address);
	address[254] = 'a';
	address[255] = '\0';
	refuse(address, "longer than 254");
	memset(address, 'a', 65);
	memcpy(address + 65, "@example.com", 13);
	refuse(address, "more than 64");
}

static void test_parts(void **state)
{
	(void) state;
	assert_string_equal(address_domain("ana@example.com"), "example.com");
	assert_true(address_is_ascii("ana@example.com"));
	assert_false(address_is_ascii("jos\xC3\xA9@example.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_wrong_addresses),
		cmocka_unit_test(test_nothing_begins_another_line),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
