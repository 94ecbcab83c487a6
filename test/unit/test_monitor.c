/*
 * test_monitor.c - what campaign-monitor makes of rows, keys, notifications and settings, and its
 * lines of text and JSON (R1.3).
 *
 * links: monitor/model.c monitor/keys.c monitor/watched.c monitor/plain.c
 * links: monitor/json.c
 * links: monitor/cells.c monitor/figures.c monitor/config.c lib/program/settings.c
 * links: lib/program/option.c lib/program/dotenv.c lib/program/urls.c lib/contract/utf8.c
 * links: lib/contract/error.c libpq -lm
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/config.h"
#include "monitor/figures.h"
#include "monitor/json.h"
#include "monitor/keys.h"
#include "monitor/model.h"
#include "monitor/plain.h"
#include "monitor/watched.h"

#define COLUMNS 17

static Error error;

/* Rows as the server sends them; NULL is NULL. */
static PGresult *rows_of(int columns, int count, const char *rows[][COLUMNS])
{
	PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	PGresAttDesc attributes[COLUMNS] = {0};

	for (int column = 0; column < columns; column++)
		attributes[column].name = "column";
	assert_true(PQsetResultAttrs(result, columns, attributes));
	for (int row = 0; row < count; row++)
	{
		for (int column = 0; column < columns; column++)
		{
			const char *text = rows[row][column];

			assert_true(PQsetvalue(result, row, column, (char *) text,
								   text != NULL ? (int) strlen(text) : -1));
		}
	}
	return result;
}

static const char *ROWS[][COLUMNS] = {
	{"all", "2030-01-31T12:34:56.789Z", NULL, NULL, NULL, NULL, "7", NULL, NULL, NULL, NULL, NULL,
	 NULL, NULL, NULL, NULL, NULL},
	{"campaign", "2030-01-31T12:34:56.789Z", "one1", "Ol\u00e1 \"you\"\\\n\x1B", "publishing", NULL,
	 "1000000", "500000", "400000", "3", "2", "9600.5", "0.25", "0.125", "62500", "degraded",
	 "a\nb"},
	{"class", "2030-01-31T12:34:56.789Z", "one1", NULL, NULL, "VIP", "10", "10", "10", "0", "0",
	 NULL, "0.5", "0.25", NULL, NULL, NULL},
	{"class", "2030-01-31T12:34:56.789Z", "one1", NULL, NULL, "NORMAL", "999990", "499990",
	 "399990", "3", "2", "9600.5", "0.25", "0.125", NULL, NULL, NULL},
	{"campaign", "2030-01-31T12:34:56.789Z", "two2", "two", "paused", NULL, "0", "0", "0", "0", "0",
	 NULL, NULL, NULL, NULL, NULL, NULL},
	{"sender", NULL, "s1", "http", "alive", "host", "5", NULL, "70", "1", NULL, NULL, "2.5", NULL,
	 NULL, NULL, NULL},
};

static Model *read_rows(void)
{
	Model *model = model_read(rows_of(COLUMNS, 6, ROWS), &error);

	assert_non_null(model);
	return model;
}

static void test_rows(void **state)
{
	Model *model = read_rows();
	const ModelCampaign *one = &model->campaigns[0];

	(void) state;
	assert_int_equal(model->total, 7);
	assert_string_equal(model->at, "2030-01-31T12:34:56.789Z");
	assert_int_equal(model->count, 2);
	assert_string_equal(one->id, "one1");
	assert_int_equal(one->figures.total, 1000000);
	assert_int_equal(one->figures.published, 500000);
	assert_int_equal(one->figures.sent, 400000);
	assert_int_equal(one->figures.failed, 3);
	assert_int_equal(one->figures.suppressed, 2);
	assert_true(one->figures.rate == 9600.5 && one->figures.mean_ms == 0.25 &&
				one->figures.sending_mean_ms == 0.125);
	assert_int_equal(model_done(&one->figures), 400005);
	assert_int_equal(one->left_ms, 62500);
	assert_int_equal(one->class_count, 2);
	assert_string_equal(one->classes[1].name, "NORMAL");
	assert_int_equal(one->classes[1].figures.sent, 399990);
	assert_true(isnan(one->classes[0].figures.rate));
	assert_int_equal(model->campaigns[1].class_count, 0);
	assert_int_equal(model->campaigns[1].left_ms, MODEL_UNKNOWN_MS);
	assert_true(isnan(model->campaigns[1].figures.mean_ms));
	assert_int_equal(model->sender_count, 1);
	assert_string_equal(model->senders[0].host, "host");
	assert_int_equal(model->senders[0].held, 5);
	assert_int_equal(model->senders[0].processed, 70);
	assert_ptr_equal(model_find(model, "two2"), &model->campaigns[1]);
	assert_null(model_find(model, "three3"));
	model_free(model);
	model_free(NULL);
}

/* Rows of another version of the extension are no figures. */
static void test_other_rows(void **state)
{
	static const char *unknown[][COLUMNS] = {{"all", "2030-01-31T12:34:56.789Z"}, {"other", ""}};

	(void) state;
	assert_null(model_read(rows_of(COLUMNS - 1, 1, ROWS), &error));
	assert_int_equal(error.code, ERROR_PROTOCOL);
	assert_null(model_read(rows_of(COLUMNS, 2, unknown), &error));
	/* A class without its campaign; no row that says when it was. */
	assert_null(model_read(rows_of(COLUMNS, 1, ROWS + 2), &error));
	assert_null(model_read(rows_of(COLUMNS, 1, ROWS + 1), &error));
}

static char *written(const Model *model, void (*write)(const Model *, FILE *))
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	write(model, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void write_plain(const Model *model, FILE *out)
{
	plain_write(model, true, out);
}

static void test_json(void **state)
{
	Model *model = read_rows();
	char *text = written(model, json_write);

	(void) state;
	assert_string_equal(
		text,
		"{\"at\": \"2030-01-31T12:34:56.789Z\", \"total\": 7, \"campaigns\": [{\"id\": \"one1\", "
		"\"name\": \"Ol\u00e1 \\\"you\\\"\\\\\\u000a\\u001b\", \"status\": \"publishing\", "
		"\"total\": 1000000, \"published\": 500000, \"sent\": 400000, \"failed\": 3, "
		"\"suppressed\": 2, \"rate\": 9600.5000, \"mean_ms\": 0.2500, \"sending_mean_ms\": 0.1250, "
		"\"left_ms\": 62500, \"health\": \"degraded\", \"reason\": \"a\\u000ab\", \"classes\": ["
		"{\"class\": \"VIP\", \"total\": 10, \"published\": 10, \"sent\": 10, \"failed\": 0, "
		"\"suppressed\": 0, \"rate\": null, \"mean_ms\": 0.5000, \"sending_mean_ms\": 0.2500}, "
		"{\"class\": \"NORMAL\", \"total\": 999990, \"published\": 499990, \"sent\": 399990, "
		"\"failed\": 3, \"suppressed\": 2, \"rate\": 9600.5000, \"mean_ms\": 0.2500, "
		"\"sending_mean_ms\": 0.1250}]}, {\"id\": \"two2\", \"name\": \"two\", \"status\": "
		"\"paused\", \"total\": 0, \"published\": 0, \"sent\": 0, \"failed\": 0, \"suppressed\": "
		"0, "
		"\"rate\": null, \"mean_ms\": null, \"sending_mean_ms\": null, \"left_ms\": null, "
		"\"health\": \"\", \"reason\": \"\", \"classes\": []}], \"senders\": [{\"name\": \"s1\", "
		"\"gateway\": \"http\", \"host\": \"host\", \"state\": \"alive\", \"held\": 5, "
		"\"processed\": 70, \"failed\": 1, \"mean_ms\": 2.5000}]}\n");
	free(text);
	model_free(model);
}

static void test_plain(void **state)
{
	Model *model = read_rows();
	Model none = {.at = "2030-01-31T12:34:56.789Z"};
	char *text = written(model, write_plain);

	(void) state;
	assert_string_equal(
		text, "2030-01-31T12:34:56.789Z one1 publishing 400,005 of 1,000,000 (40.0 %) sent 400,000 "
			  "failed 3 mean 0.250 ms rate 9,601/s ETA 62 s \"Ol\u00e1 \"you\"\\  \": a b\n"
			  "2030-01-31T12:34:56.789Z two2 paused 0 of 0 (-) sent 0 failed 0 \"two\": \n"
			  "2030-01-31T12:34:56.789Z sender s1 (http, host) alive held 5 done 70 failed 1 mean "
			  "2.50 ms\n");
	free(text);
	text = written(&none, write_plain);
	assert_string_equal(text,
						"2030-01-31T12:34:56.789Z no campaign is running, paused or scheduled\n");
	free(text);
	model_free(model);
}

static void test_figures(void **state)
{
	(void) state;
	assert_string_equal(figure_count(0).text, "0");
	assert_string_equal(figure_count(999).text, "999");
	assert_string_equal(figure_count(1000).text, "1,000");
	assert_string_equal(figure_count(1234567).text, "1,234,567");
	assert_string_equal(figure_count(-1234567).text, "-1,234,567");
	assert_string_equal(figure_count(INT64_MAX).text, "9,223,372,036,854,775,807");
	/* What is not complete does not look so. */
	assert_string_equal(figure_percent(999999, 1000000).text, "99.9 %");
	assert_string_equal(figure_percent(1000000, 1000000).text, "100.0 %");
	assert_string_equal(figure_percent(0, 0).text, "-");
	assert_string_equal(figure_rate(NAN).text, "-");
	assert_string_equal(figure_rate(2.54).text, "2.5/s");
	assert_string_equal(figure_rate(123456.7).text, "123,457/s");
	assert_string_equal(figure_mean(NAN).text, "-");
	assert_string_equal(figure_mean(0.114).text, "0.114 ms");
	assert_string_equal(figure_mean(250).text, "250 ms");
	assert_string_equal(figure_mean(2500).text, "2.5 s");
	assert_string_equal(figure_duration(MODEL_UNKNOWN_MS).text, "-");
	assert_string_equal(figure_duration(119999).text, "119 s");
	assert_string_equal(figure_duration(120000).text, "2 min");
	assert_string_equal(figure_duration(7200000).text, "2 h");
	assert_string_equal(figure_duration(172800000).text, "2 days");
}

static KeysAction press(Keys *keys, const Model *model, int key, KeysOrder *order)
{
	*order = (KeysOrder){0};
	return keys_press(keys, model, key, order);
}

static void test_selecting(void **state)
{
	Model *model = read_rows();
	Model none = {0};
	Keys keys = {0};
	KeysOrder order;

	(void) state;
	assert_int_equal(press(&keys, NULL, 'p', &order), KEYS_NOTHING);
	keys_follow(&keys, model);
	assert_string_equal(keys.selected, "one1");
	(void) press(&keys, model, KEYS_UP, &order);
	assert_string_equal(keys.selected, "one1");
	(void) press(&keys, model, KEYS_DOWN, &order);
	assert_string_equal(keys.selected, "two2");
	(void) press(&keys, model, 'j', &order);
	assert_string_equal(keys.selected, "two2");
	keys_follow(&keys, model);
	assert_string_equal(keys.selected, "two2");
	(void) press(&keys, model, 'k', &order);
	assert_string_equal(keys.selected, "one1");
	keys_follow(&keys, &none);
	assert_string_equal(keys.selected, "");
	assert_int_equal(press(&keys, &none, 'c', &order), KEYS_NOTHING);
	assert_string_equal(keys.asked, "");
	assert_int_equal(press(&keys, &none, 'q', &order), KEYS_QUIT);
	model_free(model);
}

static void test_orders(void **state)
{
	Model *model = read_rows();
	Keys keys = {.selected = "two2"};
	KeysOrder order;

	(void) state;
	assert_int_equal(press(&keys, model, 'p', &order), KEYS_ORDER);
	assert_string_equal(order.verb, "pause");
	assert_string_equal(order.id, "two2");
	assert_string_equal(order.name, "two");
	assert_int_equal(press(&keys, model, 'r', &order), KEYS_ORDER);
	assert_string_equal(order.verb, "resume");
	assert_int_equal(press(&keys, model, 'x', &order), KEYS_NOTHING);
	model_free(model);
}

/* Only a yes cancels, and only what was asked about. */
static void test_question(void **state)
{
	static const int other[] = {'n', 'c', 'q', ' ', '\r', 27, KEYS_DOWN};
	Model *model = read_rows();
	Model without = *model;
	Keys keys = {.selected = "two2"};
	KeysOrder order;

	(void) state;
	for (size_t i = 0; i < sizeof(other) / sizeof(*other); i++)
	{
		assert_int_equal(press(&keys, model, 'c', &order), KEYS_NOTHING);
		assert_string_equal(keys.asked, "two2");
		assert_int_equal(press(&keys, model, other[i], &order), KEYS_NOTHING);
		assert_string_equal(keys.asked, "");
		assert_string_equal(keys.selected, "two2");
	}
	(void) press(&keys, model, 'c', &order);
	snprintf(keys.selected, sizeof(keys.selected), "one1");
	assert_int_equal(press(&keys, model, 'y', &order), KEYS_ORDER);
	assert_string_equal(order.verb, "cancel");
	assert_string_equal(order.id, "two2");
	assert_string_equal(order.name, "two");
	assert_int_equal(press(&keys, model, 'y', &order), KEYS_NOTHING);
	/* The campaign is not there any more. */
	snprintf(keys.selected, sizeof(keys.selected), "two2");
	(void) press(&keys, model, 'c', &order);
	without.count = 1;
	keys_follow(&keys, &without);
	assert_int_equal(press(&keys, &without, 'y', &order), KEYS_NOTHING);
	model_free(model);
}

static void test_notifications(void **state)
{
	static Watched watched;
	static char array[WATCHED_ARRAY_SIZE];
	char id[48];

	(void) state;
	assert_true(watched_hear(&watched, "{\"at\": \"x\", \"id\": \"one1\", \"status\": \"sent\"}"));
	assert_true(watched_hear(&watched, "{\"id\": \"two2\"}"));
	assert_true(watched_hear(&watched, "{\"id\": \"one1\"}"));
	assert_false(watched_hear(&watched, "{\"id\": null, \"at\": \"x\"}"));
	/* Anybody may notify: what is no id never gets into a statement. */
	assert_true(watched_hear(&watched, "{\"id\": \"a,b}\"}"));
	assert_false(watched_hear(&watched, "{\"id\": \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"));
	assert_false(watched_hear(&watched, ""));
	watched_array(&watched, array);
	assert_string_equal(array, "{one1,two2}");
	for (int i = 0; i < 2 * WATCHED_MAX; i++)
	{
		snprintf(id, sizeof(id), "a234567890123456789012345678%04d", i);
		watched_add(&watched, id);
	}
	watched_array(&watched, array);
	assert_int_equal(watched.count, WATCHED_MAX);
	assert_int_equal(strlen(array), WATCHED_MAX * (size_t) WATCHED_ID_SIZE + 1);
	assert_null(strstr(array, "one1"));
	assert_non_null(strstr(array, "0399}"));
}

static bool load(char *first, char *second)
{
	static Config config;
	char *argv[] = {"campaign-monitor"};
	char *environment[] = {"MONITOR_DATABASE_URL=postgresql://u:secret@h/d", first, second, NULL};

	error = (Error){0};
	(void) config_load(1, argv, environment, &config, &error);
	return error.code == ERROR_NONE && config_check(&config, &error);
}

static void assert_refused(const char *text)
{
	assert_int_equal(error.code, ERROR_CONFIG);
	assert_non_null(strstr(error.text, text));
	assert_null(strstr(error.text, "secret"));
}

static void test_settings(void **state)
{
	(void) state;
	assert_true(load(NULL, NULL));
	assert_true(load("MONITOR_JSON=yes", "MONITOR_INTERVAL=3600"));
	assert_false(load("MONITOR_JSON=yes", "MONITOR_PLAIN=yes"));
	assert_refused("MONITOR_JSON and MONITOR_PLAIN exclude each other");
	assert_false(load("MONITOR_INTERVAL=0", NULL));
	assert_refused("MONITOR_INTERVAL must be a whole number from 1 to 3600");
	assert_false(load("MONITOR_ROWS=1001", NULL));
	assert_refused("MONITOR_ROWS must be");
	assert_false(load("MONITOR_DATABASE_URL=mysql://u:secret@h/d", NULL));
	assert_refused("MONITOR_DATABASE_URL");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),		  cmocka_unit_test(test_other_rows),
		cmocka_unit_test(test_json),		  cmocka_unit_test(test_plain),
		cmocka_unit_test(test_figures),		  cmocka_unit_test(test_selecting),
		cmocka_unit_test(test_orders),		  cmocka_unit_test(test_question),
		cmocka_unit_test(test_notifications), cmocka_unit_test(test_settings),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
