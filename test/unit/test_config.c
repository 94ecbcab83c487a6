/*
 * test_config.c - settings: which source wins, what a .env file may look like,
 * what is refused and how it is said (R0.16).
 *
 * links: consumer/config.c lib/program/settings.c lib/program/option.c
 * links: lib/program/dotenv.c lib/program/clock.c lib/contract/error.c lib/contract/utf8.c consumer/gateway_names.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "consumer/config.h"
#include "lib/program/dotenv.h"

#define URLS                                                                                       \
	"AMQP_URL=amqp://u:secret@h/\nMONGODB_URI=mongodb://u:secret@h\n"                              \
	"DATABASE_URL=postgresql://u:secret@h/d\n"

static Config config;
static Error error;
static char *no_environment[] = {NULL};

static char *write_file(const char *name, const char *text)
{
	static char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s", name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static SettingsAction load(char *environment[], int argc, ...)
{
	char *argv[10] = {"campaign-consumer"};
	va_list words;

	va_start(words, argc);
	for (int i = 1; i <= argc; i++)
		argv[i] = va_arg(words, char *);
	va_end(words);
	return config_load(argc + 1, argv, environment, &config, &error);
}

static void assert_refused(const char *text)
{
	assert_int_equal(error.code, ERROR_CONFIG);
	if (strstr(error.text, text) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", error.text, text);
	assert_null(strstr(error.text, "secret"));
}

static void test_defaults(void **state)
{
	(void) state;
	write_file(".env", URLS);
	assert_int_equal(load(no_environment, 0), SETTINGS_RUN);
	assert_int_equal(error.code, ERROR_NONE);
	assert_string_equal(config.amqp_url, "amqp://u:secret@h/");
	assert_string_equal(config.collection, "messages");
	assert_string_equal(config.ca_file, "");
	assert_int_equal(config.prefetch, 2000);
	assert_int_equal(config.chunk_documents, 2000);
	assert_int_equal(config.concurrency, 25);
	assert_int_equal(config.log_format, LOG_AUTO);
	assert_int_equal(config.log_level, LOG_INFO);
}

static void test_flag_wins_over_environment_over_file(void **state)
{
	char *environment[] = {"CAMPAIGN_PREFETCH=20", "CAMPAIGN_COLLECTION=from_environment",
						   "CAMPAIGN_CA_FILE=", NULL};

	(void) state;
	write_file(".env", URLS "CAMPAIGN_PREFETCH=10\nCAMPAIGN_COLLECTION=from_file\n"
							"CAMPAIGN_HEARTBEAT=11\nCAMPAIGN_CA_FILE=/from/file\n");
	assert_int_equal(load(environment, 3, "--prefetch", "30", "--log-format=json"), SETTINGS_RUN);
	assert_int_equal(error.code, ERROR_NONE);
	assert_int_equal(config.prefetch, 30);
	assert_string_equal(config.collection, "from_environment");
	assert_int_equal(config.heartbeat_s, 11);
	assert_int_equal(config.log_format, LOG_JSON);
	/* An empty variable is as good as none. */
	assert_string_equal(config.ca_file, "/from/file");
}

static void test_flag_without_a_value(void **state)
{
	char *environment[] = {"CAMPAIGN_VERIFY_SENT=yes", NULL};
	char *wrong[] = {"CAMPAIGN_VERIFY_SENT=perhaps", NULL};

	(void) state;
	write_file(".env", URLS);
	load(no_environment, 0);
	assert_int_equal(config.verify_sent, 0);
	assert_int_equal(load(no_environment, 3, "--verify-sent", "--prefetch", "30"), SETTINGS_RUN);
	assert_int_equal(error.code, ERROR_NONE);
	assert_int_equal(config.verify_sent, 1);
	assert_int_equal(config.prefetch, 30);
	load(environment, 1, "--verify-sent=no");
	assert_int_equal(config.verify_sent, 0);
	load(environment, 0);
	assert_int_equal(config.verify_sent, 1);
	load(wrong, 0);
	assert_refused("environment: CAMPAIGN_VERIFY_SENT must be one of no|yes");
}

static void test_secret_files(void **state)
{
	char *environment[] = {"AMQP_URL_FILE=amqp.secret", NULL};
	char *both[] = {"AMQP_URL_FILE=amqp.secret", "AMQP_URL=amqp://h/", NULL};
	char *missing[] = {"AMQP_URL_FILE=nowhere", NULL};

	(void) state;
	write_file(".env", URLS);
	write_file("amqp.secret", "amqp://from-file/\r\n");
	load(environment, 0);
	assert_int_equal(error.code, ERROR_NONE);
	assert_string_equal(config.amqp_url, "amqp://from-file/");
	load(both, 0);
	assert_refused("exclude each other");
	load(missing, 0);
	assert_refused("cannot read nowhere");
	load(no_environment, 1, "--amqp-url-file=amqp.secret");
	assert_int_equal(error.code, ERROR_NONE);
	assert_string_equal(config.amqp_url, "amqp://from-file/");
}

static void test_wrong_settings_name_their_place(void **state)
{
	char *environment[] = {"CAMPAIGN_LOG_LEVEL=loud", NULL};

	(void) state;
	write_file(".env", URLS "\n# a comment\nCAMPAIGN_PREFECH=1\n");
	load(no_environment, 0);
	assert_refused(".env:6: unknown setting CAMPAIGN_PREFECH");
	write_file(".env", URLS "CAMPAIGN_PREFETCH=0\n");
	load(no_environment, 0);
	assert_refused(".env:4: CAMPAIGN_PREFETCH must be a whole number from 1 to 65535");
	write_file(".env", URLS "CAMPAIGN_CONCURRENCY=0\n");
	load(no_environment, 0);
	assert_refused(".env:4: CAMPAIGN_CONCURRENCY must be a whole number from 1 to 1000");
	write_file(".env", URLS "CAMPAIGN_PREFETCH=1x\n");
	load(no_environment, 0);
	assert_refused(".env:4: CAMPAIGN_PREFETCH");
	write_file(".env", URLS "secret\n");
	load(no_environment, 0);
	assert_refused(".env:4: expected KEY=value");
	write_file(".env", URLS);
	load(environment, 0);
	assert_refused("environment: CAMPAIGN_LOG_LEVEL must be");
	load(no_environment, 1, "--log-format=xml");
	assert_refused("--log-format: CAMPAIGN_LOG_FORMAT must be");
	write_file(".env", "AMQP_URL=amqp://h/\n");
	load(no_environment, 0);
	assert_refused("MONGODB_URI is not set");
	load(no_environment, 2, "--env-file", "nowhere.env");
	assert_refused("nowhere.env: No such file");
}

static void test_strangers(void **state)
{
	char *environment[] = {"CAMPAIGN_SERVICE_HOST=10.0.0.1", "PATH=/bin", NULL};

	(void) state;
	write_file(".env", URLS "POSTGREST_PORT=1\n");
	load(environment, 0);
	assert_int_equal(error.code, ERROR_NONE);
	assert_string_equal(config.unknown, "CAMPAIGN_SERVICE_HOST");
}

static void test_command_line(void **state)
{
	(void) state;
	write_file(".env", URLS);
	assert_int_equal(load(no_environment, 1, "--check"), SETTINGS_CHECK);
	assert_int_equal(error.code, ERROR_NONE);
	assert_int_equal(load(no_environment, 1, "--help"), SETTINGS_HELP);
	assert_int_equal(load(no_environment, 1, "--version"), SETTINGS_VERSION);
	assert_int_equal(load(no_environment, 1, "--amqp-ur=amqp://u:secret@h/"), SETTINGS_USAGE);
	assert_refused("unknown option: --amqp-ur");
	assert_int_equal(load(no_environment, 1, "amqp://u:secret@h/"), SETTINGS_USAGE);
	assert_refused("unexpected argument");
	assert_int_equal(load(no_environment, 1, "--prefetch"), SETTINGS_USAGE);
	assert_refused("option without a value: --prefetch");
}

/* A script's variable that is not set: not an order to run without what it should have said. */
static void test_empty_flags(void **state)
{
	static char *const wrong[] = {
		"--verify=",	 "--database-url=", "--database-url-file=", "--amqp-url=",
		"--collection=", "--prefetch=",		"--failure-rate=",		"--env-file="};
	char *environment[] = {"CAMPAIGN_VERIFY=", "CAMPAIGN_COLLECTION=", NULL};

	(void) state;
	write_file(".env", URLS);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
	{
		assert_int_equal(load(no_environment, 1, wrong[i]), SETTINGS_USAGE);
		assert_refused("option with an empty value: --");
	}
	assert_int_equal(load(no_environment, 2, "--verify", ""), SETTINGS_USAGE);
	assert_refused("option with an empty value: --verify");
	/* These have a meaning. */
	assert_int_equal(load(environment, 2, "--ca-file=", "--indexes="), SETTINGS_RUN);
	assert_int_equal(error.code, ERROR_NONE);
	assert_string_equal(config.collection, "messages");
	/* What a file holds cannot be empty either. */
	write_file("blank", "\n");
	load(no_environment, 1, "--database-url-file=blank");
	assert_refused("--database-url-file: DATABASE_URL_FILE: the first line of blank is empty");
}

static void take(const char *text, const char *expected_key, const char *expected_value)
{
	char line[200];
	char *key = NULL;
	char *value = NULL;
	const char *reason = NULL;

	snprintf(line, sizeof(line), "%s", text);
	if (dotenv_line(line, &key, &value, &reason) != DOTENV_PAIR)
		fail_msg("refused: %s", text);
	assert_string_equal(key, expected_key);
	assert_string_equal(value, expected_value);
}

static void test_env_lines(void **state)
{
	(void) state;
	take("A=b", "A", "b");
	take("A=b\r\n", "A", "b");
	take("  export A_1 = b c  # comment\n", "A_1", "b c");
	take("exported=1", "exported", "1");
	take("A=", "A", "");
	take("A=#x", "A", "");
	take("A=amqp://h/#x", "A", "amqp://h/#x");
	take("A=x=y", "A", "x=y");
	take("A='a \"b\" \\n #c' # d", "A", "a \"b\" \\n #c");
	take("A=\"a 'b' \\\"c\\\" \\\\ \\n\"", "A", "a 'b' \"c\" \\ \n");
}

static void test_wrong_env_lines(void **state)
{
	static const char *const lines[] = {"A",	 "=b",		  "1A=b",	 "A B=c",  "A='b",
										"A=\"b", "A=\"b\\\"", "A='b' c", "export", "A-B=c"};

	(void) state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
	{
		char line[32];
		char *key;
		char *value;
		const char *reason = NULL;

		snprintf(line, sizeof(line), "%s", lines[i]);
		if (dotenv_line(line, &key, &value, &reason) != DOTENV_WRONG)
			fail_msg("taken: %s", lines[i]);
		assert_non_null(reason);
	}
}

/* A directory of its own: the tests write .env files. */
static int enter_directory(void **state)
{
	static char name[] = "/tmp/test_config.XXXXXX";

	*state = mkdtemp(name);
	return *state == NULL || chdir(name) != 0;
}

static int leave_directory(void **state)
{
	(void) unlink(".env");
	(void) unlink("amqp.secret");
	(void) unlink("blank");
	return chdir("/") != 0 || rmdir(*state) != 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_flag_wins_over_environment_over_file),
		cmocka_unit_test(test_flag_without_a_value),
		cmocka_unit_test(test_secret_files),
		cmocka_unit_test(test_wrong_settings_name_their_place),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_command_line),
		cmocka_unit_test(test_empty_flags),
		cmocka_unit_test(test_env_lines),
		cmocka_unit_test(test_wrong_env_lines),
	};

	return cmocka_run_group_tests(tests, enter_directory, leave_directory);
}
