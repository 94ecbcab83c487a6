/*
 * test_gateway_http.c - when the gateway that sends over HTTP begins something. What it does with a
 * provider is tested in test/e2e/test_gateway_http.py.
 *
 * links: gateway-http
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/gateway.h"

/* A poll that would wait so long has come back for another reason. */
#define LONG_MS 30000

/* Nobody listens at port 1. */
static const char TEMPLATE[] =
	"{\"url\": \"http://127.0.0.1:1/\", \"form\": {\"to\": \"{number}\", \"text\": \"{text}\"},"
	" \"answers\": [{\"status\": 200, \"is\": \"sent\"}],"
	" \"limits\": {\"attempts\": 2, \"backoff_ms\": 100, \"backoff_max_ms\": 100}}";

static void *open_gateway(void)
{
	char file[] = "/tmp/campaign_template_XXXXXX";
	int written = mkstemp(file);
	GatewaySettings settings = {.in_flight = 1};
	Error error = {0};
	void *self;

	assert_true(written >= 0);
	assert_int_equal(write(written, TEMPLATE, sizeof(TEMPLATE) - 1), sizeof(TEMPLATE) - 1);
	close(written);
	snprintf(settings.template, sizeof(settings.template), "%s", file);
	self = GATEWAY_HTTP.open(&settings, &error);
	unlink(file);
	assert_non_null(self);
	return self;
}

/* A message that is to be tried a second time, and a poll has come back for it. */
static void *open_with_one_due(void)
{
	GatewayMessage message = {.campaign_id = "c", .id = "m", .number = "+5511", .text = "x"};
	GatewayResult result;
	void *self = open_gateway();

	assert_true(GATEWAY_HTTP.submit(self, &message));
	assert_int_equal(GATEWAY_HTTP.poll(self, LONG_MS, &result, 1), 0);
	return self;
}

/* Its deadline may have passed, or its campaign may have been paused: the caller has to look. */
static void test_nothing_begins_after_a_wait(void **state)
{
	GatewayResult result;
	void *self = open_with_one_due();

	(void) state;
	GATEWAY_HTTP.settle(self, NULL, NULL);
	assert_int_equal(GATEWAY_HTTP.poll(self, LONG_MS, &result, 1), 1);
	assert_int_equal(result.state, GATEWAY_NOT_BEGUN);
	assert_int_equal(result.attempts, 1);
	GATEWAY_HTTP.close(self);
}

static void test_what_is_due_begins_with_the_next_poll(void **state)
{
	GatewayResult result;
	void *self = open_with_one_due();

	(void) state;
	assert_int_equal(GATEWAY_HTTP.poll(self, LONG_MS, &result, 1), 1);
	assert_int_equal(result.attempts, 2);
	GATEWAY_HTTP.close(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_begins_after_a_wait),
		cmocka_unit_test(test_what_is_due_begins_with_the_next_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
