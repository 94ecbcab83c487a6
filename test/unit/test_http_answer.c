/*
 * test_http_answer.c - what a provider's answer means, and how long to wait after it.
 *
 * links: consumer/http_answer.c consumer/http_backoff.c consumer/json.c consumer/json_string.c lib/contract/error.c
 * links: lib/contract/utf8.c libcurl
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "consumer/http_answer.h"
#include "consumer/http_backoff.h"

static HttpAnswer answer_of(int status, const char *body)
{
	return (HttpAnswer){.status = status, .body = body, .length = strlen(body), .complete = true};
}

static HttpRule rule_at(const char *pointer, const char *value, HttpVerdict verdict)
{
	HttpRule rule = {
		.low = {200}, .high = {299}, .statuses = 1, .value_count = 1, .verdict = verdict};

	snprintf(rule.pointer, sizeof(rule.pointer), "%s", pointer);
	snprintf(rule.values[0], sizeof(rule.values[0]), "%s", value);
	return rule;
}

static HttpVerdict judge(const char *pointer, const char *value, int status, const char *body)
{
	HttpRules rules = {.list = {rule_at(pointer, value, HTTP_SENT)}, .count = 1};
	HttpAnswer answer = answer_of(status, body);

	return http_answer_judge(&rules, &answer);
}

static void test_values_decide(void **state)
{
	(void) state;
	assert_int_equal(judge("/status", "ok", 200, "{\"status\":\"ok\"}"), HTTP_SENT);
	assert_int_equal(judge("/status", "0", 200, " { \"status\" : 0 } "), HTTP_SENT);
	assert_int_equal(judge("/ok", "true", 201, "{\"ok\":true}"), HTTP_SENT);
	assert_int_equal(judge("/a/1/b", "x", 200, "{\"a\":[{\"b\":\"y\"},{\"b\":\"x\"}]}"), HTTP_SENT);
	assert_int_equal(judge("/a~1b/~0", "x", 200, "{\"a/b\":{\"~\":\"x\"}}"), HTTP_SENT);
	assert_int_equal(judge("/s", "J\u00f3", 200, "{\"s\":\"J\\u00f3\"}"), HTTP_SENT);
	assert_int_equal(judge("/status", "ok", 200, "{\"status\":\"OK\"}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/status", "ok", 200, "{\"x\":{\"status\":\"ok\"}}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/stat", "ok", 200, "{\"status\":\"ok\"}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/status", "ok", 200, "{\"stat\":\"ok\"}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/a/0", "x", 200, "{\"a\":{\"0\":[\"x\"]}}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/status", "ok", 400, "{\"status\":\"ok\"}"), HTTP_FAILED);
	assert_int_equal(judge("/s", "", 200, "{\"s\":null}"), HTTP_UNCLEAR);
}

static void test_every_element_decides(void **state)
{
	(void) state;
	assert_int_equal(judge("/m/*/s", "0", 200, "{\"m\":[{\"s\":\"0\"},{\"s\":\"0\"}]}"), HTTP_SENT);
	assert_int_equal(judge("/m/*/s", "0", 200, "{\"m\":[{\"s\":\"0\"},{\"s\":\"1\"}]}"),
					 HTTP_UNCLEAR);
	assert_int_equal(judge("/m/*/s", "0", 200, "{\"m\":[]}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/m/*", "0", 200, "{\"m\":[0,\"0\"]}"), HTTP_SENT);
	/* A star is a key, too. */
	assert_int_equal(judge("/*", "0", 200, "{\"*\":0}"), HTTP_SENT);
}

/* Of the elements of an array `m`, at /m/<each>/s/g. */
static void check_lacking(const char *other)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"m\":[{\"s\":{\"g\":1}},%s]}", other);
	assert_int_equal(judge("/m/*/s/g", "1", 200, body), HTTP_UNCLEAR);
	snprintf(body, sizeof(body), "{\"m\":[%s,{\"s\":{\"g\":1}}]}", other);
	assert_int_equal(judge("/m/*/s/g", "1", 200, body), HTTP_UNCLEAR);
}

static void test_an_element_without_the_value_counts(void **state)
{
	(void) state;
	assert_int_equal(judge("/m/*/s", "0", 200, "{\"m\":[{\"s\":\"0\"},{\"e\":\"Throttled\"}]}"),
					 HTTP_UNCLEAR);
	assert_int_equal(judge("/m/*/s", "0", 200, "{\"m\":[{},{}]}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/m/*", "0", 200, "{\"m\":[0,null]}"), HTTP_UNCLEAR);
	check_lacking("{\"s\":{}}");
	check_lacking("{\"s\":{\"x\":1}}");
	check_lacking("{\"s\":{\"g\":null}}");
	check_lacking("{\"s\":{\"g\":[1]}}");
	check_lacking("{\"s\":null}");
	check_lacking("null");
	check_lacking("\"x\"");
	check_lacking("[]");
	check_lacking("7");
	/* Inside of each other. */
	assert_int_equal(judge("/m/*/p/*/s", "0", 200,
						   "{\"m\":[{\"p\":[{\"s\":0},{\"s\":0}]},{\"p\":[{\"s\":0}]}]}"),
					 HTTP_SENT);
	assert_int_equal(judge("/m/*/p/*/s", "0", 200, "{\"m\":[{\"p\":[{\"s\":0}]},{\"p\":[]}]}"),
					 HTTP_UNCLEAR);
}

static void test_what_is_not_json_holds_nothing(void **state)
{
	HttpRules rules = {.list = {rule_at("/s", "0", HTTP_SENT)}, .count = 1};
	HttpAnswer answer = answer_of(200, "{\"s\":0}");

	(void) state;
	assert_int_equal(judge("/s", "0", 200, ""), HTTP_UNCLEAR);
	assert_int_equal(judge("/s", "0", 200, "{\"s\":0"), HTTP_UNCLEAR);
	assert_int_equal(judge("/s", "0", 200, "{\"s\":0} x"), HTTP_UNCLEAR);
	assert_int_equal(judge("/s", "0", 200, "{\"s\":0,}"), HTTP_UNCLEAR);
	assert_int_equal(judge("/s", "0", 200, "s=0"), HTTP_UNCLEAR);
	assert_int_equal(http_answer_judge(&rules, &answer), HTTP_SENT);
	answer.complete = false;
	assert_int_equal(http_answer_judge(&rules, &answer), HTTP_UNCLEAR);
}

static void test_the_first_rule_decides(void **state)
{
	HttpRules rules = {
		.list = {rule_at("/s", "busy", HTTP_AGAIN),
				 {.low = {200, 404}, .high = {299, 404}, .statuses = 2, .verdict = HTTP_SENT},
				 {.low = {500}, .high = {599}, .statuses = 1, .verdict = HTTP_UNCLEAR}},
		.count = 3};
	HttpAnswer busy = answer_of(202, "{\"s\":\"busy\"}");
	HttpAnswer fine = answer_of(202, "anything");
	HttpAnswer odd = answer_of(404, "");
	HttpAnswer broken = answer_of(500, "");

	(void) state;
	assert_int_equal(http_answer_judge(&rules, &busy), HTTP_AGAIN);
	assert_int_equal(http_answer_judge(&rules, &fine), HTTP_SENT);
	assert_int_equal(http_answer_judge(&rules, &odd), HTTP_SENT);
	assert_int_equal(http_answer_judge(&rules, &broken), HTTP_UNCLEAR);
}

static void test_without_a_rule_the_status_decides(void **state)
{
	static const struct
	{
		int status;
		HttpVerdict verdict;
	} wanted[] = {{200, HTTP_UNCLEAR}, {204, HTTP_UNCLEAR}, {302, HTTP_FAILED},	 {400, HTTP_FAILED},
				  {404, HTTP_FAILED},  {408, HTTP_AGAIN},	{409, HTTP_FAILED},	 {425, HTTP_AGAIN},
				  {429, HTTP_AGAIN},   {500, HTTP_UNCLEAR}, {502, HTTP_UNCLEAR}, {503, HTTP_AGAIN},
				  {504, HTTP_UNCLEAR}};

	(void) state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
		assert_int_equal(judge("/s", "0", wanted[i].status, "{}"), wanted[i].verdict);
}

static void test_texts_come_from_the_first_place(void **state)
{
	HttpPlaces places = {.pointers = {"/error/code", "/code"}, .count = 2};
	HttpAnswer answer = answer_of(400, "{\"code\":21211,\"error\":null}");
	char out[8];

	(void) state;
	assert_true(http_answer_text(&places, &answer, out, sizeof(out)));
	assert_string_equal(out, "21211");
	answer = answer_of(400, "{\"code\":1,\"error\":{\"code\":\"a\\nb\\u0000\"}}");
	assert_false(http_answer_text(&places, &answer, out, sizeof(out)));
	answer = answer_of(400, "{\"code\":1,\"error\":{\"code\":\"a\\nb\\u00e9\\u00e9\\u00e9\"}}");
	assert_true(http_answer_text(&places, &answer, out, sizeof(out)));
	assert_string_equal(out, "a b\xC3\xA9\xC3\xA9");
	answer = answer_of(400, "{}");
	assert_false(http_answer_text(&places, &answer, out, sizeof(out)));
}

static void test_waits_double_up_to_a_limit(void **state)
{
	(void) state;
	for (uint32_t random = 0; random < 100000; random += 97)
	{
		assert_in_range(http_backoff_ms(1, 500, 30000, random), 250, 500);
		assert_in_range(http_backoff_ms(2, 500, 30000, random), 500, 1000);
		assert_in_range(http_backoff_ms(7, 500, 30000, random), 15000, 30000);
		assert_in_range(http_backoff_ms(100, 500, 30000, random), 15000, 30000);
		assert_in_range(http_backoff_ms(100, 1, 1, random), 1, 1);
	}
}

static void test_retry_after(void **state)
{
	int64_t wait_ms = -1;
	const char *date = "Sun, 06 Nov 1994 08:49:37 GMT";

	(void) state;
	assert_true(http_retry_after_ms("120", "", 0, &wait_ms));
	assert_int_equal(wait_ms, 120000);
	assert_true(http_retry_after_ms("0 ", "", 0, &wait_ms));
	assert_int_equal(wait_ms, 0);
	assert_true(http_retry_after_ms("99999999999999999999", "", 0, &wait_ms));
	assert_int_equal(wait_ms, (INT64_C(1) << 31) * 1000);
	assert_true(http_retry_after_ms(date, "", 784111777 - 5, &wait_ms));
	assert_int_equal(wait_ms, 5000);
	/* The provider's clock is the one that the date was made by. */
	assert_true(http_retry_after_ms(date, "Sun, 06 Nov 1994 08:49:30 GMT", 5, &wait_ms));
	assert_int_equal(wait_ms, 7000);
	assert_true(http_retry_after_ms("Sun Nov  6 08:49:37 1994", date, 5, &wait_ms));
	assert_int_equal(wait_ms, 0);
	assert_true(http_retry_after_ms(date, "", 784111777 + 60, &wait_ms));
	assert_int_equal(wait_ms, 0);
	assert_false(http_retry_after_ms("", "", 0, &wait_ms));
	assert_false(http_retry_after_ms("-1", "", 0, &wait_ms));
	assert_false(http_retry_after_ms("1.5", "", 0, &wait_ms));
	assert_false(http_retry_after_ms("soon", "", 0, &wait_ms));
	assert_false(http_retry_after_ms("12 o'clock", "", 0, &wait_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_decide),
		cmocka_unit_test(test_every_element_decides),
		cmocka_unit_test(test_an_element_without_the_value_counts),
		cmocka_unit_test(test_what_is_not_json_holds_nothing),
		cmocka_unit_test(test_the_first_rule_decides),
		cmocka_unit_test(test_without_a_rule_the_status_decides),
		cmocka_unit_test(test_texts_come_from_the_first_place),
		cmocka_unit_test(test_waits_double_up_to_a_limit),
		cmocka_unit_test(test_retry_after),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
