/*
 * http_template.c - a template's beginning and end; see http_template.h.
 */
#include "http_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const HttpLimits LIMITS_DEFAULT = {.attempts = 6,
										  .timeout_ms = 30000,
										  .connect_timeout_ms = 5000,
										  .backoff_ms = 500,
										  .backoff_max_ms = 30000,
										  .retry_after_max_ms = 600000,
										  .answer_max = 65536};

HttpTemplate *http_template_new(void)
{
	HttpTemplate *template = calloc(1, sizeof(*template));

	if (template == NULL)
		return NULL;
	snprintf(template->method, sizeof(template->method), "POST");
	template->limits = LIMITS_DEFAULT;
	return template;
}

bool http_template_is_clear(const HttpTemplate *template)
{
	static const char *const here[] = {"127.0.0.1", "localhost", "[::1]"};

	if (strncmp(template->url.bytes.bytes, "http://", 7) != 0)
		return false;
	for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
	{
		size_t length = strlen(here[i]);

		if (strncmp(template->host, here[i], length) == 0 &&
			(template->host[length] == '\0' || template->host[length] == ':'))
			return false;
	}
	return true;
}

void http_template_free(HttpTemplate *template)
{
	if (template == NULL)
		return;
	http_fill_free(&template->url);
	http_fill_free(&template->body);
	for (size_t i = 0; i < template->header_count; i++)
		http_fill_free(&template->headers[i]);
	http_buffer_free(&template->secrets.login);
	explicit_bzero(template, sizeof(*template));
	free(template);
}
