/*
 * indexes.c - see indexes.h.
 *
 * Must never change or drop an index that is there: somebody has made it.
 */
#include "indexes.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/message.h"
#include "program/log.h"
#include "program/retry.h"
#include "program/stop.h"
#include "store.h"

#define NAME_SIZE 40
#define ANSWER_S  2 /* so long a stop waits for an answer; MongoDB goes on building without us */

#define CODE_NAMESPACE_NOT_FOUND 26
#define CODE_OPTIONS_CONFLICT	 85
#define CODE_KEY_CONFLICT		 86

static const char *const FIELDS[] = {MESSAGE_FIELD_CAMPAIGN_ID, MESSAGE_FIELD_PHONE_NUMBER};

#define FIELD_COUNT (sizeof(FIELDS) / sizeof(*FIELDS))

struct Indexes
{
	pthread_t thread;
	atomic_bool running;
	Config config; /* with less patience */
};

/* What the collection has for a field. */
typedef enum Found
{
	FOUND_NOTHING,
	FOUND_THIS,
	FOUND_OTHER
} Found;

/* The place among FIELDS of an entry of the list, which is cut off there; -1: none. */
static int place_of(const char *entry, size_t length)
{
	for (size_t i = 0; i < FIELD_COUNT; i++)
	{
		if (strlen(FIELDS[i]) == length && strncmp(entry, FIELDS[i], length) == 0)
			return (int) i;
	}
	return -1;
}

/* The next entry without the blanks around it; NULL behind the last. */
static const char *next_entry(const char **list, size_t *length)
{
	const char *entry = *list;
	const char *end;

	if (entry == NULL || *entry == '\0')
		return NULL;
	entry += strspn(entry, " ");
	end = entry + strcspn(entry, ",");
	*list = *end == ',' ? end + 1 : NULL;
	while (end > entry && end[-1] == ' ')
		end--;
	*length = (size_t) (end - entry);
	return entry;
}

bool indexes_check_setting(const char *list, Error *error)
{
	const char *entry;
	size_t length;

	while ((entry = next_entry(&list, &length)) != NULL)
	{
		if (place_of(entry, length) < 0)
			return error_set(error, ERROR_CONFIG,
							 "CAMPAIGN_INDEXES: \"%.*s\" cannot be indexed; %s and %s can",
							 (int) (length < 60 ? length : 60), entry, FIELDS[0], FIELDS[1]);
	}
	return true;
}

static bool is_wanted(const char *list, const char *field)
{
	const char *entry;
	size_t length;

	while ((entry = next_entry(&list, &length)) != NULL)
	{
		if (strlen(field) == length && strncmp(entry, field, length) == 0)
			return true;
	}
	return false;
}

static void name_of(const char *field, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "%s_1", field);
}

/* {field: 1}, and nothing else. */
static bool has_key(const bson_t *index, const char *field)
{
	bson_iter_t iter;
	bson_iter_t key;

	return bson_iter_init_find(&iter, index, "key") && bson_iter_recurse(&iter, &key) &&
		   bson_iter_next(&key) && strcmp(bson_iter_key(&key), field) == 0 &&
		   bson_iter_as_double(&key) == 1 && !bson_iter_next(&key);
}

static bool has_name(const bson_t *index, const char *field)
{
	char name[NAME_SIZE];
	bson_iter_t iter;

	name_of(field, name);
	return bson_iter_init_find(&iter, index, "name") && BSON_ITER_HOLDS_UTF8(&iter) &&
		   strcmp(bson_iter_utf8(&iter, NULL), name) == 0;
}

/* Without options: all documents, in the order of their bytes, the same value as often as it is. */
static bool is_plain(const bson_t *index)
{
	static const char *const usual[] = {"v", "key", "name", "ns", "background"};
	bson_iter_t iter;

	if (!bson_iter_init(&iter, index))
		return false;
	while (bson_iter_next(&iter))
	{
		bool known = false;

		for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
			known |= strcmp(bson_iter_key(&iter), usual[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

static Found judge(const bson_t *index, const char *field)
{
	bool key = has_key(index, field);

	if (key && is_plain(index))
		return FOUND_THIS;
	return key || has_name(index, field) ? FOUND_OTHER : FOUND_NOTHING;
}

/* What there is for each field. */
static bool look(Store *store, Found found[FIELD_COUNT], Error *error)
{
	mongoc_cursor_t *cursor =
		mongoc_collection_find_indexes_with_opts(store_collection(store), NULL);
	const bson_t *index;
	bson_error_t reason = {0};
	bool done;

	memset(found, 0, FIELD_COUNT * sizeof(*found));
	while (mongoc_cursor_next(cursor, &index))
	{
		for (size_t i = 0; i < FIELD_COUNT; i++)
		{
			Found one = judge(index, FIELDS[i]);

			if (one > found[i])
				found[i] = one;
		}
	}
	done = !mongoc_cursor_error(cursor, &reason) || reason.code == CODE_NAMESPACE_NOT_FOUND ||
		   store_failed(error, "cannot read the indexes", &reason);
	mongoc_cursor_destroy(cursor);
	return done;
}

static bool is_other(const char *field, Error *error)
{
	return error_set(
		error, ERROR_CONFIG,
		"MongoDB has an index {\"%s\": 1}, or one that is named %s_1, in another form: "
		"drop it, or leave %s out of CAMPAIGN_INDEXES",
		field, field, field);
}

static bool create(const Config *config, Store *store, const char *field, Error *error)
{
	char name[NAME_SIZE];
	bson_t *command;
	bson_error_t reason;
	bool done;

	name_of(field, name);
	command = BCON_NEW("createIndexes", BCON_UTF8(config->collection), "indexes", "[", "{", "key",
					   "{", field, BCON_INT32(1), "}", "name", BCON_UTF8(name), "}", "]");
	done = mongoc_collection_write_command_with_opts(store_collection(store), command, NULL, NULL,
													 &reason);
	bson_destroy(command);
	if (done)
	{
		log_line(LOG_INFO, "MongoDB has the index", {"field", field, 0});
		return true;
	}
	if (reason.code == CODE_OPTIONS_CONFLICT || reason.code == CODE_KEY_CONFLICT)
		return is_other(field, error);
	return store_failed(error, "cannot create the index", &reason);
}

/* Creates what is missing, if `changes`. */
static bool bring_about(const Config *config, Store *store, bool changes, Error *error)
{
	Found found[FIELD_COUNT];

	/* First the collection: an index would make one of the usual kind. */
	if (!store_prepare(store, error) || !look(store, found, error))
		return false;
	for (size_t i = 0; i < FIELD_COUNT; i++)
	{
		if (!is_wanted(config->indexes, FIELDS[i]))
			continue;
		if (found[i] == FOUND_OTHER)
			return is_other(FIELDS[i], error);
		if (found[i] == FOUND_NOTHING && changes && !create(config, store, FIELDS[i], error))
			return false;
	}
	return true;
}

bool indexes_check(const Config *config, Error *error)
{
	Store *store = *config->indexes == '\0' ? NULL : store_new(config, error);
	bool done = store == NULL || bring_about(config, store, false, error);

	store_free(store);
	return done;
}

/* Until it is done, or waiting does not help. */
static bool persist(const Config *config, Store *store, Error *error)
{
	Retry retry = {0};
	bool said = false;

	while (!bring_about(config, store, true, error))
	{
		if (error->code == ERROR_CONFIG || error->code == ERROR_MEMORY)
			return false;
		/* That it is away the lanes say. */
		if (error->code == ERROR_REFUSED && !said)
			log_line(LOG_WARNING, "no index yet", {"reason", error->text, 0});
		said |= error->code == ERROR_REFUSED;
		if (!retry_wait(&retry))
			break;
	}
	return true;
}

static void *run(void *argument)
{
	Indexes *indexes = argument;
	Error error = {0};
	Store *store = store_new(&indexes->config, &error);

	if (store == NULL || !persist(&indexes->config, store, &error))
	{
		log_message(LOG_ERROR, error.text);
		stop_failed(error.code);
	}
	store_free(store);
	atomic_store(&indexes->running, false);
	return NULL;
}

Indexes *indexes_start(const Config *config, Error *error)
{
	Indexes *indexes = calloc(1, sizeof(*indexes));
	int failure;

	if (indexes == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return NULL;
	}
	indexes->config = *config;
	indexes->config.hold_s = ANSWER_S;
	atomic_store(&indexes->running, true);
	failure = pthread_create(&indexes->thread, NULL, run, indexes);
	if (failure == 0)
		return indexes;
	error_set(error, ERROR_MEMORY, "cannot start a thread: %s", strerror(failure));
	config_wipe(&indexes->config);
	free(indexes);
	return NULL;
}

bool indexes_running(const Indexes *indexes)
{
	return indexes != NULL && atomic_load(&indexes->running);
}

void indexes_finish(Indexes *indexes)
{
	if (indexes == NULL)
		return;
	(void) pthread_join(indexes->thread, NULL);
	config_wipe(&indexes->config);
	free(indexes);
}
