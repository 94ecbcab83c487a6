/*
 * tls.h - TLS of a connection to RabbitMQ by address, for the name that was looked up.
 */
#ifndef CAMPAIGN_CONTRACT_TLS_H
#define CAMPAIGN_CONTRACT_TLS_H

#include <stdbool.h>

#include "error.h"
#include "rabbit.h"

/*
 * Before the socket is opened: the peer is checked against `ca_file`, or the system's bundle if
 * that is NULL, and its certificate must have `host`, a name or an address as the URL has it, which
 * must live until tls_opened().
 */
bool tls_prepare(amqp_socket_t *socket, const char *host, bool is_address, const char *ca_file,
				 Error *error);

/* Whether there are certificates in it: ERROR_CONFIG if not. */
bool tls_check_ca_file(const char *ca_file, Error *error);

/* The socket is open, or could not be. */
void tls_opened(amqp_socket_t *socket);

#endif /* CAMPAIGN_CONTRACT_TLS_H */
