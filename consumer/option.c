/*
 * option.c - the table of the consumer's settings and the help made from it;
 * see option.h.
 */
#include "option.h"

#include <string.h>

#define PLACE(field) .offset = offsetof(Config, field), .size = sizeof(((Config *) 0)->field)

const Option OPTIONS[OPTION_COUNT] = {
	{"AMQP_URL", "amqp-url", "URL", NULL, "RabbitMQ: amqp:// or amqps://", OPTION_URL,
	 PLACE(amqp_url), 0, 0},
	{"MONGODB_URI", "mongodb-uri", "URI", NULL,
	 "MongoDB; the database is the URI's, else \"campaign\"", OPTION_URL, PLACE(mongodb_uri), 0, 0},
	{"DATABASE_URL", "database-url", "URL", NULL, "PostgreSQL, as campaign_consumer", OPTION_URL,
	 PLACE(database_url), 0, 0},
	{"CAMPAIGN_COLLECTION", "collection", "NAME", "messages", "collection for the documents",
	 OPTION_TEXT, PLACE(collection), 0, 0},
	{"CAMPAIGN_CA_FILE", "ca-file", "FILE", "",
	 "PEM bundle to check RabbitMQ's and MongoDB's certificates with; empty: the system's",
	 OPTION_TEXT, PLACE(ca_file), 0, 0},
	{"CAMPAIGN_PREFETCH", "prefetch", "N", "2000",
	 "messages a queue may have on their way to us, 1 to 65535", OPTION_NUMBER, PLACE(prefetch), 1,
	 65535},
	{"CAMPAIGN_BATCH_DOCUMENTS", "batch-documents", "N", "2000",
	 "most documents in one insert, 1 to 10000", OPTION_NUMBER, PLACE(batch_documents), 1, 10000},
	{"CAMPAIGN_HEARTBEAT", "heartbeat", "SECONDS", "30",
	 "AMQP heartbeat, 5 to 600; the URL's ?heartbeat= wins", OPTION_NUMBER, PLACE(heartbeat_s), 5,
	 600},
	{"CAMPAIGN_TIMEOUT", "timeout", "SECONDS", "3",
	 "to connect, and for an answer of the broker, 2 to 60", OPTION_NUMBER, PLACE(timeout_s), 2,
	 60},
	{"CAMPAIGN_LOG_FORMAT", "log-format", "FORMAT", "auto",
	 "text, json, or auto: text on a terminal", OPTION_FORMAT, PLACE(log_format), 0, 0},
	{"CAMPAIGN_LOG_LEVEL", "log-level", "LEVEL", "info", "debug, info, warning or error",
	 OPTION_LEVEL, PLACE(log_level), 0, 0},
};

int option_find(const char *name, bool flag, bool *is_file)
{
	const char *suffix = flag ? OPTION_FILE_FLAG_SUFFIX : OPTION_FILE_SUFFIX;

	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		const char *own = flag ? OPTIONS[i].flag : OPTIONS[i].key;
		size_t length = strlen(own);

		*is_file = false;
		if (strcmp(name, own) == 0)
			return (int) i;
		*is_file = true;
		if (OPTIONS[i].kind == OPTION_URL && strncmp(name, own, length) == 0 &&
			strcmp(name + length, suffix) == 0)
			return (int) i;
	}
	return -1;
}

void config_print_help(FILE *out)
{
	fputs("campaign-consumer: takes campaigns from RabbitMQ, stores them in MongoDB, in order and\n"
		  "once, and reports to PostgreSQL what is stored.\n"
		  "\n"
		  "Usage: campaign-consumer [option]...\n"
		  "\n"
		  "Each option can also be set in the environment or in a .env file, under the name in\n"
		  "capitals. Options win over the environment, the environment over .env. "
		  "With " OPTION_FILE_SUFFIX "\n"
		  "behind the name (or " OPTION_FILE_FLAG_SUFFIX
		  " behind the option) a URL is read from a file.\n"
		  "\n",
		  out);
	for (size_t i = 0; i < OPTION_COUNT; i++)
	{
		const Option *option = &OPTIONS[i];

		fprintf(out, "  --%s %s, %s%s\n        %s", option->flag, option->argument, option->key,
				option->kind == OPTION_URL ? "[" OPTION_FILE_SUFFIX "]" : "", option->help);
		if (option->fallback == NULL)
			fputs(" (required)\n", out);
		else
			fprintf(out, " (default: %s)\n",
					*option->fallback != '\0' ? option->fallback : "empty");
	}
	fputs("  --env-file FILE\n"
		  "        read this instead of .env in the current directory\n"
		  "  --check\n"
		  "        try all three connections, say what is wrong, and end\n"
		  "  --help, --version\n"
		  "\n"
		  "Exit codes: 0 ended by a signal or all well, 1 failure, 2 wrong command line,\n"
		  "69 a server is unreachable (--check), 78 wrong setting.\n",
		  out);
}
