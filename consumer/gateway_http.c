/*
 * gateway_http.c - the gateway that sends over HTTP: libcurl's multi interface, many
 * requests at a time on connections that stay, as a template says (docs/gateways.md).
 *
 * Every message that is submitted comes back once. Must never send a message again
 * that the provider may have taken, unless the template says that the provider knows
 * an identifier when it sees it twice.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/utf8.h"
#include "http_outcome.h"
#include "http_state.h"
#include "http_template_load.h"
#include "http_trouble.h"
#include "program/clock.h"

/* How long what is under way may still be answered at the end. */
#define ABANDON_MS 2000

#define NAME_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

/* From one list into another. */
static void move(struct Slots *from, struct Slots *to, Slot *slot)
{
	if (from != NULL)
		TAILQ_REMOVE(from, slot, link);
	TAILQ_INSERT_TAIL(to, slot, link);
}

static void http_close(void *self)
{
	Http *http = self;

	if (http == NULL)
		return;
	for (int i = 0; i < http->count; i++)
	{
		if (http->slots[i].running)
			(void) curl_multi_remove_handle(http->multi, http->slots[i].request.curl);
		http_request_close(&http->slots[i].request);
	}
	(void) curl_multi_cleanup(http->multi);
	http_template_free(http->template);
	free(http);
}

static bool open_slots(Http *http, int count, Error *error)
{
	http->multi = curl_multi_init();
	if (http->multi == NULL ||
		curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long) count) != CURLM_OK)
		return error_set(error, ERROR_MEMORY, "libcurl cannot be set up for HTTP");
	for (; http->count < count; http->count++)
	{
		Slot *slot = &http->slots[http->count];

		if (!http_request_open(&slot->request, http->template, error))
			return false;
		TAILQ_INSERT_TAIL(&http->idle, slot, link);
	}
	return true;
}

static void *http_open(const GatewaySettings *settings, Error *error)
{
	size_t count = (size_t) settings->in_flight;
	Http *http;

	if (*settings->template == '\0')
	{
		error_set(error, ERROR_CONFIG, "CAMPAIGN_GATEWAY=http needs CAMPAIGN_GATEWAY_TEMPLATE");
		return NULL;
	}
	http = calloc(1, sizeof(*http) + count * sizeof(*http->slots));
	if (http == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	TAILQ_INIT(&http->idle);
	TAILQ_INIT(&http->waiting);
	TAILQ_INIT(&http->ended);
	http->random = (uint32_t) clock_us() | 1;
	http->breaker.limit = breaker_limit(settings->in_flight);
	http->template = http_template_load(settings->template, error);
	if (http->template != NULL && open_slots(http, settings->in_flight, error))
		return http;
	http_close(http);
	return NULL;
}

/* The slot's last state; it is on no list. */
static void end(Http *http, Slot *slot, GatewayState state)
{
	slot->result.tag = slot->tag;
	slot->result.state = state;
	slot->result.attempts = slot->attempts;
	slot->result.took_us = slot->attempts == 0 ? 0 : clock_us() - slot->first_us;
	move(NULL, &http->ended, slot);
}

static void end_with_reason(Http *http, Slot *slot, GatewayState state, const char *code,
							const char *text)
{
	snprintf(slot->result.code, sizeof(slot->result.code), "%s", code);
	(void) utf8_clean(slot->result.text, sizeof(slot->result.text), text, strlen(text));
	end(http, slot, state);
}

static void begin(Http *http, Slot *slot)
{
	Error error = {0};

	if (slot->attempts == 0)
	{
		slot->first_us = clock_us();
		slot->worked_before = http->breaker.worked;
	}
	if (!http_request_begin(&slot->request, &error) ||
		curl_multi_add_handle(http->multi, slot->request.curl) != CURLM_OK)
	{
		end_with_reason(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_NOT_BEGUN, "memory",
						"out of memory");
		return;
	}
	slot->attempts++;
	slot->running = true;
}

/* libcurl has ended an attempt. */
static void decide(Http *http, Slot *slot, CURLcode code)
{
	HttpVerdict verdict = http_outcome(&slot->request, code, &slot->result);
	bool again = verdict == HTTP_AGAIN || (verdict == HTTP_UNCLEAR && http->template->idempotent);
	BreakerDecision decision;

	slot->in_doubt = slot->in_doubt || verdict == HTTP_UNCLEAR;
	decision =
		http_trouble_judge(http, slot, verdict == HTTP_SENT || verdict == HTTP_FAILED, again);
	slot->result.judged = decision == BREAKER_JUDGED;
	again = again && slot->attempts < http->template->limits.attempts && decision != BREAKER_JUDGED;
	if (verdict == HTTP_SENT)
		end(http, slot, GATEWAY_SENT);
	else if (verdict == HTTP_FAILED)
		end(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_FAILED);
	else if (slot->settled || decision == BREAKER_BACK)
		end(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_NOT_BEGUN);
	else if (again)
	{
		slot->due_ms = clock_ms() + http_trouble_wait_ms(http, slot);
		move(NULL, &http->waiting, slot);
	}
	else
		end(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_FAILED);
}

/* Moves everything on as far as it goes without waiting. */
static void perform(Http *http)
{
	const CURLMsg *message;
	int running;
	int left;

	(void) curl_multi_perform(http->multi, &running);
	while ((message = curl_multi_info_read(http->multi, &left)) != NULL)
	{
		CURLcode code = message->data.result;
		CURL *curl = message->easy_handle;
		void *given = NULL;
		Slot *slot;

		if (message->msg != CURLMSG_DONE)
			continue;
		(void) curl_easy_getinfo(curl, CURLINFO_PRIVATE, &given);
		(void) curl_multi_remove_handle(http->multi, curl);
		slot = given;
		slot->running = false;
		decide(http, slot, code);
	}
}

static int64_t due_ms(const Http *http, const Slot *slot)
{
	return slot->due_ms > http->held_ms ? slot->due_ms : http->held_ms;
}

static void begin_due(Http *http)
{
	int64_t now_ms = clock_ms();
	Slot *slot = http->on_hold ? NULL : TAILQ_FIRST(&http->waiting);

	while (slot != NULL)
	{
		Slot *following = TAILQ_NEXT(slot, link);

		if (due_ms(http, slot) <= now_ms)
		{
			TAILQ_REMOVE(&http->waiting, slot, link);
			begin(http, slot);
		}
		slot = following;
	}
}

/* When something may begin; CLOCK_NEVER if nothing waits. */
static int64_t next_due_ms(const Http *http)
{
	int64_t next_ms = CLOCK_NEVER;
	const Slot *slot;

	if (http->on_hold)
		return next_ms;
	TAILQ_FOREACH(slot, &http->waiting, link)
	{
		if (due_ms(http, slot) < next_ms)
			next_ms = due_ms(http, slot);
	}
	return next_ms;
}

/* What is still under way when the time after the end is over. */
static void give_up(Http *http)
{
	for (int i = 0; i < http->count; i++)
	{
		Slot *slot = &http->slots[i];

		if (!slot->running)
			continue;
		(void) curl_multi_remove_handle(http->multi, slot->request.curl);
		slot->running = false;
		slot->in_doubt = slot->in_doubt || slot->request.begun;
		end_with_reason(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_NOT_BEGUN,
						"abandoned", "the sender stopped before the answer came");
	}
}

static bool http_submit(void *self, const GatewayMessage *message)
{
	Http *http = self;
	Slot *slot = TAILQ_FIRST(&http->idle);
	Error error = {0};

	/* What is under way has to come back before anything else is begun. */
	if (slot == NULL || (http->ending_ms != 0 && http->busy > 0))
		return false;
	http->ending_ms = 0;
	http->busy++;
	TAILQ_REMOVE(&http->idle, slot, link);
	memset(&slot->result, 0, sizeof(slot->result));
	slot->tag = message->tag;
	slot->message = http_trouble_message(message->id);
	slot->attempts = 0;
	slot->in_doubt = false;
	slot->settled = false;
	slot->due_ms = 0;
	if (http_request_fill(&slot->request, message, &error))
	{
		move(NULL, &http->waiting, slot);
		begin_due(http);
	}
	else if (error.code == ERROR_PROTOCOL)
		end_with_reason(http, slot, GATEWAY_FAILED, "template", error.text);
	else
		end_with_reason(http, slot, GATEWAY_NOT_BEGUN, "memory", error.text);
	return true;
}

static int take_results(Http *http, GatewayResult *results, int room)
{
	int taken = 0;

	while (taken < room && !TAILQ_EMPTY(&http->ended))
	{
		Slot *slot = TAILQ_FIRST(&http->ended);

		results[taken++] = slot->result;
		move(&http->ended, &http->idle, slot);
		http->busy--;
	}
	return taken;
}

/*
 * Nothing begins after a wait: the caller is asked first whether it is still wanted, by coming back
 * when something is due.
 */
static int http_poll(void *self, int timeout_ms, GatewayResult *results, int room)
{
	Http *http = self;
	int64_t until_ms = clock_ms() + timeout_ms;

	begin_due(http);
	for (;;)
	{
		int64_t next_ms;

		perform(http);
		if (http->ending_ms != 0 && clock_ms() >= http->ending_ms)
			give_up(http);
		next_ms = next_due_ms(http);
		if (next_ms < until_ms)
			until_ms = next_ms;
		if (!TAILQ_EMPTY(&http->ended) || clock_ms() >= until_ms)
			return take_results(http, results, room);
		next_ms = until_ms;
		if (http->ending_ms != 0 && next_ms > http->ending_ms)
			next_ms = http->ending_ms;
		(void) curl_multi_poll(http->multi, NULL, 0, (int) clock_left_ms(next_ms), NULL);
	}
}

static void http_settle(void *self, GatewayCovers *covers, const void *argument)
{
	Http *http = self;
	Slot *slot = TAILQ_FIRST(&http->waiting);

	for (int i = 0; i < http->count; i++)
	{
		if (http->slots[i].running && (covers == NULL || covers(argument, http->slots[i].tag)))
			http->slots[i].settled = true;
	}
	while (slot != NULL)
	{
		Slot *following = TAILQ_NEXT(slot, link);

		if (covers == NULL || covers(argument, slot->tag))
		{
			TAILQ_REMOVE(&http->waiting, slot, link);
			end_with_reason(http, slot, slot->in_doubt ? GATEWAY_UNKNOWN : GATEWAY_NOT_BEGUN,
							"abandoned", "the sender stopped before the next attempt");
		}
		slot = following;
	}
}

static void http_hold(void *self, bool held)
{
	Http *http = self;

	http->on_hold = held;
}

static void http_abandon(void *self)
{
	Http *http = self;

	http_settle(self, NULL, NULL);
	if (http->ending_ms == 0)
		http->ending_ms = clock_ms() + ABANDON_MS;
}

static bool http_is_idempotent(void *self)
{
	const Http *http = self;

	return http->template->idempotent;
}

/* The template's name without its folder, if it has one that needs no escapes. */
static void http_describe(const GatewaySettings *settings, char *json, size_t size)
{
	const char *slash = strrchr(settings->template, '/');
	const char *name = slash == NULL ? settings->template : slash + 1;

	if (strspn(name, NAME_CHARACTERS) == strlen(name))
		snprintf(json, size, "\"template\": \"%.255s\"", name);
}

const Gateway GATEWAY_HTTP = {.name = "http",
							  .sends = true,
							  .open = http_open,
							  .submit = http_submit,
							  .poll = http_poll,
							  .abandon = http_abandon,
							  .settle = http_settle,
							  .hold = http_hold,
							  .close = http_close,
							  .describe = http_describe,
							  .is_idempotent = http_is_idempotent,
							  .away = http_trouble_away,
							  .waits = http_trouble_waits};
