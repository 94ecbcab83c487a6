/*
 * raw_http.c - the ceiling of the http gateway: a loop over libcurl's multi interface that sends
 * the same request over and over, and looks at nothing but its status.
 *
 *     raw_http URL COUNT IN_FLIGHT
 *
 * links: libcurl
 */
#include <curl/curl.h>

#include "clock.h"

#define BODY                                                                                       \
	"{\"to\":\"+5511987654321\",\"text\":\"Olá! 20% off until Friday, only in our shops.\"}"

static long left;

static size_t drop(char *bytes, size_t one, size_t length, void *unused)
{
	(void) bytes;
	(void) one;
	(void) unused;
	return length;
}

/* The next request on a handle, if any is left. */
static void again(CURLM *multi, CURL *curl)
{
	if (left-- > 0 && curl_multi_add_handle(multi, curl) != CURLM_OK)
		clock_fail("curl_multi_add_handle", "failed");
}

static CURL *make(const char *url, struct curl_slist *headers)
{
	CURL *curl = curl_easy_init();

	if (curl == NULL || curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, BODY) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
		curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop) != CURLE_OK)
		clock_fail("libcurl", "no handle");
	return curl;
}

static long take(CURLM *multi)
{
	const CURLMsg *message;
	int unread;
	long taken = 0;

	while ((message = curl_multi_info_read(multi, &unread)) != NULL)
	{
		CURL *curl = message->easy_handle;
		long status = 0;

		if (message->data.result != CURLE_OK)
			clock_fail("request", curl_easy_strerror(message->data.result));
		(void) curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
		if (status != 200)
			clock_fail("request", "not 200");
		(void) curl_multi_remove_handle(multi, curl);
		again(multi, curl);
		taken++;
	}
	return taken;
}

int main(int argc, char **argv)
{
	struct curl_slist *headers = NULL;
	CURLM *multi;
	double start;
	long count;
	long in_flight;
	int running;

	if (argc != 4)
		clock_fail("usage", "raw_http URL COUNT IN_FLIGHT");
	left = count = clock_argument(argv[2]);
	in_flight = clock_argument(argv[3]);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Idempotency-Key: id1000");
	multi = curl_multi_init();
	(void) curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, in_flight);
	start = clock_seconds();
	for (long i = 0; i < in_flight; i++)
		again(multi, make(argv[1], headers));
	while (count > 0)
	{
		(void) curl_multi_perform(multi, &running);
		count -= take(multi);
		if (count > 0)
			(void) curl_multi_poll(multi, NULL, 0, 1000, NULL);
	}
	clock_print(clock_seconds() - start);
	return 0;
}
