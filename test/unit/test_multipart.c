/*
 * test_multipart.c - forms as browsers, curl and Postman send them, and what nobody should.
 *
 * links: src/upload/multipart.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/multipart.h"

#define TYPE		  "multipart/form-data; boundary=b0"
#define FIELD(name)	  "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define FILE_OF(name) "Content-Disposition: form-data; name=\"file\"; filename=" name "\r\n\r\n"

static MultipartReader reader;
static MultipartPart part;

static void begin(const char *type, const char *body)
{
	assert_true(multipart_open(&reader, type, body, strlen(body)));
}

static void expect_part(const char *name, const char *content)
{
	assert_int_equal(multipart_next(&reader, &part), MULTIPART_PART);
	assert_string_equal(part.name, name);
	assert_int_equal(part.length, strlen(content));
	assert_memory_equal(part.content, content, part.length);
}

static void expect_end(MultipartStep step)
{
	assert_int_equal(multipart_next(&reader, &part), step);
}

static void expect_malformed(const char *body)
{
	begin(TYPE, body);
	expect_end(MULTIPART_MALFORMED);
}

static void test_fields_and_file(void **state)
{
	(void) state;
	begin(TYPE, "--b0\r\n" FIELD("name") "Spring\r\n--b0\r\n" FILE_OF(
					"\"a;b.txt\"") "+5511955500101\r\n+5511955500102\r\n\r\n--b0--\r\n");
	expect_part("name", "Spring");
	assert_false(part.is_file);
	expect_part("file", "+5511955500101\r\n+5511955500102\r\n");
	assert_true(part.is_file && part.is_named);
	expect_end(MULTIPART_END);
}

static void test_names(void **state)
{
	static const char *const names[] = {
		"form-data; name=plain",
		"form-data; name=\"plain\"",
		"FORM-DATA; NAME=\"plain\"",
		"form-data;name=\"plain\"",
		"form-data; x=\"; name=no\"; name=\"plain\"",
		"form-data; filename=\"name=no\"; name=\"plain\"",
	};
	char body[256];

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
	{
		(void) snprintf(body, sizeof(body), "--b0\r\ncontent-disposition: %s\r\n\r\nx\r\n--b0--",
						names[i]);
		begin(TYPE, body);
		expect_part("plain", "x");
		expect_end(MULTIPART_END);
	}
	begin(TYPE, "--b0\r\n" FIELD("a\\\"b\\c") "\r\n--b0--");
	expect_part("a\"b\\c", "");
}

static void test_a_long_name_is_cut_off(void **state)
{
	static const char wanted[MULTIPART_NAME_MAX + 1] =
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg";

	(void) state;
	begin(TYPE,
		  "--b0\r\n" FIELD(
			  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg") "\r\n--b0--");
	expect_part(wanted, "");
}

static void test_files(void **state)
{
	static const struct
	{
		const char *name;
		bool is_named;
	} files[] = {{"\"\"", false}, {"\"n.txt\"", true}, {"n.txt", true}, {"\"a\\\"b\"", true}};
	char body[256];

	(void) state;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
	{
		(void) snprintf(body, sizeof(body), "--b0\r\n" FILE_OF("%s") "x\r\n--b0--", files[i].name);
		begin(TYPE, body);
		expect_part("file", "x");
		assert_true(part.is_file);
		assert_int_equal(part.is_named, files[i].is_named);
	}
	begin(TYPE, "--b0\r\nContent-Disposition: form-data; name=file; filename*=UTF-8''n.txt\r\n\r\n"
				"x\r\n--b0--");
	expect_part("file", "x");
	assert_true(part.is_file && part.is_named);
}

static void test_boundaries(void **state)
{
	static const char longest[] =
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggg";
	char type[256];
	char body[512];

	(void) state;
	(void) snprintf(type, sizeof(type), "Multipart/Form-Data; charset=utf-8; boundary=\"%s\"",
					longest);
	(void) snprintf(body, sizeof(body), "--%s\r\n" FIELD("a") "x\r\n--%s--\r\n", longest, longest);
	begin(type, body);
	expect_part("a", "x");
	expect_end(MULTIPART_END);
	(void) snprintf(type, sizeof(type), "multipart/form-data; boundary=%sh", longest);
	assert_false(multipart_open(&reader, type, body, strlen(body)));
}

static void test_other_types(void **state)
{
	static const char *const types[] = {
		"",
		"text/plain",
		"multipart/mixed; boundary=b0",
		"multipart/form-data",
		"multipart/form-data; boundary=",
		"multipart/form-data; boundary=\"b0",
		"multipart/form-data; xboundary=b0",
		"multipart/form-data boundary=b0",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_false(multipart_open(&reader, types[i], "", 0));
}

static void test_what_looks_like_a_delimiter(void **state)
{
	(void) state;
	begin(TYPE, "preamble --b0\r\n\r\n--b0\t \r\n" FIELD("a") "--b0\n--b0\r\n --b0\r\n-b0"
															  "\r\n--b0--epilogue\r\n--b0\r\n");
	expect_part("a", "--b0\n--b0\r\n --b0\r\n-b0");
	expect_end(MULTIPART_END);
}

static void test_content_is_bytes(void **state)
{
	static const char body[] = "--b0\r\n" FIELD("a") "\0\xff\r\n\r\n\r\n--b0--";

	(void) state;
	assert_true(multipart_open(&reader, TYPE, body, sizeof(body) - 1));
	assert_int_equal(multipart_next(&reader, &part), MULTIPART_PART);
	assert_int_equal(part.length, 6);
	assert_memory_equal(part.content, "\0\xff\r\n\r\n", 6);
	expect_end(MULTIPART_END);
}

static void test_encodings(void **state)
{
	(void) state;
	begin(TYPE, "--b0\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n" FIELD(
					"a") "x\r\n--b0--");
	expect_part("a", "x");
	expect_malformed("--b0\r\nContent-Transfer-Encoding: base64\r\n" FIELD("a") "x\r\n--b0--");
}

static void test_malformed(void **state)
{
	static const char *const bodies[] = {
		"",
		"x",
		"--b0",
		"--b0\r\n",
		"--b1\r\n" FIELD("a") "x\r\n--b1--",
		"--b0x\r\n" FIELD("a") "x\r\n--b0--",
		"--b0\r\n\r\nx\r\n--b0--",
		"--b0\r\nContent-Type: text/plain\r\n\r\nx\r\n--b0--",
		"--b0\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b0--",
		"--b0\r\n" FIELD("") "x\r\n--b0--",
		"--b0\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--b0--",
		"--b0\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--b0--",
		"--b0\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nx\r\n--b0--",
		"--b0\r\nContent-Disposition: form-data; name=a\r\n" FIELD("b") "x\r\n--b0--",
		"--b0\r\n" FIELD("a") "x",
		"--b0\r\n" FIELD("a") "x\r\n--b",
		"--b0\n" FIELD("a") "x\n--b0--",
	};

	(void) state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
		expect_malformed(bodies[i]);
}

static void test_a_name_with_a_nul(void **state)
{
	static const char body[] = "--b0\r\n" FIELD("na\0me") "x\r\n--b0--";

	(void) state;
	assert_true(multipart_open(&reader, TYPE, body, sizeof(body) - 1));
	expect_end(MULTIPART_MALFORMED);
}

static void test_a_form_that_breaks_off(void **state)
{
	(void) state;
	begin(TYPE, "--b0\r\n" FIELD("a") "x\r\n--b0\r\n" FIELD("b") "y");
	expect_part("a", "x");
	expect_end(MULTIPART_MALFORMED);
	begin(TYPE, "--b0\r\n" FIELD("a") "x\r\n--b0-");
	expect_part("a", "x");
	expect_end(MULTIPART_MALFORMED);
}

static void test_headers_have_a_limit(void **state)
{
	char *body = malloc(MULTIPART_HEADERS_MAX + 200);

	(void) state;
	assert_non_null(body);
	strcpy(body, "--b0\r\nX: ");
	memset(body + 9, 'a', MULTIPART_HEADERS_MAX);
	strcpy(body + 9 + MULTIPART_HEADERS_MAX, "\r\n" FIELD("a") "x\r\n--b0--");
	expect_malformed(body);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields_and_file),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_a_long_name_is_cut_off),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_boundaries),
		cmocka_unit_test(test_other_types),
		cmocka_unit_test(test_what_looks_like_a_delimiter),
		cmocka_unit_test(test_content_is_bytes),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_a_name_with_a_nul),
		cmocka_unit_test(test_a_form_that_breaks_off),
		cmocka_unit_test(test_headers_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
