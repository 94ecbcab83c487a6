/*
 * test_placeholders.c - texts with placeholders: taken apart, filled, and refused (R6.8).
 *
 * links: src/texts/placeholders.c src/texts/placeholder_values.c lib/contract/attributes.c lib/contract/message.c
 * links: lib/contract/utf8.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/texts/placeholders.h"

static Placeholders parsed;
static PlaceholdersText filled;

static void parse(const char *text)
{
	PlaceholdersProblem problem = {NULL, 0};

	if (!placeholders_parse(&parsed, text, strlen(text), &problem))
		fail_msg("\"%s\" is refused: %s", text, problem.reason);
}

static PlaceholdersResult fill(const char *text, const char *attributes)
{
	parse(text);
	return placeholders_fill(&parsed, attributes, attributes == NULL ? 0 : strlen(attributes),
							 &filled);
}

static void check(const char *text, const char *attributes, const char *wanted)
{
	assert_int_equal(fill(text, attributes), PLACEHOLDERS_FILLED);
	assert_string_equal(filled.bytes, wanted);
	assert_int_equal(filled.length, strlen(wanted));
}

static void test_values_go_in(void **state)
{
	(void) state;
	check("Olá {name}!", "{\"name\":\"José\"}", "Olá José!");
	check("{a}{b}{a}", "{\"a\":\"1\",\"b\":\"2\"}", "121");
	check("{ name }", "{\"name\":\"Ana\"}", "Ana");
	check("{Nome do cliente}", "{\"Nome do cliente\":\"Ana\"}", "Ana");
	check("{a}", "{\"b\":{\"a\":\"wrong\"},\"c\":\"a\",\"a\":\"right\"}", "right");
	check("{a}", "{\"aa\":\"wrong\",\"b\":[1,\"}\",{\"a\":2}],\"a\":\"right\"}", "right");
	check("none", NULL, "none");
	check("none", "{}", "none");
}

static void test_values_are_text(void **state)
{
	(void) state;
	check("{a}", "{\"a\":12}", "12");
	check("{a}", "{\"a\":-0.5,\"b\":1}", "-0.5");
	check("{a} {b}", "{\"a\":true,\"b\":false}", "true false");
	check("{a}", "{\"a\":\"null\"}", "null");
	check("{a}", "{\"a\":\"0012\"}", "0012");
	check("{a}", "{\"a\":\" x \"}", " x ");
	check("{a}", "{\"a\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u001f/\"}", "\"\\\b\f\n\r\t\x1f/");
	/* What a value holds is no placeholder and no escape. */
	check("{a}", "{\"a\":\"{b}\",\"b\":\"wrong\"}", "{b}");
	check("{a}", "{\"a\":\"\\\\{\"}", "\\{");
}

static void test_defaults(void **state)
{
	(void) state;
	check("Olá {name|cliente}!", "{\"name\":\"Ana\"}", "Olá Ana!");
	check("Olá {name|cliente}!", "{}", "Olá cliente!");
	check("Olá {name|cliente}!", NULL, "Olá cliente!");
	check("Olá {name|cliente}!", "{\"name\":null}", "Olá cliente!");
	check("Olá {name|cliente}!", "{\"name\":\"\"}", "Olá cliente!");
	check("Olá {name|cliente}!", "{\"name\":\" \\t\\n\"}", "Olá cliente!");
	/* No-break space, ideographic space, zero width space, byte order mark. */
	check("Olá {name|cliente}!", "{\"name\":\"\302\240 \343\200\200\342\200\213\357\273\277\"}",
		  "Olá cliente!");
	check("Olá {name|cliente}!", "{\"name\":\"\302\240Ana\302\240\"}", "Olá \302\240Ana\302\240!");
	check("{a| dear | one }", "{}", " dear | one ");
	check("{a|\\{x\\}}", "{}", "{x}");
}

static void test_missing_values(void **state)
{
	static const char *const attributes[] = {"{}",
											 "{\"a\":null}",
											 "{\"a\":\"\"}",
											 "{\"a\":\"  \"}",
											 "{\"a\":\"\302\240\"}",
											 "{\"A\":\"1\"}",
											 "{\"b\":{\"a\":\"1\"}}"};

	(void) state;
	assert_int_equal(fill("{a}", NULL), PLACEHOLDERS_MISSING);
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
		assert_int_equal(fill("{a}", attributes[i]), PLACEHOLDERS_MISSING);
	assert_int_equal(fill("{x|1} {a}", "{\"b\":\"1\"}"), PLACEHOLDERS_MISSING);
	assert_int_equal(filled.failed, 1);
	assert_int_equal(fill("{a|1}", "{\"a\":{\"b\":1}}"), PLACEHOLDERS_NESTED);
	assert_int_equal(fill("{a|1}", "{\"a\":[]}"), PLACEHOLDERS_NESTED);
}

static void test_which_keys_are_present(void **state)
{
	(void) state;
	assert_int_equal(fill("{a|1}{b|1}{c|1}", "{\"a\":null,\"c\":\"\"}"), PLACEHOLDERS_FILLED);
	assert_int_equal(filled.present, 5);
}

static void test_escapes(void **state)
{
	(void) state;
	check("\\{name\\}", "{\"name\":\"wrong\"}", "{name}");
	check("\\\\{a}", "{\"a\":\"x\"}", "\\x");
	check("\\\\\\{a\\\\\\}", NULL, "\\{a\\}");
	check("C:\\temp \\ \\\\", NULL, "C:\\temp \\ \\\\");
	check("{a|\\\\}", NULL, "\\");
}

static void test_texts_that_make_no_sense(void **state)
{
	static const struct
	{
		const char *text;
		size_t at;
		const char *reason;
	} texts[] = {
		{"a {name", 2, "a { has no }"},
		{"a } b", 2, "a } has no {"},
		{"{", 0, "a { has no }"},
		{"{a|b", 0, "a { has no }"},
		{"{}", 0, "a placeholder has no name"},
		{"{ }", 0, "a placeholder has no name"},
		{"{|x}", 0, "a placeholder has no name"},
		{"{{name}}", 1, "there is a { within a placeholder"},
		{"{a|{b}}", 3, "there is a { within a placeholder"},
		{"{a}}", 3, "a } has no {"},
		{"{a|}", 0, "a default is empty"},
		{"{a| }", 0, "a default is empty"},
		{"{a|\302\240}", 0, "a default is empty"},
		{"{a.b}", 0, "this cannot be the name of a placeholder"},
		{"{$a}", 0, "this cannot be the name of a placeholder"},
		{"{a\nb}", 0, "this cannot be the name of a placeholder"},
		{"\\\\{", 2, "a { has no }"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
	{
		PlaceholdersProblem problem = {NULL, 0};

		assert_false(placeholders_parse(&parsed, texts[i].text, strlen(texts[i].text), &problem));
		assert_string_equal(problem.reason, texts[i].reason);
		assert_int_equal(problem.at, texts[i].at);
	}
}

static void test_limits(void **state)
{
	static char text[MESSAGE_TEXT_MAX_BYTES + 2];
	static char attributes[MESSAGE_TEXT_MAX_BYTES + 20];
	PlaceholdersProblem problem;

	(void) state;
	for (int i = 0; i <= PLACEHOLDERS_MAX; i++)
		memcpy(text + 3 * i, "{a}", 3);
	assert_true(placeholders_parse(&parsed, text, 3 * PLACEHOLDERS_MAX, &problem));
	assert_false(placeholders_parse(&parsed, text, 3 * PLACEHOLDERS_MAX + 3, &problem));
	memset(text, 'n', sizeof(text));
	text[0] = '{';
	text[PLACEHOLDERS_NAME_MAX + 1] = '}';
	assert_true(placeholders_parse(&parsed, text, PLACEHOLDERS_NAME_MAX + 2, &problem));
	text[PLACEHOLDERS_NAME_MAX + 1] = 'n';
	text[PLACEHOLDERS_NAME_MAX + 2] = '}';
	assert_false(placeholders_parse(&parsed, text, PLACEHOLDERS_NAME_MAX + 3, &problem));
	assert_false(placeholders_parse(&parsed, text, sizeof(text) - 1, &problem));

	/* 4,096 characters, and one more. */
	memset(attributes, 'x', sizeof(attributes));
	memcpy(attributes, "{\"a\":\"", 6);
	strcpy(attributes + 6 + MESSAGE_TEXT_MAX_CHARS - 3, "\"}");
	assert_int_equal(fill("\303\251{a}!!", attributes), PLACEHOLDERS_FILLED);
	assert_int_equal(fill("\303\251{a}!!!", attributes), PLACEHOLDERS_TOO_LONG);
	memset(attributes + 6, 'x', 6000);
	strcpy(attributes + 6 + MESSAGE_TEXT_MAX_BYTES, "\"}");
	assert_int_equal(fill("{a}!", attributes), PLACEHOLDERS_TOO_LONG);
}

static void test_what_is_no_json(void **state)
{
	static const char *const attributes[] = {"",
											 "{",
											 "[]",
											 "{\"a\"}",
											 "{\"a\":}",
											 "{\"a\":\"x}",
											 "{\"a\":1",
											 "{a:1}",
											 "{\"a\":1}}",
											 "{\"a\":\"\\",
											 "{\"a\":\"\\x\"}",
											 "{\"a\":\"\\u12\"}",
											 "{\"a\":\"\\u0100\"}",
											 "{\"a\":\"\\u0000\"}"};

	(void) state;
	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++)
	{
		/* A copy without a NUL, so that the sanitizer sees a byte too many. */
		size_t length = strlen(attributes[i]);
		char *bytes = malloc(length + (length == 0));

		assert_non_null(bytes);
		memcpy(bytes, attributes[i], length);
		parse("{a}");
		if (placeholders_fill(&parsed, bytes, length, &filled) != PLACEHOLDERS_NO_JSON)
			fail_msg("%s is taken", attributes[i]);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_go_in),
		cmocka_unit_test(test_values_are_text),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_missing_values),
		cmocka_unit_test(test_which_keys_are_present),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_texts_that_make_no_sense),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_what_is_no_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
