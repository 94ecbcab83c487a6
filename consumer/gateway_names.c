/*
 * gateway_names.c - what the settings call the gateways and their distributions; see gateway.h.
 * Apart from them, so that reading settings needs none of the gateways.
 */
#include "gateway.h"

#include <stddef.h>

const char *const GATEWAY_NAMES[] = {"store", "simulate", "http", NULL};

/* In the order of GatewayDistribution. */
const char *const GATEWAY_DISTRIBUTIONS[] = {"normal", "exponential", "uniform", NULL};
