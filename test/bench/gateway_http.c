/*
 * gateway_http.c - requests through the http gateway, which is the product here.
 *
 *     gateway_http TEMPLATE COUNT IN_FLIGHT
 *
 * links: gateway-http
 */
#include <stdio.h>

#include "clock.h"
#include "consumer/gateway.h"

#define ROOM 256

static void take(void *self, long *taken)
{
	GatewayResult results[ROOM];
	int count = GATEWAY_HTTP.poll(self, 1000, results, ROOM);

	for (int i = 0; i < count; i++)
	{
		if (results[i].state != GATEWAY_SENT)
			clock_fail(results[i].code, results[i].text);
	}
	*taken += count;
}

int main(int argc, char **argv)
{
	static GatewaySettings settings;
	char id[32];
	GatewayMessage message = {.campaign_id = "bench",
							  .id = id,
							  .number = "+5511987654321",
							  .text = "Olá! 20% off until Friday, only in our shops."};
	Error error = {0};
	long count;
	long submitted = 0;
	long taken = 0;
	double start;
	void *self;

	if (argc != 4)
		clock_fail("usage", "gateway_http TEMPLATE COUNT IN_FLIGHT");
	count = clock_argument(argv[2]);
	settings.in_flight = (int) clock_argument(argv[3]);
	snprintf(settings.template, sizeof(settings.template), "%s", argv[1]);
	self = GATEWAY_HTTP.open(&settings, &error);
	if (self == NULL)
		clock_fail("template", error.text);
	start = clock_seconds();
	while (taken < count)
	{
		snprintf(id, sizeof(id), "id%ld", submitted);
		while (submitted < count && GATEWAY_HTTP.submit(self, &message))
			snprintf(id, sizeof(id), "id%ld", ++submitted);
		take(self, &taken);
	}
	clock_print(clock_seconds() - start);
	GATEWAY_HTTP.close(self);
	return 0;
}
