/*
 * fuzz_gateway.c - any bytes as a template, as what goes into one, and as a provider's answer: no
 * value ends the place that it stands in, each comes out as it went in, a template that is taken
 * has a number and a text, and an answer that is no JSON is never a success (R5.3).
 *
 * links: consumer/http_answer.c consumer/http_attribute.c consumer/http_fill.c
 * links: consumer/http_reader.c consumer/http_request_form.c consumer/http_rules.c
 * links: consumer/http_secrets.c consumer/http_template.c consumer/http_template_load.c
 * links: consumer/json.c consumer/json_string.c lib/contract/error.c lib/contract/utf8.c libcrypto
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "consumer/http_template_load.h"
#include "consumer/json.h"
#include "contract/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	(void) fprintf(stderr, "violated: %s\n", what);
	abort();
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

static void require_percent(const HttpBuffer *out, const char *value)
{
	size_t at = 0;

	for (; *value != '\0'; value++)
	{
		char c;

		require(at < out->length, "all of the value");
		c = out->bytes[at++];
		require(c != '&' && c != '=' && c != '+' && c != '/' && c != '?' && c != '#' && c > ' ',
				"nothing that means something in a URL or a form");
		if (c == '%')
		{
			c = (char) (hex(out->bytes[at]) << 4 | hex(out->bytes[at + 1]));
			at += 2;
		}
		require(c == *value, "the value comes out as it went in");
	}
	require(at == out->length, "nothing but the value");
}

static void require_json(const HttpBuffer *out, const char *value)
{
	HttpBuffer quoted = {0};
	Error error = {0};
	Json json;
	JsonString string;

	require(http_buffer_add(&quoted, "\"", 1) &&
				http_buffer_add(&quoted, out->bytes, out->length) &&
				http_buffer_add(&quoted, "\"", 1),
			"memory");
	json_begin(&json, quoted.bytes, quoted.length, &error);
	require(json_string(&json, &string) && json_finish(&json), "one string");
	require(string.length == strlen(value) && memcmp(string.bytes, value, string.length) == 0,
			"the value comes out as it went in");
	http_buffer_free(&quoted);
}

/* A text in each of the places that a template can have it in. */
static void check_value(const char *value)
{
	GatewayMessage message = {
		.campaign_id = "c", .id = "i", .number = "+1", .text = value, .attributes = value};

	if (!utf8_check(value))
		return;
	for (int place = HTTP_PLACE_URL; place <= HTTP_PLACE_HEADER; place++)
	{
		HttpFill fill = {0};
		HttpBuffer out = {0};
		Error error = {0};

		require(http_fill_compile(&fill, (HttpPlace) place, "{text}", 6, NULL, &error), "{text}");
		if (!http_fill_write(&fill, &message, &out, &error))
			require(place == HTTP_PLACE_HEADER && error.code == ERROR_PROTOCOL, "it can be filled");
		else if (place == HTTP_PLACE_JSON)
			require_json(&out, value);
		else if (place != HTTP_PLACE_HEADER)
			require_percent(&out, value);
		for (size_t i = 0; i < out.length; i++)
			require((unsigned char) out.bytes[i] >= ' ', "no control character goes out");
		http_fill_free(&fill);
		http_buffer_free(&out);
	}
}

/* A string of a template, with attributes behind it. */
static void check_string(const char *string, size_t length, const char *attributes)
{
	GatewayMessage message = {
		.campaign_id = "c", .id = "i", .number = "+1", .text = "t", .attributes = attributes};
	static HttpSecrets secrets = {.list = {{.name = "key", .value = "k3y"}}, .count = 1};

	for (int place = HTTP_PLACE_URL; place <= HTTP_PLACE_HEADER; place++)
	{
		HttpFill fill = {0};
		HttpBuffer out = {0};
		Error error = {0};

		if (!http_fill_compile(&fill, (HttpPlace) place, string, length, &secrets, &error))
			require(error.code == ERROR_CONFIG &&
						(strstr(error.text, "k3y") == NULL || strstr(string, "k3y") != NULL),
					"why it is refused, without the secret");
		else if (!http_fill_write(&fill, &message, &out, &error))
			require(error.code == ERROR_PROTOCOL, "why it cannot be filled in");
		http_fill_free(&fill);
		http_buffer_free(&out);
	}
}

static void check_answer(const char *body, size_t length)
{
	static const char *const pointers[] = {"/a", "/*/a", "/a/0/b", "/~1", "/*/*"};
	HttpAnswer answer = {.status = 200, .body = body, .length = length, .complete = true};
	char *copy = malloc(length + 1);
	char text[16];
	Error error = {0};
	Json json;
	bool valid;

	require(copy != NULL, "memory");
	memcpy(copy, body, length);
	json_begin(&json, copy, length, &error);
	valid = json_skip(&json) && json_finish(&json);
	free(copy);
	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++)
	{
		HttpRules rules = {.list = {{.low = {200},
									 .high = {299},
									 .statuses = 1,
									 .value_count = 2,
									 .values = {"0", "ok"},
									 .verdict = HTTP_SENT}},
						   .count = 1};
		HttpPlaces places = {.count = 1};

		snprintf(rules.list[0].pointer, HTTP_POINTER_SIZE, "%s", pointers[i]);
		snprintf(places.pointers[0], HTTP_POINTER_SIZE, "%s", pointers[i]);
		require(http_answer_judge(&rules, &answer) != HTTP_SENT || valid, "only JSON is a success");
		if (http_answer_text(&places, &answer, text, sizeof(text)))
			require(valid && *text != '\0' && utf8_check(text), "a clean text");
	}
}

static void check_template(const char *bytes, size_t length)
{
	static int file = -1;
	static char path[32];
	HttpTemplate *template;
	Error error = {0};

	if (file < 0)
		file = memfd_create("template", 0);
	require(file >= 0 && ftruncate(file, 0) == 0 &&
				pwrite(file, bytes, length, 0) == (ssize_t) length,
			"a file");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	template = http_template_load(path, &error);
	if (template == NULL)
		require(error.code == ERROR_CONFIG && strncmp(error.text, path, strlen(path)) == 0,
				"file and line of what is wrong");
	else
		require(*template->host != '\0' && template->rules.count > 0 &&
					(template->body.uses[HTTP_VALUE_TEXT] || template->url.uses[HTTP_VALUE_TEXT] ||
					 template->header_count > 0),
				"a whole template");
	http_template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;
	size_t length;

	if (size < 1)
		return 0;
	copy = malloc(size);
	require(copy != NULL, "memory");
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\0';
	length = strlen(copy);
	switch (*data % 4)
	{
		case 0:
			check_value(copy);
			break;
		case 1:
			check_string(copy, length, length + 1 < size ? copy + length + 1 : NULL);
			break;
		case 2:
			check_answer(copy, size - 1);
			break;
		default:
			check_template(copy, size - 1);
			break;
	}
	free(copy);
	return 0;
}
