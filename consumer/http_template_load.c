/*
 * http_template_load.c - reading a template; see http_template_load.h.
 *
 * Must never let a template pass that sends a message without its number or text, or
 * that takes nothing for sent.
 */
#include "http_template_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_reader.h"
#include "http_request_form.h"
#include "http_rules.h"
#include "http_secrets.h"

#define MS_PER_S INT64_C(1000)

static HttpTemplate *template_of(const HttpReader *reader)
{
	return reader->target;
}

static bool read_method(HttpReader *reader)
{
	static const char *const methods[] = {"POST", "GET", "PUT", "PATCH"};
	HttpTemplate *template = template_of(reader);

	if (!http_reader_text(reader, template->method, sizeof(template->method)))
		return false;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
	{
		if (strcmp(methods[i], template->method) == 0)
			return true;
	}
	return http_reader_fail(reader, "\"method\" is POST, GET, PUT or PATCH");
}

static bool read_idempotent(HttpReader *reader)
{
	return http_reader_switch(reader, &template_of(reader)->idempotent);
}

static bool read_clear_text(HttpReader *reader)
{
	return http_reader_switch(reader, &template_of(reader)->clear_text);
}

static void folder_of(const HttpReader *reader, char folder[HTTP_PATH_SIZE])
{
	const char *slash = strrchr(reader->path, '/');

	snprintf(folder, HTTP_PATH_SIZE, "%.*s", slash == NULL ? 0 : (int) (slash - reader->path) + 1,
			 reader->path);
}

static bool read_ca_file(HttpReader *reader)
{
	char *ca_file = template_of(reader)->ca_file;
	char file[HTTP_PATH_SIZE / 2];
	char folder[HTTP_PATH_SIZE];

	if (!http_reader_text(reader, file, sizeof(file)))
		return false;
	folder_of(reader, folder);
	if (snprintf(ca_file, HTTP_PATH_SIZE, "%s%s", *file == '/' ? "" : folder, file) >=
		HTTP_PATH_SIZE)
		return http_reader_fail(reader, "the path is too long");
	return access(ca_file, R_OK) == 0 ||
		   http_reader_fail(reader, "cannot read %s: %s", ca_file, strerror(errno));
}

static bool read_answers(HttpReader *reader)
{
	return http_rules_read(reader, &template_of(reader)->rules);
}

static bool read_error_code(HttpReader *reader)
{
	return http_places_read(reader, &template_of(reader)->error_code);
}

static bool read_error_text(HttpReader *reader)
{
	return http_places_read(reader, &template_of(reader)->error_text);
}

static bool read_message_id(HttpReader *reader)
{
	return http_places_read(reader, &template_of(reader)->message_id);
}

/* "limits" ------------------------------------------------------------------------------- */

static bool read_attempts(HttpReader *reader)
{
	return http_reader_number(reader, 1, 100, &template_of(reader)->limits.attempts);
}

static bool read_timeout(HttpReader *reader)
{
	return http_reader_number(reader, 100, 600 * MS_PER_S, &template_of(reader)->limits.timeout_ms);
}

static bool read_connect_timeout(HttpReader *reader)
{
	return http_reader_number(reader, 100, 600 * MS_PER_S,
							  &template_of(reader)->limits.connect_timeout_ms);
}

static bool read_backoff(HttpReader *reader)
{
	return http_reader_number(reader, 1, 600 * MS_PER_S, &template_of(reader)->limits.backoff_ms);
}

static bool read_backoff_max(HttpReader *reader)
{
	return http_reader_number(reader, 1, 3600 * MS_PER_S,
							  &template_of(reader)->limits.backoff_max_ms);
}

static bool read_retry_after_max(HttpReader *reader)
{
	return http_reader_number(reader, 0, 24 * 3600 * MS_PER_S,
							  &template_of(reader)->limits.retry_after_max_ms);
}

static bool read_answer_max(HttpReader *reader)
{
	return http_reader_number(reader, 256, 16 << 20, &template_of(reader)->limits.answer_max);
}

static bool read_limits(HttpReader *reader)
{
	static const HttpKey keys[] = {
		{"attempts", read_attempts, false},
		{"timeout_ms", read_timeout, false},
		{"connect_timeout_ms", read_connect_timeout, false},
		{"backoff_ms", read_backoff, false},
		{"backoff_max_ms", read_backoff_max, false},
		{"retry_after_max_ms", read_retry_after_max, false},
		{"answer_max_bytes", read_answer_max, false},
	};

	return http_reader_object(reader, keys, sizeof(keys) / sizeof(*keys));
}

/* The whole file ------------------------------------------------------------------------- */

static bool read_secrets(HttpReader *reader)
{
	char folder[HTTP_PATH_SIZE];

	folder_of(reader, folder);
	return http_secrets_read(reader, folder, &template_of(reader)->secrets);
}

/* The secrets have to be known before the texts that name them, wherever they stand. */
static bool read_secrets_only(HttpReader *reader)
{
	static const HttpKey keys[] = {
		{"about", http_reader_skip, false},		 {"method", http_reader_skip, false},
		{"url", http_reader_skip, false},		 {"headers", http_reader_skip, false},
		{"basic", http_reader_skip, false},		 {"json", http_reader_skip, false},
		{"form", http_reader_skip, false},		 {"secrets", read_secrets, false},
		{"idempotent", http_reader_skip, false}, {"answers", http_reader_skip, false},
		{"error_code", http_reader_skip, false}, {"error_text", http_reader_skip, false},
		{"message_id", http_reader_skip, false}, {"limits", http_reader_skip, false},
		{"ca_file", http_reader_skip, false},	 {"allow_clear_text", http_reader_skip, false},
	};

	return http_reader_object(reader, keys, sizeof(keys) / sizeof(*keys)) &&
		   http_reader_finish(reader);
}

static bool read_rest(HttpReader *reader)
{
	static const HttpKey keys[] = {
		{"about", http_reader_skip, false},		   {"method", read_method, false},
		{"url", http_request_form_url, true},	   {"headers", http_request_form_headers, false},
		{"basic", http_request_form_basic, false}, {"json", http_request_form_json, false},
		{"form", http_request_form_form, false},   {"secrets", http_reader_skip, false},
		{"idempotent", read_idempotent, false},	   {"answers", read_answers, true},
		{"error_code", read_error_code, false},	   {"error_text", read_error_text, false},
		{"message_id", read_message_id, false},	   {"limits", read_limits, false},
		{"ca_file", read_ca_file, false},		   {"allow_clear_text", read_clear_text, false},
	};

	return http_reader_object(reader, keys, sizeof(keys) / sizeof(*keys)) &&
		   http_reader_finish(reader);
}

/* Whether any text of the request has it. */
static bool uses(const HttpTemplate *template, HttpValue value)
{
	bool used = template->url.uses[value] || template->body.uses[value];

	for (size_t i = 0; i < template->header_count; i++)
		used = used || template->headers[i].uses[value];
	return used;
}

static bool takes_something_for_sent(const HttpRules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
	{
		if (rules->list[i].verdict == HTTP_SENT)
			return true;
	}
	return false;
}

/* What can only be seen once all of it is read. */
static bool check(HttpReader *reader, const HttpTemplate *template)
{
	const HttpLimits *limits = &template->limits;

	if (!uses(template, HTTP_VALUE_NUMBER) && !uses(template, HTTP_VALUE_DIGITS))
		return http_reader_fail(reader, "neither {number} nor {digits} is in the request");
	if (!uses(template, HTTP_VALUE_TEXT))
		return http_reader_fail(reader, "{text} is not in the request");
	for (size_t i = 0; i < template->secrets.count; i++)
	{
		if (!template->secrets.list[i].used)
			return http_reader_fail(reader, "the secret \"%s\" is used nowhere",
									template->secrets.list[i].name);
	}
	if (!takes_something_for_sent(&template->rules))
		return http_reader_fail(reader, "no answer counts as sent");
	if (template->has_body && strcmp(template->method, "GET") == 0)
		return http_reader_fail(reader, "GET has no body");
	if (limits->backoff_ms > limits->backoff_max_ms)
		return http_reader_fail(reader, "\"backoff_ms\" is more than \"backoff_max_ms\"");
	if (!template->clear_text && http_template_is_clear(template))
		return http_reader_fail(reader, "http:// would show text and secrets to everybody on the "
										"way: use https://, or \"allow_clear_text\"");
	return true;
}

HttpTemplate *http_template_load(const char *path, Error *error)
{
	HttpTemplate *template = http_template_new();
	HttpReader reader;
	bool done;

	if (template == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	done = http_reader_open(&reader, path, error);
	reader.target = template;
	done = done && read_secrets_only(&reader);
	if (done)
	{
		http_reader_rewind(&reader);
		done = read_rest(&reader) && check(&reader, template);
	}
	http_reader_close(&reader);
	if (done)
		return template;
	http_template_free(template);
	return NULL;
}
