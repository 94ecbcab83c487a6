/*
 * http_outcome.c - from libcurl's end of a request to a result; see http_outcome.h.
 *
 * Must never show a secret, even if the provider repeats it.
 */
#include "http_outcome.h"

#include <stdio.h>
#include <string.h>

#include "contract/utf8.h"
#include "http_secrets.h"

/* The provider has not been heard: what libcurl says. */
static HttpVerdict unheard(const HttpRequest *request, CURLcode code, GatewayResult *result)
{
	const char *reason = *request->reason != '\0' ? request->reason : curl_easy_strerror(code);

	/* What libcurl says of these two is about itself. */
	if (code == CURLE_ABORTED_BY_CALLBACK)
		reason = "the provider closed the connection without an answer";
	else if (code == CURLE_OK)
		reason = "the provider's answer cannot be read";
	snprintf(result->code, sizeof(result->code), "%s",
			 request->begun ? "no_answer" : "unreachable");
	(void) utf8_clean(result->text, sizeof(result->text), reason, strlen(reason));
	return request->begun ? HTTP_UNCLEAR : HTTP_AGAIN;
}

/* When the provider gives no text of its own. */
static void explain(const HttpAnswer *answer, HttpVerdict verdict, GatewayResult *result)
{
	const char *more = "";

	if (answer->status < 400 && answer->status >= 300)
		more = ": a redirection is not followed";
	else if (verdict == HTTP_UNCLEAR)
		more = ": that does not tell whether the message was taken";
	snprintf(result->text, sizeof(result->text), "the provider answered %d%s", answer->status,
			 more);
}

HttpVerdict http_outcome(const HttpRequest *request, CURLcode code, GatewayResult *result)
{
	const HttpTemplate *template = request->template;
	HttpAnswer answer = http_request_answer(request, code);
	HttpVerdict verdict;

	if (answer.status == 0)
		return unheard(request, code, result);
	verdict = http_answer_judge(&template->rules, &answer);
	result->code[0] = result->text[0] = '\0';
	if (verdict == HTTP_SENT)
		(void) http_answer_text(&template->message_id, &answer, result->text, sizeof(result->text));
	else
	{
		if (!http_answer_text(&template->error_code, &answer, result->code, sizeof(result->code)))
			snprintf(result->code, sizeof(result->code), "%d", answer.status);
		if (!http_answer_text(&template->error_text, &answer, result->text, sizeof(result->text)))
			explain(&answer, verdict, result);
	}
	http_secrets_hide(&template->secrets, result->code, sizeof(result->code));
	http_secrets_hide(&template->secrets, result->text, sizeof(result->text));
	return verdict;
}
