/*
 * test_broker_url.c - AMQP URLs as people and hosting services write them, and
 * no password in any error (R0.16).
 *
 * links: lib/contract/broker_url.c lib/contract/error.c lib/contract/utf8.c librabbitmq
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/contract/broker.h"

static void expect(const char *text, const char *user, const char *password, const char *described)
{
	BrokerUrl url;
	Error error = {0};
	char where[600];

	if (!broker_url_parse(text, &url, &error))
		fail_msg("%s: %s", text, error.text);
	assert_string_equal(url.user, user);
	assert_string_equal(url.password, password);
	broker_url_describe(&url, 0, where, sizeof(where));
	assert_string_equal(where, described);
}

static void test_forms(void **state)
{
	(void) state;
	expect("amqp://h", "guest", "guest", "h:5672/");
	expect("amqp://h/", "guest", "guest", "h:5672/");
	expect("amqp://h/%2F", "guest", "guest", "h:5672/");
	expect("amqp://h/%2f?", "guest", "guest", "h:5672/");
	expect("AMQP://h:1/v", "guest", "guest", "h:1/v");
	expect("AmqpS://u:p@h/v", "u", "p", "h:5671/v");
	expect("amqp://u@h", "u", "guest", "h:5672/");
	expect("amqp://u:@h", "u", "", "h:5672/");
	expect("amqp://u%40x:a%3Ab%2Fc%25@h", "u@x", "a:b/c%", "h:5672/");
	expect("amqp://u:p:q@h", "u", "p:q", "h:5672/");
	expect("amqp://u:p@q@h", "u", "p@q", "h:5672/");
	expect("amqp://[::1]:99/v", "guest", "guest", "[::1]:99/v");
	expect("amqp://[fe80::1]", "guest", "guest", "[fe80::1]:5672/");
	expect("amqp://h/a%20b%2Fc", "guest", "guest", "h:5672/a b/c");
	expect("amqp://h?heartbeat=3", "guest", "guest", "h:5672/");
	expect("amqp://h/a%0Ab", "guest", "guest", "h:5672/a?b");
	/* The form of CloudAMQP: user and vhost are the same. */
	expect("amqps://abcdefgh:S3cr-et_x@toad.rmq.example.com/abcdefgh", "abcdefgh", "S3cr-et_x",
		   "toad.rmq.example.com:5671/abcdefgh");
}

/* All hosts as they are described, one after the other. */
static void expect_hosts(const char *text, const char *hosts)
{
	BrokerUrl url;
	Error error = {0};
	char seen[600] = "";

	if (!broker_url_parse(text, &url, &error))
		fail_msg("%s: %s", text, error.text);
	for (int i = 0; i < url.host_count; i++)
	{
		size_t length = strlen(seen);

		if (i > 0)
			seen[length++] = ' ';
		broker_url_describe(&url, (unsigned) i, seen + length, sizeof(seen) - length);
	}
	assert_string_equal(seen, hosts);
}

/* R8.3: the nodes of a cluster, as libpq and MongoDB's drivers take theirs. */
static void test_hosts(void **state)
{
	BrokerUrl url;
	Error error;

	(void) state;
	expect_hosts("amqp://u:p@a:1,b:2,c/v", "a:1/v b:2/v c:5672/v");
	expect_hosts("amqps://a,b:7?heartbeat=3", "a:5671/ b:7/");
	expect_hosts("amqp://[::1]:9,[::2],10.0.0.1", "[::1]:9/ [::2]:5672/ 10.0.0.1:5672/");
	expect_hosts("amqp://a,a", "a:5672/ a:5672/");
	/* A comma in the password is no host. */
	expect_hosts("amqp://u:p,q@a,b", "a:5672/ b:5672/");
	assert_true(broker_url_parse("amqp://u:p,q@a,b:3", &url, &error));
	assert_string_equal(url.password, "p,q");
	assert_string_equal(broker_url_host(&url, 4)->name, "a");
	assert_string_equal(broker_url_host(&url, 5)->name, "b");
	assert_int_equal(broker_url_host(&url, 5)->port, 3);
}

static void test_number_of_hosts(void **state)
{
	char text[8 + 2 * BROKER_HOSTS_MAX + 8] = "amqp://";
	BrokerUrl url;
	Error error;

	(void) state;
	for (int i = 0; i < BROKER_HOSTS_MAX; i++)
		strcat(text, i == 0 ? "h" : ",h");
	assert_true(broker_url_parse(text, &url, &error));
	assert_int_equal(url.host_count, BROKER_HOSTS_MAX);
	strcat(text, ",h");
	assert_false(broker_url_parse(text, &url, &error));
	assert_int_equal(error.code, ERROR_CONFIG);
}

static void test_query(void **state)
{
	BrokerUrl url;
	Error error;

	(void) state;
	assert_true(broker_url_parse(
		"amqps://h/v?verify=verify_peer&heartbeat=15&connection_timeout=2500&x#y", &url, &error));
	assert_true(url.tls);
	assert_string_equal(url.vhost, "v");
	assert_int_equal(url.heartbeat, 15);
	assert_int_equal(url.connect_timeout_ms, 2500);
	assert_true(broker_url_parse("amqp://h/v", &url, &error));
	assert_false(url.tls);
	assert_int_equal(url.heartbeat, 0);
	assert_int_equal(url.connect_timeout_ms, 0);
}

static void test_refused(void **state)
{
	static const char *const urls[] = {
		"",
		"h",
		"http://u:s3cret@h",
		"amqp:/u:s3cret@h",
		"amqp://",
		"amqp:///v",
		"amqp://u:s3cret@",
		"amqp://u:s3cret@:5672",
		"amqp://u:s3cret@h:0",
		"amqp://u:s3cret@h:65536",
		"amqp://u:s3cret@h:",
		"amqp://u:s3cret@h:12x",
		"amqp://u:s3cret@[::1",
		"amqp://u:s3cret@[::1]x",
		"amqp://u:s3cret%@h",
		"amqp://u:s3cret%4@h",
		"amqp://u:s3cret%zz@h",
		"amqp://u:s3cret%00@h",
		"amqp://u:s3cret/x@h",
		"amqp://u:s3cret@h h",
		"amqp://u:s3cret@h\n",
		"amqp://u:s3cret@h/%zz",
		"amqp://u:s3cret@h/v?heartbeat=",
		"amqp://u:s3cret@h/v?heartbeat=-1",
		"amqp://u:s3cret@h/v?heartbeat=65536",
		"amqp://u:s3cret@h/v?connection_timeout=1s",
		"amqp://u:s3cret@,h",
		"amqp://u:s3cret@h,",
		"amqp://u:s3cret@h,,h",
		"amqp://u:s3cret@h,h:0",
		"amqp://u:s3cret@h,[::1",
		"amqp://u:s3cret@h,amqp://u:s3cret@h",
	};
	static const BrokerUrl wiped;

	(void) state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
	{
		BrokerUrl url;
		Error error = {0};

		if (broker_url_parse(urls[i], &url, &error))
			fail_msg("taken: %s", urls[i]);
		assert_int_equal(error.code, ERROR_CONFIG);
		assert_null(strstr(error.text, "s3cret"));
		assert_string_equal(url.password, wiped.password);
	}
}

static void test_too_long_parts_are_refused(void **state)
{
	static const char *const forms[] = {"amqp://%s", "amqp://%s@h", "amqp://u:%s@h", "amqp://h/%s"};
	char part[2000];
	char text[2100];
	BrokerUrl url;
	Error error;

	(void) state;
	memset(part, 'x', sizeof(part));
	part[sizeof(part) - 1] = '\0';
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
	{
		const char *at = strchr(forms[i], '%');

		(void) snprintf(text, sizeof(text), "%.*s%s%s", (int) (at - forms[i]), forms[i], part,
						at + 2);
		assert_false(broker_url_parse(text, &url, &error));
		assert_int_equal(error.code, ERROR_CONFIG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),			cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_number_of_hosts), cmocka_unit_test(test_query),
		cmocka_unit_test(test_refused),			cmocka_unit_test(test_too_long_parts_are_refused),
	};

	return cmocka_run_group_tests_name("broker_url (R0.16)", tests, NULL, NULL);
}
