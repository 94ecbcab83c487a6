/*
 * http_request_form.c - reading URL, headers, login and body; see http_request_form.h.
 *
 * Must never let a message decide which host is spoken to.
 */
#include "http_request_form.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_DEPTH_MAX 16
#define LOGIN_SIZE	   (3 * HTTP_SECRET_SIZE)

static HttpTemplate *template_of(const HttpReader *reader)
{
	return reader->target;
}

/* The next value, a string, as a text of the request. */
static bool compile(HttpReader *reader, HttpFill *fill, HttpPlace place)
{
	Error error = {0};
	JsonString string;

	if (!http_reader_string(reader, &string))
		return false;
	return http_fill_compile(fill, place, string.bytes, string.length,
							 &template_of(reader)->secrets, &error) ||
		   http_reader_fail(reader, "%s", error.text);
}

static bool literal(HttpReader *reader, HttpFill *fill, const char *text)
{
	return http_fill_literal(fill, text, strlen(text)) || http_reader_fail(reader, "out of memory");
}

/* "url" ---------------------------------------------------------------------------------- */

/* libcurl would say it of each message, as of a provider that is away. */
static bool check_port(HttpReader *reader, const char *host)
{
	const char *bracket = strrchr(host, ']');
	const char *colon = strchr(bracket != NULL ? bracket : host, ':');
	const char *port = colon != NULL ? colon + 1 : "443";
	long number = strtol(port, NULL, 10);

	return (strspn(port, "0123456789") == strlen(port) && number >= 1 && number <= 65535) ||
		   http_reader_fail(reader, "the URL's port is none from 1 to 65535");
}

static bool take_host(HttpReader *reader, const JsonString *url)
{
	HttpTemplate *template = template_of(reader);
	const char *host = memchr(url->bytes, '/', url->length);
	const char *end = url->bytes + url->length;
	size_t length = 0;

	host += 2;
	while (host + length < end && host[length] != '/' && host[length] != '?')
		length++;
	if (length == 0 || length >= HTTP_HOST_SIZE)
		return http_reader_fail(reader, "the URL has no host");
	for (size_t i = 0; i < length; i++)
	{
		if (!isalnum((unsigned char) host[i]) && strchr("-._:[]", host[i]) == NULL)
			return http_reader_fail(reader,
									"the URL's host has a '%c': a name or an address, and "
									"a port; no placeholder and no login",
									host[i]);
	}
	memcpy(template->host, host, length);
	template->host[length] = '\0';
	return check_port(reader, template->host);
}

/* The names in braces may hold any. */
static bool check_characters(HttpReader *reader, const JsonString *url)
{
	int open = 0;

	for (size_t i = 0; i < url->length; i++)
	{
		unsigned char c = (unsigned char) url->bytes[i];

		open += (c == '{') - (c == '}');
		if (open <= 0 && (c <= ' ' || c >= 0x7F || c == '#'))
			return http_reader_fail(reader, "\"url\" has a character that no URL has");
	}
	return true;
}

bool http_request_form_url(HttpReader *reader)
{
	HttpTemplate *template = template_of(reader);
	Error error = {0};
	JsonString url;

	if (!http_reader_string(reader, &url))
		return false;
	if (!(url.length > 8 && memcmp(url.bytes, "https://", 8) == 0) &&
		!(url.length > 7 && memcmp(url.bytes, "http://", 7) == 0))
		return http_reader_fail(reader, "\"url\" begins with https://");
	if (!take_host(reader, &url) || !check_characters(reader, &url))
		return false;
	return http_fill_compile(&template->url, HTTP_PLACE_URL, url.bytes, url.length,
							 &template->secrets, &error) ||
		   http_reader_fail(reader, "%s", error.text);
}

/* "headers" and "basic" ------------------------------------------------------------------ */

static bool is_header_name(const JsonString *name)
{
	for (size_t i = 0; i < name->length; i++)
	{
		if (!isalnum((unsigned char) name->bytes[i]) &&
			(name->bytes[i] == '\0' || strchr("!#$%&'*+-.^_`|~", name->bytes[i]) == NULL))
			return false;
	}
	return true;
}

static bool is_named(const JsonString *name, const char *other)
{
	return name->length == strlen(other) && strncasecmp(name->bytes, other, name->length) == 0;
}

/* They say how the message is framed, or to whom it goes: libcurl's, or nobody's. */
static bool is_forbidden(const JsonString *name)
{
	static const char *const names[] = {
		"content-length", "transfer-encoding", "connection", "host",
		"expect",		  "upgrade",		   "te",		 "trailer"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
	{
		if (is_named(name, names[i]))
			return true;
	}
	return false;
}

static HttpFill *next_header(HttpReader *reader)
{
	HttpTemplate *template = template_of(reader);

	if (template->header_count < HTTP_HEADERS_MAX)
		return &template->headers[template->header_count++];
	(void) http_reader_fail(reader, "more than %d headers", HTTP_HEADERS_MAX);
	return NULL;
}

static bool has_header(const HttpTemplate *template, const char *name, size_t length)
{
	for (size_t i = 0; i < template->header_count; i++)
	{
		const HttpBuffer *line = &template->headers[i].bytes;

		if (line->length > length && line->bytes[length] == ':' &&
			strncasecmp(line->bytes, name, length) == 0)
			return true;
	}
	return false;
}

static bool read_header(HttpReader *reader, const JsonString *name)
{
	HttpFill *header;

	if (!is_header_name(name) || is_forbidden(name))
		return http_reader_fail(reader, "\"%.*s\" is no header that can be set",
								(int) (name->length < 64 ? name->length : 64), name->bytes);
	if (has_header(template_of(reader), name->bytes, name->length))
		return http_reader_fail(reader, "the header \"%.*s\" is there twice",
								(int) (name->length < 64 ? name->length : 64), name->bytes);
	header = next_header(reader);
	if (header == NULL)
		return false;
	if (is_named(name, "idempotency-key"))
		template_of(reader)->has_key = true;
	if (is_named(name, "content-type"))
		template_of(reader)->has_content_type = true;
	return (http_fill_literal(header, name->bytes, name->length) &&
			http_fill_literal(header, ": ", 2))
			   ? compile(reader, header, HTTP_PLACE_HEADER)
			   : http_reader_fail(reader, "out of memory");
}

bool http_request_form_headers(HttpReader *reader)
{
	return http_reader_pairs(reader, read_header);
}

typedef struct Basic
{
	HttpFill user;
	HttpFill password;
} Basic;

/* Of the template at the moment; read_user and read_password find it here. */
static _Thread_local Basic *basic;

static bool read_user(HttpReader *reader)
{
	return compile(reader, &basic->user, HTTP_PLACE_HEADER);
}

static bool read_password(HttpReader *reader)
{
	return compile(reader, &basic->password, HTTP_PLACE_HEADER);
}

/* A provider may repeat it, and who has it has the password. */
static bool keep_login(HttpReader *reader, const char *encoded)
{
	return http_buffer_add(&template_of(reader)->secrets.login, encoded, strlen(encoded) + 1) ||
		   http_reader_fail(reader, "out of memory");
}

static bool add_login(HttpReader *reader, const Basic *login)
{
	HttpBuffer plain = {0};
	HttpFill *header = next_header(reader);
	char *encoded = calloc(1, 2 * LOGIN_SIZE);
	bool done = header != NULL && encoded != NULL;

	for (size_t value = HTTP_VALUE_NONE + 1; done && value < HTTP_VALUE_COUNT; value++)
	{
		if (login->user.uses[value] || login->password.uses[value])
			done = http_reader_fail(reader, "a login is the same for all messages");
	}
	done = done && http_buffer_add(&plain, login->user.bytes.bytes, login->user.bytes.length) &&
		   http_buffer_add(&plain, ":", 1) &&
		   http_buffer_add(&plain, login->password.bytes.bytes, login->password.bytes.length);
	if (done && plain.length > LOGIN_SIZE)
		done = http_reader_fail(reader, "a login of more than %d bytes", LOGIN_SIZE);
	if (done)
	{
		EVP_EncodeBlock((unsigned char *) encoded, (const unsigned char *) plain.bytes,
						(int) plain.length);
		done = literal(reader, header, "Authorization: Basic ") &&
			   literal(reader, header, encoded) && keep_login(reader, encoded);
		explicit_bzero(encoded, 2 * LOGIN_SIZE);
	}
	free(encoded);
	http_buffer_free(&plain);
	return done;
}

bool http_request_form_basic(HttpReader *reader)
{
	static const HttpKey keys[] = {{"user", read_user, true}, {"password", read_password, true}};
	Basic login = {0};
	bool done;

	if (has_header(template_of(reader), "authorization", 13))
		return http_reader_fail(reader, "the header \"Authorization\" is there twice");
	basic = &login;
	done =
		http_reader_object(reader, keys, sizeof(keys) / sizeof(*keys)) && add_login(reader, &login);
	basic = NULL;
	http_fill_free(&login.user);
	http_fill_free(&login.password);
	return done;
}

/* "json" and "form" ---------------------------------------------------------------------- */

static bool begin_body(HttpReader *reader, const char *type)
{
	HttpTemplate *template = template_of(reader);

	if (template->has_body)
		return http_reader_fail(reader, "there is one body: \"json\" or \"form\"");
	template->has_body = true;
	template->content_type = type;
	return true;
}

static bool add_value(HttpReader *reader, int depth);

static bool add_key(HttpReader *reader, HttpFill *body, const JsonString *key)
{
	Error error = {0};
	HttpBuffer escaped = {0};
	bool done = http_escape(&escaped, HTTP_PLACE_JSON, key->bytes, key->length, &error) &&
				http_fill_literal(body, "\"", 1) &&
				http_fill_literal(body, escaped.bytes, escaped.length) &&
				http_fill_literal(body, "\":", 2);

	http_buffer_free(&escaped);
	return done || http_reader_fail(reader, "out of memory");
}

static bool add_members(HttpReader *reader, bool is_object, int depth) // NOLINT(misc-no-recursion)
{
	HttpFill *body = &template_of(reader)->body;
	Json *json = &reader->json;
	const char *between = is_object ? "{" : "[";
	char close = is_object ? '}' : ']';
	JsonString key;

	(void) json_accept(json, *between);
	if (json_accept(json, close))
		return literal(reader, body, is_object ? "{}" : "[]");
	do
	{
		if (!literal(reader, body, between))
			return false;
		between = ",";
		if (is_object && !(json_string(json, &key) && json_expect(json, ':')))
			return http_reader_fail(reader, "%s", reader->json_error.text);
		if ((is_object && !add_key(reader, body, &key)) || !add_value(reader, depth + 1))
			return false;
	} while (json_accept(json, ','));
	if (!json_expect(json, close))
		return http_reader_fail(reader, "%s", reader->json_error.text);
	return literal(reader, body, is_object ? "}" : "]");
}

static bool add_value(HttpReader *reader, int depth) // NOLINT(misc-no-recursion)
{
	HttpFill *body = &template_of(reader)->body;
	char first = json_peek(&reader->json);
	JsonString number;

	if (depth > BODY_DEPTH_MAX)
		return http_reader_fail(reader, "nested too deep");
	switch (first)
	{
		case '{':
		case '[':
			return add_members(reader, first == '{', depth);
		case '"':
			return literal(reader, body, "\"") && compile(reader, body, HTTP_PLACE_JSON) &&
				   literal(reader, body, "\"");
		case 't':
		case 'f':
		case 'n':
			if (json_word(&reader->json) != first)
				return http_reader_fail(reader, "expected a value");
			return literal(reader, body, first == 't' ? "true" : first == 'f' ? "false" : "null");
		default:
			if (!json_number(&reader->json, &number))
				return http_reader_fail(reader, "expected a value");
			return http_fill_literal(body, number.bytes, number.length) ||
				   http_reader_fail(reader, "out of memory");
	}
}

bool http_request_form_json(HttpReader *reader)
{
	return begin_body(reader, "Content-Type: application/json") && add_value(reader, 0);
}

static bool add_field(HttpReader *reader, const JsonString *name)
{
	HttpFill *body = &template_of(reader)->body;
	Error error = {0};
	HttpBuffer escaped = {0};
	bool done = http_escape(&escaped, HTTP_PLACE_FORM, name->bytes, name->length, &error) &&
				(body->count == 0 || http_fill_literal(body, "&", 1)) &&
				http_fill_literal(body, escaped.bytes, escaped.length) &&
				http_fill_literal(body, "=", 1);

	http_buffer_free(&escaped);
	if (!done)
		return http_reader_fail(reader, "out of memory");
	return compile(reader, body, HTTP_PLACE_FORM);
}

bool http_request_form_form(HttpReader *reader)
{
	return begin_body(reader, "Content-Type: application/x-www-form-urlencoded") &&
		   http_reader_pairs(reader, add_field);
}
