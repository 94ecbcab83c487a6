/*
 * gateway.c - the table of the gateways; see gateway.h.
 */
#include "gateway.h"

#include <stddef.h>
#include <string.h>

/* Stores, and sends nothing: whoever reads the collection does. */
static const Gateway GATEWAY_STORE = {.name = "store"};

/* In the order of GATEWAY_NAMES. */
static const Gateway *const GATEWAYS[] = {&GATEWAY_STORE, &GATEWAY_SIMULATE, &GATEWAY_HTTP};

const Gateway *gateway_at(int number)
{
	return GATEWAYS[number];
}

const Gateway *gateway_find(const char *name)
{
	for (size_t i = 0; i < sizeof(GATEWAYS) / sizeof(*GATEWAYS); i++)
	{
		if (strcmp(GATEWAYS[i]->name, name) == 0)
			return GATEWAYS[i];
	}
	return NULL;
}

bool gateway_check(const Gateway *gateway, const GatewaySettings *settings, bool resends,
				   Error *error)
{
	void *self;
	bool idempotent;

	if (!gateway->sends)
		return true;
	self = gateway->open(settings, error);
	if (self == NULL)
		return false;
	idempotent = gateway->is_idempotent == NULL || gateway->is_idempotent(self);
	gateway->close(self);
	return idempotent || !resends ||
		   error_set(error, ERROR_CONFIG,
					 "CAMPAIGN_IN_DOUBT=resend would send twice: the provider does not know an "
					 "identifier when it sees it again (\"idempotent\")");
}
