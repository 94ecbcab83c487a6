/*
 * config.c - the table of the consumer's settings; see config.h.
 */
#include "config.h"

#include <string.h>

#include "program/clock.h"

static const char *const IN_DOUBT[] = {"hold", "resend", NULL};

static const Option OPTIONS[] = {
	{"AMQP_URL", "amqp-url", "URL", NULL, "RabbitMQ: amqp:// or amqps://", OPTION_URL,
	 OPTION_PLACE(amqp_url)},
	{"MONGODB_URI", "mongodb-uri", "URI", NULL,
	 "MongoDB; the database is the URI's, else \"campaign\"", OPTION_URL,
	 OPTION_PLACE(mongodb_uri)},
	{"DATABASE_URL", "database-url", "URL", NULL, "PostgreSQL, as campaign_consumer", OPTION_URL,
	 OPTION_PLACE(database_url)},
	{"CAMPAIGN_COLLECTION", "collection", "NAME", "messages", "collection for the documents",
	 OPTION_TEXT, OPTION_PLACE(collection)},
	{"CAMPAIGN_INDEXES", "indexes", "FIELDS", "",
	 "indexes of the collection besides _id, which are created: campaign_id, phone_number",
	 OPTION_TEXT, OPTION_PLACE(indexes)},
	{"CAMPAIGN_CA_FILE", "ca-file", "FILE", "",
	 "PEM bundle to check RabbitMQ's and MongoDB's certificates with; empty: the system's",
	 OPTION_TEXT, OPTION_PLACE(ca_file)},
	{"CAMPAIGN_PREFETCH", "prefetch", "N", "2000",
	 "unacknowledged messages to take from a queue, 1 to 65535", OPTION_NUMBER,
	 OPTION_PLACE(prefetch), 1, 65535},
	{"CAMPAIGN_BATCH_DOCUMENTS", "batch-documents", "N", "2000",
	 "maximum of documents in one insert, 1 to 10000", OPTION_NUMBER, OPTION_PLACE(chunk_documents),
	 1, 10000},
	{"CAMPAIGN_CONCURRENCY", "concurrency", "N", "25",
	 "queues stored from at the same time, each with one insert, 1 to 1000", OPTION_NUMBER,
	 OPTION_PLACE(concurrency), 1, 1000},
	{"CAMPAIGN_HEARTBEAT", "heartbeat", "SECONDS", "30",
	 "AMQP heartbeat, 5 to 600; the URL's ?heartbeat= wins", OPTION_NUMBER,
	 OPTION_PLACE(heartbeat_s), 5, 600},
	{"CAMPAIGN_HOLD", "hold", "SECONDS", "15",
	 "without MongoDB or PostgreSQL before a queue is given back, 1 to 600", OPTION_NUMBER,
	 OPTION_PLACE(hold_s), 1, 600},
	{"CAMPAIGN_TIMEOUT", "timeout", "SECONDS", "3",
	 "to connect, and for an answer of the broker, 2 to 60", OPTION_NUMBER, OPTION_PLACE(timeout_s),
	 2, 60},
	{"CAMPAIGN_VERIFY", "verify", "CAMPAIGN_ID", "",
	 "compare what MongoDB holds of a campaign with what PostgreSQL expects, and end: 0 it is the "
	 "same, 1 it is not",
	 OPTION_TEXT, OPTION_PLACE(verify), .is_command = true},
	{"CAMPAIGN_VERIFY_SENT", "verify-sent", "no|yes", "no",
	 "compare each campaign once it is sent, when there is nothing else to do", OPTION_SWITCH,
	 OPTION_PLACE(verify_sent), .words = OPTION_NO_YES},
	{"CAMPAIGN_GATEWAY", "gateway", "store|simulate|http", "store",
	 "what becomes of a message besides being stored", OPTION_WORD, OPTION_PLACE(gateway),
	 .words = GATEWAY_NAMES},
	{"CAMPAIGN_IN_FLIGHT", "in-flight", "N", "1",
	 "messages being sent at the same time from one queue, 1 to 2000", OPTION_NUMBER,
	 OPTION_PLACE(gateways.in_flight), 1, 2000},
	{"CAMPAIGN_GATEWAY_TEMPLATE", "gateway-template", "FILE", "",
	 "http: what a request to the provider looks like, and what its answer means", OPTION_TEXT,
	 OPTION_PLACE(gateways.template)},
	{"CAMPAIGN_IN_DOUBT", "in-doubt", "hold|resend", "hold",
	 "messages that a sender has begun and that may have been sent", OPTION_WORD,
	 OPTION_PLACE(in_doubt), .words = IN_DOUBT},
	{"CAMPAIGN_SENDER_NAME", "sender-name", "NAME", "",
	 "of this sender, in lists; empty: the host's", OPTION_TEXT, OPTION_PLACE(sender_name)},
	{"CAMPAIGN_MEAN", "mean", "MS", "100", "simulate: mean time of a message, 0 to 600000",
	 OPTION_NUMBER, OPTION_PLACE(gateways.mean_ms), 0, 600000},
	{"CAMPAIGN_DISTRIBUTION", "distribution", "normal|exponential|uniform", "normal",
	 "simulate: distribution of the time", OPTION_WORD, OPTION_PLACE(gateways.distribution),
	 .words = GATEWAY_DISTRIBUTIONS},
	{"CAMPAIGN_DEVIATION", "deviation", "MS", "20",
	 "simulate: standard deviation of the time, 0 to 600000; not for exponential", OPTION_NUMBER,
	 OPTION_PLACE(gateways.deviation_ms), 0, 600000},
	{"CAMPAIGN_FAILURE_RATE", "failure-rate", "RATE", "0", "simulate: share that fails, 0 to 1",
	 OPTION_TEXT, OPTION_PLACE(gateways.failure_rate)},
	{"CAMPAIGN_SEED", "seed", "N", "0", "simulate: seed of the series; 0: another one each time",
	 OPTION_NUMBER, OPTION_PLACE(gateways.seed), 0, 2147483647},
	OPTION_LOG_FORMAT,
	OPTION_LOG_LEVEL,
};

const OptionTable CONFIG_TABLE = {
	.program = "campaign-consumer",
	.prefix = "CAMPAIGN_",
	.about = "takes campaigns from RabbitMQ, stores them in MongoDB, in order and\n"
			 "once, and reports to PostgreSQL what is stored.",
	.check = "try all three connections",
	.options = OPTIONS,
	.count = sizeof(OPTIONS) / sizeof(*OPTIONS),
};

SettingsAction config_load(int argc, char *const argv[], char *const environment[], Config *config,
						   Error *error)
{
	memset(config, 0, sizeof(*config));
	config->started_ms = clock_wall_ms();
	return settings_load(&CONFIG_TABLE, argc, argv, environment, config, config->unknown, error);
}

void config_wipe(Config *config)
{
	explicit_bzero(config, sizeof(*config));
}
