/*
 * test_http_template.c - templates of the http gateway: what is wrong with one is said with the
 * file and the line, before anything is sent.
 *
 * links: consumer/http_answer.c consumer/http_attribute.c consumer/http_fill.c
 * links: consumer/http_reader.c consumer/http_request_form.c consumer/http_rules.c
 * links: consumer/http_secrets.c consumer/http_template.c consumer/http_template_load.c
 * links: consumer/json.c consumer/json_string.c lib/contract/error.c lib/contract/utf8.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/http_secrets.h"
#include "consumer/http_template_load.h"

#define URL		"\"url\": \"https://sms.example.com/send\""
#define JSON	"\"json\": {\"to\": \"{number}\", \"text\": \"{text}\"}"
#define ANSWERS "\"answers\": [{\"status\": 200, \"is\": \"sent\"}]"
#define LOGIN	"\"basic\": {\"user\": \"u\", \"password\": \"p\"}"
#define WHOLE	"{" URL ",\n" JSON ",\n" ANSWERS

static char folder[] = "/tmp/test_http_template.XXXXXX";
static char path[64];
static Error error;

static void write_bytes(const char *name, const char *bytes, size_t length)
{
	char file[128];
	FILE *out;

	snprintf(file, sizeof(file), "%s/%s", folder, name);
	out = fopen(file, "w");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, length, out), length);
	assert_int_equal(fclose(out), 0);
}

static void write_file(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

static HttpTemplate *load(const char *text)
{
	write_file("template.json", text);
	memset(&error, 0, sizeof(error));
	return http_template_load(path, &error);
}

static void check_refused(const char *text, int line, const char *reason)
{
	char wanted[ERROR_TEXT_SIZE];
	HttpTemplate *template = load(text);

	if (template != NULL)
		fail_msg("taken: %s", text);
	assert_int_equal(error.code, ERROR_CONFIG);
	snprintf(wanted, sizeof(wanted), "%s:%d: ", path, line);
	if (strncmp(error.text, wanted, strlen(wanted)) != 0 || strstr(error.text, reason) == NULL)
		fail_msg("\"%s\" is not \"%s...%s\"", error.text, wanted, reason);
}

static void check_filled(const HttpFill *fill, const GatewayMessage *message, const char *wanted)
{
	HttpBuffer out = {0};

	assert_true(http_fill_write(fill, message, &out, &error));
	assert_int_equal(out.length, strlen(wanted));
	assert_memory_equal(out.bytes, wanted, out.length);
	http_buffer_free(&out);
}

static const GatewayMessage MESSAGE = {.campaign_id = "c1",
									   .id = "i1",
									   .number = "+551",
									   .text = "a\"b & c\n",
									   .attributes = "{\"n\":12.5,\"s\":\"x y\",\"o\":{}}"};

static void test_a_template_is_filled_in(void **state)
{
	HttpTemplate *template;

	(void) state;
	write_file("key", "\xEF\xBB\xBFk&y\nsecond line\n");
	template = load("{\"about\": \"x\", \"method\": \"PUT\", "
					"\"url\": \"https://sms.example.com:8443/{digits}?t={text}\",\n"
					"\"headers\": {\"X-Id\": \"{id}/{campaign_id}\"},\n"
					"\"json\": {\"a\": [1, -2.5, true, null, {}, [], \"{{{text}}}\"],"
					" \"k\\\"\": \"{secret:key}{attribute:n}{attribute:s|d}{attribute:o|d}\"},\n"
					"\"secrets\": {\"key\": \"key\"}, \"idempotent\": true,\n" ANSWERS
					", \"limits\": {\"attempts\": 7}}");
	if (template == NULL)
		fail_msg("%s", error.text);
	assert_string_equal(template->method, "PUT");
	assert_string_equal(template->host, "sms.example.com:8443");
	assert_true(template->idempotent);
	assert_int_equal(template->limits.attempts, 7);
	check_filled(&template->url, &MESSAGE, "https://sms.example.com:8443/551?t=a%22b%20%26%20c%0A");
	check_filled(&template->headers[0], &MESSAGE, "X-Id: i1/c1");
	check_filled(&template->body, &MESSAGE,
				 "{\"a\":[1,-2.5,true,null,{},[],\"{a\\\"b & c\\u000a}\"],"
				 "\"k\\\"\":\"k&y12.5x yd\"}");
	http_template_free(template);
}

static void test_a_login_is_encoded(void **state)
{
	char repeated[] = "no QWxhZGRpbjpvcGVuIHNlc2FtZQ==, QWxhZGRpbjpvcGVuIHNlc2FtZQ%3D=";
	HttpTemplate *template;

	(void) state;
	write_file("key", "open sesame");
	template = load(WHOLE ", \"basic\": {\"user\": \"Aladdin\", \"password\": \"{secret:key}\"}, "
						  "\"secrets\": {\"key\": \"key\"}}");
	assert_non_null(template);
	check_filled(&template->headers[0], &MESSAGE,
				 "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	http_secrets_hide(&template->secrets, repeated, 2 * sizeof(repeated));
	assert_string_equal(repeated,
						"no ****************************, ******************************");
	http_template_free(template);
}

static void test_what_is_wrong_is_said_with_the_line(void **state)
{
	(void) state;
	check_refused("", 1, "expected '{'");
	check_refused(WHOLE "\n", 4, "expected '}'");
	check_refused(WHOLE "} x", 3, "unexpected text");
	check_refused(WHOLE ",\n\"urll\": 1}", 4, "unknown key \"urll\"");
	check_refused(WHOLE ",\n" URL "}", 4, "\"url\" is there twice");
	check_refused("{" URL ",\n" JSON "}", 2, "\"answers\" is missing");
	check_refused("{" JSON ",\n" ANSWERS "}", 2, "\"url\" is missing");
	check_refused(WHOLE ",\n\"idempotent\": \"yes\"}", 4, "expected true or false");
	check_refused(WHOLE ",\n\"method\": \"DELETE\"}", 4, "\"method\" is");
	check_refused(WHOLE ",\n\"method\": \"GET\"}", 4, "GET has no body");
	check_refused(WHOLE ",\n\"form\": {}}", 4, "there is one body");
	check_refused(WHOLE ",\n\n\"limits\": {\"attempts\": 0}}", 5, "0 is not from 1 to 100");
	check_refused(WHOLE ",\n\"limits\": {\"backoff_ms\": 9, \"backoff_max_ms\": 8}}", 4,
				  "\"backoff_ms\" is more");
	/* An escape for a line break is none in the file. */
	check_refused("{\"about\": \"a\\n\\n\\nb\",\n\"x\": 1}", 2, "unknown key \"x\"");
}

static void test_requests_that_cannot_be(void **state)
{
	(void) state;
	check_refused("{" URL ",\n\"json\": {\"to\": \"{number}\"},\n" ANSWERS "}", 3,
				  "{text} is not in the request");
	check_refused("{" URL ",\n\"json\": {\"text\": \"{text}\"},\n" ANSWERS "}", 3,
				  "neither {number} nor {digits}");
	check_refused("{" URL ",\n\"json\": {\"to\": \"{nunber}\"}}", 2,
				  "unknown placeholder {nunber}");
	check_refused("{" URL ",\n\"json\": \"{number\"}", 2, "a brace without the other one");
	check_refused("{" URL ",\n\"json\": \"number}\"}", 2, "a brace without the other one");
	check_refused("{" URL ",\n\"json\": \"{attribute:}\"}", 2, "unknown placeholder {attribute:}");
	check_refused("{" URL ",\n\"json\": \"{attribute:|x}\"}", 2, "{attribute:} has no name");
	check_refused("{\n\"url\": \"ftp://sms.example.com/\"}", 2, "begins with https://");
	check_refused("{\n\"url\": \"https:///send\"}", 2, "the URL has no host");
	check_refused("{\n\"url\": \"https://{attribute:host}/send\"}", 2, "the URL's host has a '{'");
	check_refused("{\n\"url\": \"https://me:pw@example.com/\"}", 2, "the URL's host has a '@'");
	check_refused("{\n\"url\": \"https://example.com/a b\"}", 2, "a character that no URL has");
	check_refused("{\n\"url\": \"https://example.com:99999/\"}", 2, "the URL's port is none");
	check_refused("{\n\"url\": \"https://example.com:0/\"}", 2, "the URL's port is none");
	check_refused("{\n\"url\": \"https://example.com:/\"}", 2, "the URL's port is none");
	check_refused("{\n\"url\": \"https://[::1]:65536/\"}", 2, "the URL's port is none");
	check_refused("{\n\"url\": \"https://[::1]/\"}", 2, "\"answers\" is missing");
	check_refused("{\"url\": \"http://sms.example.com/\",\n" JSON ",\n" ANSWERS "}", 3,
				  "http:// would show");
	check_refused("{\"url\": \"http://localhost.example.com/\",\n" JSON ",\n" ANSWERS "}", 3,
				  "http:// would show");
	check_refused(WHOLE ",\n\"headers\": {\"Host\": \"x\"}}", 4, "\"Host\" is no header");
	check_refused(WHOLE ",\n\"headers\": {\"a b\": \"x\"}}", 4, "\"a b\" is no header");
	check_refused(WHOLE ",\n\"headers\": {\"A\": \"x\", \"Ab\": \"y\", \"a\": \"z\"}}", 4,
				  "the header \"a\" is there twice");
	check_refused(WHOLE ",\n\"headers\": {\"authorization\": \"x\"},\n" LOGIN "}", 5,
				  "the header \"Authorization\" is there twice");
	check_refused(WHOLE ",\n" LOGIN ",\n\"headers\": {\"authorization\": \"x\"}}", 5,
				  "the header \"authorization\" is there twice");
	check_refused(WHOLE ",\n\"headers\": {\"a\": \"x\\r\\ny: z\"}}", 4, "control character");
	check_refused(WHOLE ",\n\"basic\": {\"user\": \"{number}\", \"password\": \"x\"}}", 4,
				  "a login is the same for all");
	check_refused(WHOLE ",\n\"ca_file\": \"none.pem\"}", 4, "none.pem: No such file");
}

static void test_answers_that_cannot_be(void **state)
{
	(void) state;
#define RULES(rules) "{" URL ",\n" JSON ",\n\"answers\": " rules "}"
	check_refused(RULES("[]"), 3, "an empty list");
	check_refused(RULES("{\"status\": 200, \"is\": \"sent\"}"), 3, "\"answers\" is a list");
	check_refused(RULES("[{\"status\": 400, \"is\": \"failed\"}]"), 3, "no answer counts as sent");
	check_refused(RULES("[{\"status\": 200}]"), 3, "\"is\" is missing");
	check_refused(RULES("[{\"status\": 200, \"is\": \"ok\"}]"), 3, "\"is\" is sent, failed");
	check_refused(RULES("[{\"status\": 99, \"is\": \"sent\"}]"), 3, "99 is not from 200 to 599");
	check_refused(RULES("[{\"status\": \"6xx\", \"is\": \"sent\"}]"), 3, "\"6xx\" is no status");
	check_refused(RULES("[{\"is\": \"failed\"}]"), 3, "needs a \"status\"");
	check_refused(RULES("[{\"at\": \"/a\", \"equals\": 1, \"is\": \"sent\"}]"), 3,
				  "that is sent needs a \"status\"");
	check_refused(RULES("[{\"status\": 200, \"at\": \"/a\", \"is\": \"sent\"}]"), 3,
				  "need each other");
	check_refused(RULES("[{\"status\": 200, \"at\": \"a.b\", \"equals\": 1, \"is\": \"sent\"}]"), 3,
				  "no place in JSON");
	check_refused(RULES("[{\"status\": 200, \"at\": \"/a\", \"equals\": {}, \"is\": \"sent\"}]"), 3,
				  "expected a text");
	check_refused(WHOLE ",\n\"error_code\": \"\"}", 4, "no place in JSON");
}

static void test_secrets(void **state)
{
	char text[] = "a k3y-0f-0urs and k3y-0f-0urs, k3y";
	char stars[] = "wrong: ****";
	HttpSecrets secrets = {.list = {{"key", "k3y-0f-0urs", true}, {"pin", "k3y", true}},
						   .count = 2};
	HttpSecrets asterisks = {.list = {{"key", "****", true}}, .count = 1};

	(void) state;
	write_file("empty", "\nx\n");
	write_bytes("zero", "k3y\0-0f-0urs\n", 13);
	check_refused(WHOLE ",\n\"secrets\": {\"key\": \"zero\"}}", 4, "zero has a NUL byte");
	check_refused(WHOLE ",\n\"secrets\": {\"key\": \"nowhere\"}}", 4, "nowhere: No such file");
	check_refused(WHOLE ",\n\"secrets\": {\"key\": \"empty\"}}", 4, "empty is empty");
	check_refused(WHOLE ",\n\"secrets\": {\"key\": \"key\"}}", 4, "\"key\" is used nowhere");
	check_refused(WHOLE ",\n\"secrets\": {\"a b\": \"key\"}}", 4, "letters, digits and _");
	check_refused(WHOLE ",\n\"headers\": {\"a\": \"{secret:other}\"}}", 4,
				  "{secret:other} is not among");
	http_secrets_hide(&secrets, text, 2 * sizeof(text));
	assert_string_equal(text, "a *********** and ***********, k3y");
	/* As of somebody who has copied what a form shows of a secret. */
	http_secrets_hide(&asterisks, stars, 2 * sizeof(stars));
	assert_string_equal(stars, "wrong: ****");
}

static void check_hidden(const HttpSecrets *secrets, const char *repeated)
{
	char text[256];
	size_t length = strlen(repeated);

	snprintf(text, sizeof(text), "wrong: %s, sir", repeated);
	http_secrets_hide(secrets, text, sizeof(text));
	assert_int_equal(strspn(text + 7, "*"), length);
	assert_string_equal(text + 7 + length, ", sir");
}

static void check_cut(const HttpSecrets *secrets, const char *repeated)
{
	char text[64];

	snprintf(text, sizeof(text), "wrong: %s", repeated);
	http_secrets_hide(secrets, text, strlen(text) + 1);
	assert_int_equal(strspn(text + 7, "*"), strlen(repeated));
}

static void test_a_secret_as_it_was_sent(void **state)
{
	HttpSecrets secrets = {.list = {{"key", "s3cr&t\"/\xC3\xA9+ x\xF0\x9F\x98\x80", true}},
						   .count = 1};
	HttpSecrets percent = {.list = {{"key", "100%25+", true}}, .count = 1};
	char other[] = "s3cr%2At%22%2F \\u0041 \\ud83d\\u0041 % \\";

	(void) state;
	check_hidden(&secrets, "s3cr%26t%22%2F%C3%A9%2B%20x%F0%9F%98%80");
	check_hidden(&secrets, "s3cr%26t%22%2f%c3%a9%2b%20x%f0%9f%98%80");
	check_hidden(&secrets, "s3cr%26t%22/\xC3\xA9%2B+x\xF0\x9F\x98\x80");
	check_hidden(&secrets, "s3cr&t\\\"/\xC3\xA9+ x\xF0\x9F\x98\x80");
	check_hidden(&secrets, "s3cr\\u0026t\\\"\\/\\u00E9+ x\\ud83d\\uDE00");
	check_hidden(&percent, "100%25+");
	check_hidden(&percent, "100%2525%2B");
	check_cut(&secrets, "s3cr%26t%2");
	check_cut(&secrets, "s3cr%26t%");
	check_cut(&secrets, "s3cr&t\\");
	check_cut(&secrets, "s3cr&t\\\"\\/\\u00e");
	check_cut(&secrets, "s3cr&t\\\"/\\u00e9+ x\\ud83d\\u");
	http_secrets_hide(&secrets, other, 2 * sizeof(other));
	assert_string_equal(other, "s3cr%2At%22%2F \\u0041 \\ud83d\\u0041 % \\");
}

/* An answer that is longer than a result is cut off, in the middle of a secret it may be. */
static void test_the_beginning_of_a_secret(void **state)
{
	char cut[] = "refused: k3y-0f-0urs, k3y-0f-0u";
	char whole[] = "k3y-0f-0ur";
	char shorter[] = "refused: k3y";
	char not_cut[] = "id-k3y-0f";
	char inside[] = "k3y-0f-0u is not one";
	char empty[] = "";
	HttpSecrets secrets = {.list = {{"key", "k3y-0f-0urs", true}}, .count = 1};

	(void) state;
	http_secrets_hide(&secrets, cut, sizeof(cut));
	assert_string_equal(cut, "refused: ***********, *********");
	http_secrets_hide(&secrets, whole, sizeof(whole));
	assert_string_equal(whole, "**********");
	http_secrets_hide(&secrets, shorter, sizeof(shorter));
	assert_string_equal(shorter, "refused: k3y");
	http_secrets_hide(&secrets, not_cut, sizeof(not_cut) + 4);
	assert_string_equal(not_cut, "id-k3y-0f");
	http_secrets_hide(&secrets, inside, sizeof(inside));
	assert_string_equal(inside, "k3y-0f-0u is not one");
	http_secrets_hide(&secrets, empty, sizeof(empty));
	assert_string_equal(empty, "");
}

static void test_a_file_that_cannot_be_read(void **state)
{
	(void) state;
	assert_null(http_template_load("/nowhere/template.json", &error));
	assert_int_equal(error.code, ERROR_CONFIG);
	assert_string_equal(error.text,
						"cannot read /nowhere/template.json: No such file or directory");
	assert_null(http_template_load(folder, &error));
	assert_int_equal(error.code, ERROR_CONFIG);
}

static int make_folder(void **state)
{
	(void) state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/template.json", folder);
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"template.json", "key", "empty", "zero"};
	char file[128];

	(void) state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
	{
		snprintf(file, sizeof(file), "%s/%s", folder, names[i]);
		(void) unlink(file);
	}
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_template_is_filled_in),
		cmocka_unit_test(test_a_login_is_encoded),
		cmocka_unit_test(test_what_is_wrong_is_said_with_the_line),
		cmocka_unit_test(test_requests_that_cannot_be),
		cmocka_unit_test(test_answers_that_cannot_be),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_a_secret_as_it_was_sent),
		cmocka_unit_test(test_the_beginning_of_a_secret),
		cmocka_unit_test(test_a_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
