/*
 * settings.c - where the value of each setting comes from; see settings.h.
 *
 * Must never put a URL into an error: they hold passwords.
 */
#include "settings.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "dotenv.h"

#define ENV_FILE_DEFAULT ".env"

/* Where a value comes from; a later layer wins. */
typedef enum Layer
{
	LAYER_DEFAULT,
	LAYER_DOTENV,
	LAYER_ENVIRONMENT,
	LAYER_FLAG
} Layer;

typedef struct Value
{
	Layer layer;
	bool set;
	bool is_file; /* `text` is the path of a file that holds the value */
	char origin[320];
	char text[LAYERS_TEXT_MAX];
} Value;

typedef struct Loading
{
	const OptionTable *table;
	Value values[OPTIONS_MAX];
	const char *env_file;
	char *unknown;
} Loading;

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool assign(Loading *loading, Layer layer, int option, bool is_file, const char *text,
				   const char *origin, Error *error)
{
	Value *value = &loading->values[option];
	const char *key = loading->table->options[option].key;

	/* Compose files pass unset variables as empty ones. */
	if (*text == '\0' && layer != LAYER_FLAG)
		return true;
	if (value->set && value->layer == layer && value->is_file != is_file)
		return error_set(error, ERROR_CONFIG,
						 "%s: %s and %s" OPTION_FILE_SUFFIX " exclude each other", origin, key,
						 key);
	if (strlen(text) >= sizeof(value->text))
		return error_set(error, ERROR_CONFIG, "%s: %s is longer than %zu bytes", origin, key,
						 sizeof(value->text) - 1);
	value->set = true;
	value->layer = layer;
	value->is_file = is_file;
	snprintf(value->text, sizeof(value->text), "%s", text);
	snprintf(value->origin, sizeof(value->origin), "%.300s", origin);
	return true;
}

static bool unknown_setting(const Loading *loading, const char *origin, const char *key,
							Error *error)
{
	const char *meant = option_nearest(loading->table, key, false);

	if (meant == NULL)
		return error_set(error, ERROR_CONFIG, "%s: unknown setting %.64s", origin, key);
	return error_set(error, ERROR_CONFIG, "%s: unknown setting %.64s: did you mean %s?", origin,
					 key, meant);
}

static bool take_dotenv(void *argument, const char *key, const char *text, const char *origin,
						Error *error)
{
	Loading *loading = argument;
	bool is_file;
	int option = option_find(loading->table, key, false, &is_file);

	if (option >= 0)
		return assign(loading, LAYER_DOTENV, option, is_file, text, origin, error);
	/* Other programs share the file, but this prefix is ours: a typing error. */
	if (has_prefix(key, loading->table->prefix))
		return unknown_setting(loading, origin, key, error);
	return true;
}

static bool take_environment(Loading *loading, char *const environment[], Error *error)
{
	for (; environment != NULL && *environment != NULL; environment++)
	{
		const char *equals = strchr(*environment, '=');
		char key[LAYERS_UNKNOWN_SIZE];
		bool is_file;
		int option;

		if (equals == NULL || (size_t) (equals - *environment) >= sizeof(key))
			continue;
		memcpy(key, *environment, (size_t) (equals - *environment));
		key[equals - *environment] = '\0';
		option = option_find(loading->table, key, false, &is_file);
		if (option >= 0)
		{
			if (!assign(loading, LAYER_ENVIRONMENT, option, is_file, equals + 1, "environment",
						error))
				return false;
		}
		else if (has_prefix(key, loading->table->prefix))
			/* Orchestrators add variables of their own: a warning, not an error. */
			snprintf(loading->unknown, LAYERS_UNKNOWN_SIZE, "%s", key);
	}
	return true;
}

static bool usage(Error *error, const char *text, const char *argument)
{
	return error_set(error, ERROR_CONFIG, "%s: %.99s (see --help)", text, argument);
}

/* An empty flag is an unset variable of a script, unless the setting has no value by default. */
static bool may_be_empty(const Option *option)
{
	return !option->is_command && option->fallback != NULL && *option->fallback == '\0';
}

/* One setting flag, "--name=value" or "--name value"; moves *at to the last word used. */
static bool take_flag(Loading *loading, int argc, char *const argv[], int *at, Error *error)
{
	const char *word = argv[*at] + 2;
	size_t length = strcspn(word, "=");
	const char *text;
	char name[64] = "";
	char origin[80];
	bool is_file = false;
	int option = -1;
	bool env_file;

	if (length < sizeof(name))
	{
		memcpy(name, word, length);
		name[length] = '\0';
		option = option_find(loading->table, name, true, &is_file);
	}
	env_file = option < 0 && length < sizeof(name) && strcmp(name, "env-file") == 0;
	if (option < 0 && !env_file)
	{
		/* Not the whole word: a mistyped --amqp-ur=… has the password behind it. */
		const char *meant = option_nearest(loading->table, name, true);
		char shown[100];

		snprintf(shown, sizeof(shown), "--%.*s%s%.40s%s", (int) (length < 32 ? length : 32), word,
				 meant != NULL ? ", did you mean --" : "", meant != NULL ? meant : "",
				 meant != NULL ? "?" : "");
		return usage(error, "unknown option", shown);
	}
	if (word[length] == '=')
		text = word + length + 1;
	else if (option >= 0 && loading->table->options[option].kind == OPTION_SWITCH)
		text = OPTION_NO_YES[true];
	else if (*at + 1 < argc)
		text = argv[++*at];
	else
		return usage(error, "option without a value", argv[*at]);
	snprintf(origin, sizeof(origin), "--%s", name);
	if (*text == '\0' && (env_file || !may_be_empty(&loading->table->options[option])))
		return usage(error, "option with an empty value", origin);
	if (!env_file)
		return assign(loading, LAYER_FLAG, option, is_file, text, origin, error);
	loading->env_file = text;
	return true;
}

static SettingsAction take_flags(Loading *loading, int argc, char *const argv[], Error *error)
{
	SettingsAction action = SETTINGS_RUN;

	for (int at = 1; at < argc; at++)
	{
		const char *word = argv[at];

		if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
			return SETTINGS_HELP;
		if (strcmp(word, "--version") == 0)
			return SETTINGS_VERSION;
		if (strcmp(word, "--check") == 0)
			action = SETTINGS_CHECK;
		else if (!has_prefix(word, "--") || word[2] == '\0')
		{
			/* Not the word itself: it may be a URL. */
			(void) usage(error, "unexpected argument", "options begin with --");
			return SETTINGS_USAGE;
		}
		else if (!take_flag(loading, argc, argv, &at, error))
			return SETTINGS_USAGE;
	}
	return action;
}

/* Replaces a path by the first line of its file, without the mark that some editors begin with. */
static bool read_value_file(const Option *option, Value *value, Error *error)
{
	char text[LAYERS_TEXT_MAX + 8]; /* the mark and the line's end are not part of the value */
	FILE *file = fopen(value->text, "re");
	bool done = file != NULL && fgets(text, sizeof(text), file) != NULL;
	int reason = errno;
	const char *start;

	if (file != NULL)
		fclose(file);
	if (!done)
		return error_set(error, ERROR_CONFIG,
						 "%s: %s" OPTION_FILE_SUFFIX ": cannot read %.200s: %s", value->origin,
						 option->key, value->text, file == NULL ? strerror(reason) : "it is empty");
	text[strcspn(text, "\r\n")] = '\0';
	start = has_prefix(text, "\xEF\xBB\xBF") ? text + 3 : text;
	/* libpq would take an empty URL for the server of whoever runs this. */
	if (*start == '\0')
		return error_set(error, ERROR_CONFIG,
						 "%s: %s" OPTION_FILE_SUFFIX ": the first line of %.200s is empty",
						 value->origin, option->key, value->text);
	done = strlen(start) < sizeof(value->text);
	if (done)
		memcpy(value->text, start, strlen(start) + 1);
	explicit_bzero(text, sizeof(text));
	return done ||
		   error_set(error, ERROR_CONFIG,
					 "%s: %s" OPTION_FILE_SUFFIX ": its first line is longer than %zu bytes",
					 value->origin, option->key, sizeof(value->text) - 1);
}

static bool wrong(const Option *option, const Value *value, const char *expected, Error *error)
{
	return error_set(error, ERROR_CONFIG, "%s: %s must be %s", value->origin, option->key,
					 expected);
}

static bool set_number(const Option *option, const Value *value, int *number, Error *error)
{
	char expected[64];
	char *end;
	long parsed;

	errno = 0;
	parsed = strtol(value->text, &end, 10);
	if (errno == 0 && end != value->text && *end == '\0' && parsed >= option->low &&
		parsed <= option->high)
	{
		*number = (int) parsed;
		return true;
	}
	snprintf(expected, sizeof(expected), "a whole number from %ld to %ld", option->low,
			 option->high);
	return wrong(option, value, expected, error);
}

/* The place of a word in a list; -1 if it is not there. */
static int word_index(const char *word, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(word, words[i]) == 0)
			return i;
	}
	return -1;
}

static bool set_text(const Option *option, Value *value, char *place, Error *error)
{
	if (!value->set && option->fallback == NULL)
		return error_set(error, ERROR_CONFIG, "%s is not set", option->key);
	if (value->is_file && !read_value_file(option, value, error))
		return false;
	if (strlen(value->text) >= option->size)
		return wrong(option, value, "shorter", error);
	snprintf(place, option->size, "%s", value->text);
	return true;
}

static bool set_word(const Option *option, const Value *value, int *place, Error *error)
{
	char expected[128];
	int index = word_index(value->text, option->words);

	*place = index;
	if (index >= 0)
		return true;
	snprintf(expected, sizeof(expected), "one of %s", option->argument);
	return wrong(option, value, expected, error);
}

static bool set_value(const Option *option, Value *value, void *config, Error *error)
{
	void *place = (char *) config + option->offset;

	switch (option->kind)
	{
		case OPTION_NUMBER:
			return set_number(option, value, place, error);
		case OPTION_WORD:
		case OPTION_SWITCH:
			return set_word(option, value, place, error);
		default:
			return set_text(option, value, place, error);
	}
}

static bool load_layers(Loading *loading, char *const environment[], Error *error)
{
	const char *path = loading->env_file != NULL ? loading->env_file : ENV_FILE_DEFAULT;
	Value flags[OPTIONS_MAX];
	const OptionTable *table = loading->table;
	bool done;

	/* The flags were read first, they name the file: they go on top again. */
	memcpy(flags, loading->values, sizeof(flags));
	memset(loading->values, 0, sizeof(loading->values));
	for (size_t i = 0; i < table->count; i++)
	{
		if (table->options[i].fallback != NULL)
			snprintf(loading->values[i].text, LAYERS_TEXT_MAX, "%s", table->options[i].fallback);
	}
	done = dotenv_read(path, loading->env_file != NULL, take_dotenv, loading, error) &&
		   take_environment(loading, environment, error);
	for (size_t i = 0; i < table->count; i++)
	{
		if (flags[i].set)
			loading->values[i] = flags[i];
	}
	explicit_bzero(flags, sizeof(flags));
	return done;
}

SettingsAction settings_load(const OptionTable *table, int argc, char *const argv[],
							 char *const environment[], void *config,
							 char unknown[LAYERS_UNKNOWN_SIZE], Error *error)
{
	Loading *loading = calloc(1, sizeof(*loading));
	SettingsAction action;
	bool done;

	error->code = ERROR_NONE;
	if (loading == NULL)
	{
		error_set(error, ERROR_MEMORY, "out of memory");
		return SETTINGS_RUN;
	}
	loading->table = table;
	loading->unknown = unknown;
	action = take_flags(loading, argc, argv, error);
	if (action == SETTINGS_RUN || action == SETTINGS_CHECK)
	{
		done = load_layers(loading, environment, error);
		for (size_t i = 0; done && i < table->count; i++)
			done = set_value(&table->options[i], &loading->values[i], config, error);
	}
	explicit_bzero(loading, sizeof(*loading));
	free(loading);
	return action;
}
