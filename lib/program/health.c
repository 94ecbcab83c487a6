/*
 * health.c - which of the servers fail; see health.h.
 */
#include "health.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "retry.h"

static const char *const NAMES[SERVER_COUNT] = {
	[SERVER_RABBITMQ] = "RabbitMQ",
	[SERVER_MONGODB] = "MongoDB",
	[SERVER_POSTGRESQL] = "PostgreSQL",
	[SERVER_SMTP] = "SMTP",
};

static struct
{
	atomic_uint away; /* a bit for each lane */
	unsigned said;	  /* a bit for each reason that this outage has given */
	int64_t since_ms;
} servers[SERVER_COUNT];

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

const char *health_server_name(Server server)
{
	return NAMES[server];
}

void health_away(Server server, int lane, const Error *error)
{
	unsigned before;

	pthread_mutex_lock(&mutex);
	before = atomic_fetch_or(&servers[server].away, 1U << lane);
	if (before == 0)
	{
		servers[server].since_ms = clock_ms();
		servers[server].said = 0;
	}
	/* "Refused" after "unreachable" is news: somebody has to act on it. A lane that finds its
	 * old connection closed after another was refused is not. */
	if (!(servers[server].said & 1U << error->code))
	{
		char message[ERROR_TEXT_SIZE + 64];
		/* A broker or a database that answers with a refusal is not away. For SMTP the text says
		 * more. */
		bool away = error->code == ERROR_UNREACHABLE || server == SERVER_SMTP;
		const char *how = away							? "is away"
						  : error->code == ERROR_CONFIG ? "cannot be used"
														: "refuses";

		servers[server].said |= 1U << error->code;
		snprintf(message, sizeof(message), "%s %s, retrying: %s", NAMES[server], how, error->text);
		log_line(LOG_WARNING, message, {"server", NAMES[server], 0});
	}
	pthread_mutex_unlock(&mutex);
}

void health_back(Server server, int lane)
{
	if (!(atomic_load_explicit(&servers[server].away, memory_order_relaxed) & 1U << lane))
		return;
	pthread_mutex_lock(&mutex);
	if (atomic_fetch_and(&servers[server].away, ~(1U << lane)) == 1U << lane)
	{
		char message[64];

		snprintf(message, sizeof(message), "%s is back", NAMES[server]);
		log_line(LOG_INFO, message, {"server", NAMES[server], 0},
				 {"away_ms", NULL, clock_ms() - servers[server].since_ms});
	}
	pthread_mutex_unlock(&mutex);
}
