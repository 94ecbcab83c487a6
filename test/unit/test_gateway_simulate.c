/*
 * test_gateway_simulate.c - the simulated gateway: each message comes back once,
 * in flight are as many as allowed, and what is abandoned is unknown.
 *
 * links: consumer/gateway.c consumer/gateway_names.c consumer/gateway_simulate.c
 * links: consumer/gateway_random.c lib/program/clock.c lib/contract/error.c lib/contract/utf8.c -lm
 * links: consumer/breaker.c consumer/gateway_http.c consumer/http_answer.c
 * links: consumer/http_attribute.c consumer/http_trouble.c
 * links: consumer/http_backoff.c consumer/http_fill.c consumer/http_outcome.c consumer/http_reader.c
 * links: consumer/http_request.c consumer/http_request_form.c consumer/http_rules.c
 * links: consumer/http_secrets.c consumer/http_template.c consumer/http_template_load.c
 * links: consumer/json.c consumer/json_string.c libcurl libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../consumer/gateway.h"

#define COUNT 200

static GatewaySettings settings_of(const char *rate, int mean_ms, int in_flight)
{
	GatewaySettings settings = {.in_flight = in_flight, .mean_ms = mean_ms, .seed = 1};

	snprintf(settings.failure_rate, sizeof(settings.failure_rate), "%s", rate);
	return settings;
}

/* Sends COUNT messages; how many failed. */
static int send_all(const char *rate)
{
	const Gateway *gateway = gateway_find("simulate");
	GatewaySettings settings = settings_of(rate, 0, 7);
	Error error = {0};
	void *self = gateway->open(&settings, &error);
	char seen[COUNT] = {0};
	GatewayResult results[3];
	int submitted = 0;
	int back = 0;
	int failed = 0;

	assert_non_null(self);
	while (back < COUNT)
	{
		int taken;

		while (submitted < COUNT &&
			   gateway->submit(self, &(GatewayMessage){.tag = &seen[submitted]}))
			submitted++;
		assert_true(submitted - back <= 7);
		taken = gateway->poll(self, 1000, results, 3);
		assert_in_range(taken, 1, 3);
		for (int i = 0; i < taken; i++)
		{
			++*(char *) results[i].tag;
			assert_int_equal(results[i].attempts, 1);
			failed += results[i].state == GATEWAY_FAILED;
			assert_true((results[i].state == GATEWAY_SENT) == (results[i].code[0] == '\0'));
		}
		back += taken;
	}
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(seen[i], 1);
	gateway->close(self);
	return failed;
}

static void test_each_comes_back_once(void **state)
{
	int failed = send_all("0.3");

	(void) state;
	/* Five standard deviations. */
	assert_in_range(failed, 28, 92);
}

static void test_rate_0_and_1(void **state)
{
	(void) state;
	assert_int_equal(send_all("0"), 0);
	assert_int_equal(send_all("1"), COUNT);
}

static void test_abandoned_is_unknown(void **state)
{
	const Gateway *gateway = gateway_find("simulate");
	GatewaySettings settings = settings_of("0", 600000, 2);
	Error error = {0};
	void *self = gateway->open(&settings, &error);
	GatewayResult results[2];

	(void) state;
	assert_true(gateway->submit(self, &(GatewayMessage){.tag = self}));
	assert_int_equal(gateway->poll(self, 0, results, 2), 0);
	gateway->abandon(self);
	assert_int_equal(gateway->poll(self, 0, results, 2), 1);
	assert_ptr_equal(results[0].tag, self);
	assert_int_equal(results[0].state, GATEWAY_UNKNOWN);
	gateway->close(self);
}

static void test_wrong_rate_is_named(void **state)
{
	static const char *const rates[] = {"", "1.1", "-0.1", "30%", "nan"};
	const Gateway *gateway = gateway_find("simulate");

	(void) state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++)
	{
		GatewaySettings settings = settings_of(rates[i], 1, 1);
		Error error = {0};

		assert_null(gateway->open(&settings, &error));
		assert_int_equal(error.code, ERROR_CONFIG);
		assert_non_null(strstr(error.text, "CAMPAIGN_FAILURE_RATE"));
	}
}

static void test_names(void **state)
{
	(void) state;
	for (int i = 0; GATEWAY_NAMES[i] != NULL; i++)
		assert_ptr_equal(gateway_at(i), gateway_find(GATEWAY_NAMES[i]));
	assert_false(gateway_find("store")->sends);
	assert_null(gateway_find("pigeon"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_comes_back_once),
		cmocka_unit_test(test_rate_0_and_1),
		cmocka_unit_test(test_abandoned_is_unknown),
		cmocka_unit_test(test_wrong_rate_is_named),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
