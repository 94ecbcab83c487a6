/*
 * health.h - which of the servers fail, for the log: one line when the first lane
 * loses a server, one for each other reason while it fails, one when the last lane has
 * it back, none per retry.
 */
#ifndef CAMPAIGN_PROGRAM_HEALTH_H
#define CAMPAIGN_PROGRAM_HEALTH_H

#include <stdbool.h>

#include "contract/error.h"

typedef enum Server
{
	SERVER_RABBITMQ,
	SERVER_MONGODB,
	SERVER_POSTGRESQL,
	SERVER_SMTP,
	SERVER_COUNT
} Server;

const char *health_server_name(Server server);

/* A lane (0 .. 31) could not use the server. */
void health_away(Server server, int lane, const Error *error);

/* A lane used the server: cheap when it had not failed. */
void health_back(Server server, int lane);

#endif /* CAMPAIGN_PROGRAM_HEALTH_H */
