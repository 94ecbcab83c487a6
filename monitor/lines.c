/*
 * lines.c - looks as lines; see lines.h.
 */
#include "lines.h"

#include <errno.h>
#include <langinfo.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "plain.h"
#include "program/stop.h"

/* False: whoever reads it has gone, or, with an error, it cannot be written. */
static bool end_lines(const Config *config, Error *error)
{
	if (fflush(stdout) == 0)
		return true;
	if (errno != EPIPE || config->once)
		error_set(error, ERROR_CONFIG, "cannot write: %s", strerror(errno));
	return false;
}

static bool write_look(const Config *config, const Model *model, Error *error)
{
	if (config->json)
		json_write(model, stdout);
	else
		plain_write(model, strcmp(nl_langinfo(CODESET), "UTF-8") == 0, stdout);
	return end_lines(config, error);
}

/* Takes what the reader has found. False: it is over. */
static bool take_news(const Config *config, Reader *reader, Error *error)
{
	ReaderNews news;
	bool goes_on = true;

	reader_take(reader, &news);
	if (news.model != NULL)
	{
		if (config->once && *config->campaign != '\0' && news.model->count == 0)
			error_set(error, ERROR_CONFIG, "there is no campaign \"%s\"", config->campaign);
		else
			goes_on = write_look(config, news.model, error);
		model_free(news.model);
		return goes_on && !config->once;
	}
	if (news.trouble.code == ERROR_NONE)
		return true;
	if (config->once)
	{
		*error = news.trouble;
		return false;
	}
	/* In text, the log on standard error says so, once. */
	if (!config->json)
		return true;
	json_write_error(&news.trouble, stdout);
	return end_lines(config, error);
}

bool lines_run(const Config *config, Reader *reader, Error *error)
{
	struct pollfd wait[3] = {{.fd = reader_descriptor(reader), .events = POLLIN},
							 {.fd = stop_descriptor(), .events = POLLIN},
							 /* It reports that the reader has closed it. */
							 {.fd = STDOUT_FILENO}};

	for (;;)
	{
		(void) poll(wait, 3, -1);
		if (stop_requested() || (wait[2].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			return true;
		if (wait[0].revents != 0 && !take_news(config, reader, error))
			return error->code == ERROR_NONE;
	}
}
