/*
 * http_request.c - a message as a request of libcurl; see http_request.h.
 */
#include "http_request.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#ifndef CAMPAIGN_VERSION
#define CAMPAIGN_VERSION "development"
#endif

/*
 * An idle connection is used again for so long: most servers close theirs after five
 * seconds or more, and a request that meets the closing has an unknown end.
 */
#define IDLE_S 4L

#define HEADERS_MAX 65536 /* bytes of an answer's headers that are read */

/* Keeps what is wanted of the answer; more than that ends it. */
static size_t take_body(char *bytes, size_t one, size_t length, void *argument)
{
	HttpRequest *request = argument;
	size_t room = (size_t) request->template->limits.answer_max - request->answer.length;

	(void) one;
	request->too_long = length > room;
	if (request->too_long || !http_buffer_add(&request->answer, bytes, length))
		return CURL_WRITEFUNC_ERROR;
	return length;
}

/* The value of a header line, if the line has this name and the value fits. */
static void keep_header(const char *line, size_t length, const char *name,
						char value[HTTP_HEADER_VALUE_SIZE])
{
	size_t at = strlen(name);

	if (length <= at || strncasecmp(line, name, at) != 0 || line[at] != ':')
		return;
	for (at++; at < length && (line[at] == ' ' || line[at] == '\t'); at++)
		continue;
	while (length > at && (unsigned char) line[length - 1] <= ' ')
		length--;
	snprintf(value, HTTP_HEADER_VALUE_SIZE, "%.*s", (int) (length - at), line + at);
}

static size_t take_header(char *line, size_t one, size_t length, void *argument)
{
	HttpRequest *request = argument;
	int status;

	(void) one;
	request->header_bytes += length;
	if (request->header_bytes > HEADERS_MAX)
		return 0;
	/* 1xx comes before the answer, and is none. */
	if (length > 12 && sscanf(line, "HTTP/%*s %3d", &status) == 1)
		request->status = status >= 200 ? status : 0;
	keep_header(line, length, "retry-after", request->retry_after);
	keep_header(line, length, "date", request->date);
	return length;
}

/*
 * Called before a request goes out. When a reused connection breaks before the answer, libcurl
 * would send the request once more, though the provider may have taken it: that is refused.
 */
static int before_sending(void *argument, char *ip, char *local_ip, int port, int local_port)
{
	HttpRequest *request = argument;
	bool again = request->begun;

	(void) ip;
	(void) local_ip;
	(void) port;
	(void) local_port;
	request->begun = true;
	return again ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

/* Fails only without memory, or if libcurl was built without what the option needs. */
#define SET(option, value) (curl_easy_setopt(request->curl, (option), (value)) == CURLE_OK)

static bool set_connection(HttpRequest *request)
{
	const HttpLimits *limits = &request->template->limits;
	const char *ca_file = request->template->ca_file;

	/*
	 * One request at a time on a connection: then what a break of it means is known. Without a
	 * folder of certificates libcurl reads the file with all of them once, not for each connection.
	 * Without QUICK_EXIT it waits for the thread that looks the name up, half a minute if the
	 * resolver is silent, before it takes an attempt back.
	 */
	return SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) &&
		   SET(CURLOPT_PROTOCOLS_STR, "http,https") && SET(CURLOPT_PROXY, "") &&
		   SET(CURLOPT_NOSIGNAL, 1L) && SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) &&
		   SET(CURLOPT_SSL_VERIFYPEER, 1L) && SET(CURLOPT_SSL_VERIFYHOST, 2L) &&
		   (*ca_file == '\0' || SET(CURLOPT_CAINFO, ca_file)) && SET(CURLOPT_CAPATH, NULL) &&
		   SET(CURLOPT_CONNECTTIMEOUT_MS, (long) limits->connect_timeout_ms) &&
		   SET(CURLOPT_TIMEOUT_MS, (long) limits->timeout_ms) && SET(CURLOPT_TCP_KEEPALIVE, 1L) &&
		   SET(CURLOPT_MAXAGE_CONN, IDLE_S) && SET(CURLOPT_QUICK_EXIT, 1L);
}

static bool set_request(HttpRequest *request)
{
	const HttpTemplate *template = request->template;

	/* Elsewhere is not where the text and the login are meant to go. */
	return SET(CURLOPT_FOLLOWLOCATION, 0L) && SET(CURLOPT_PATH_AS_IS, 1L) &&
		   SET(CURLOPT_USERAGENT, "campaign-consumer/" CAMPAIGN_VERSION) &&
		   (strcmp(template->method, "GET") == 0 || SET(CURLOPT_POST, 1L)) &&
		   SET(CURLOPT_CUSTOMREQUEST, template->method);
}

static bool set_callbacks(HttpRequest *request)
{
	return SET(CURLOPT_PRIVATE, request) && SET(CURLOPT_ERRORBUFFER, request->reason) &&
		   SET(CURLOPT_WRITEFUNCTION, take_body) && SET(CURLOPT_WRITEDATA, request) &&
		   SET(CURLOPT_HEADERFUNCTION, take_header) && SET(CURLOPT_HEADERDATA, request) &&
		   SET(CURLOPT_PREREQFUNCTION, before_sending) && SET(CURLOPT_PREREQDATA, request);
}

/* Each request has a connection of its own, and the shell's limit may be a thousand. */
static void start_libcurl(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max)
	{
		files.rlim_cur = files.rlim_max;
		(void) setrlimit(RLIMIT_NOFILE, &files);
	}
	(void) curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool http_request_open(HttpRequest *request, const HttpTemplate *template, Error *error)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void) pthread_once(&once, start_libcurl);
	*request = (HttpRequest){.template = template};
	request->curl = curl_easy_init();
	if (request->curl != NULL && set_connection(request) && set_request(request) &&
		set_callbacks(request))
		return true;
	http_request_close(request);
	return error_set(error, ERROR_MEMORY, "libcurl cannot be set up for HTTP");
}

static bool end_text(HttpRequest *request, Error *error)
{
	return http_buffer_add(&request->text, "", 1) ||
		   error_set(error, ERROR_MEMORY, "out of memory");
}

/* A line of the request, whose place becomes an address once no text is added any more. */
static bool fill_line(HttpRequest *request, const HttpFill *line, const GatewayMessage *message,
					  size_t *at, Error *error)
{
	*at = request->text.length;
	return http_fill_write(line, message, &request->text, error) && end_text(request, error);
}

static bool fill_key(HttpRequest *request, const GatewayMessage *message, size_t *at, Error *error)
{
	*at = request->text.length;
	if (!http_buffer_add(&request->text, "Idempotency-Key: ", 17))
		return error_set(error, ERROR_MEMORY, "out of memory");
	return http_escape(&request->text, HTTP_PLACE_HEADER, message->id, strlen(message->id),
					   error) &&
		   end_text(request, error);
}

/* libcurl wants the lines as a list. */
static void link_lines(HttpRequest *request, const size_t *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		request->lines[i].data = request->text.bytes + places[i];
		request->lines[i].next = i + 1 < count ? &request->lines[i + 1] : NULL;
	}
}

bool http_request_fill(HttpRequest *request, const GatewayMessage *message, Error *error)
{
	const HttpTemplate *template = request->template;
	size_t places[HTTP_HEADERS_MAX + 2];
	size_t count = 0;

	request->text.length = 0;
	if (!http_fill_write(&template->url, message, &request->text, error) ||
		!end_text(request, error))
		return false;
	for (; count < template->header_count; count++)
	{
		if (!fill_line(request, &template->headers[count], message, &places[count], error))
			return false;
	}
	if (!template->has_key && !fill_key(request, message, &places[count++], error))
		return false;
	if (template->has_body && !template->has_content_type)
	{
		places[count++] = request->text.length;
		if (!http_buffer_add(&request->text, template->content_type,
							 strlen(template->content_type) + 1))
			return error_set(error, ERROR_MEMORY, "out of memory");
	}
	request->body_at = request->text.length;
	if (template->has_body && !http_fill_write(&template->body, message, &request->text, error))
		return false;
	link_lines(request, places, count);
	return SET(CURLOPT_HTTPHEADER, count > 0 ? request->lines : NULL) ||
		   error_set(error, ERROR_MEMORY, "out of memory");
}

bool http_request_begin(HttpRequest *request, Error *error)
{
	size_t length = request->text.length - request->body_at;

	request->answer.length = 0;
	request->retry_after[0] = request->date[0] = request->reason[0] = '\0';
	request->begun = request->too_long = false;
	request->status = 0;
	request->header_bytes = 0;
	if (!SET(CURLOPT_URL, request->text.bytes))
		return error_set(error, ERROR_MEMORY, "out of memory");
	if (strcmp(request->template->method, "GET") != 0 &&
		(!SET(CURLOPT_POSTFIELDS, request->text.bytes + request->body_at) ||
		 !SET(CURLOPT_POSTFIELDSIZE, (long) length)))
		return error_set(error, ERROR_MEMORY, "out of memory");
	return true;
}

HttpAnswer http_request_answer(const HttpRequest *request, CURLcode code)
{
	HttpAnswer answer = {.status = request->status,
						 .body = request->answer.bytes,
						 .length = request->answer.length,
						 .complete = code == CURLE_OK};

	return answer;
}

void http_request_close(HttpRequest *request)
{
	curl_easy_cleanup(request->curl);
	http_buffer_free(&request->text);
	http_buffer_free(&request->answer);
	*request = (HttpRequest){0};
}
