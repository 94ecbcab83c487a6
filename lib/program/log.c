/*
 * log.c - a program's log on standard error; see log.h.
 *
 * Must never fail nor block the flow: a line that cannot be written is lost and
 * counted, a line that is too long is cut.
 */
#include "log.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "contract/utf8.h"

#define LINE_SIZE 4096

static const char *const LEVELS[] = {"debug", "info", "warning", "error"};

static struct
{
	pthread_mutex_t mutex; /* a line and the progress line below it change together */
	LogLevel level;
	bool json;
	bool terminal;
	bool socket;	/* standard error is one: systemd's journal */
	int descriptor; /* what is written to */
	int64_t lost;	/* lines that could not be written since the last one that could */
	char progress[256];
} logger = {.mutex = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO, .descriptor = STDERR_FILENO};

typedef struct Line
{
	size_t length;
	char bytes[LINE_SIZE];
} Line;

/*
 * A terminal that poll() calls writable takes a part of a line and waits until somebody reads the
 * rest. A description of our own need not wait; that of standard error is the shell's, too.
 */
static int open_terminal(void)
{
	int terminal = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	return terminal >= 0 ? terminal : STDERR_FILENO;
}

void log_setup(LogFormat format, LogLevel level)
{
	bool tty = isatty(STDERR_FILENO) == 1;
	struct stat status;

	if (logger.descriptor != STDERR_FILENO)
		close(logger.descriptor);
	logger.descriptor = tty ? open_terminal() : STDERR_FILENO;
	logger.level = level;
	logger.json = format == LOG_JSON || (format == LOG_AUTO && !tty);
	logger.terminal = tty && !logger.json;
	logger.socket = fstat(STDERR_FILENO, &status) == 0 && S_ISSOCK(status.st_mode);
}

bool log_is_terminal(void)
{
	return logger.terminal;
}

/* Room for the closing of the line is always kept, and may be in use already. */
static size_t room_of(const Line *line)
{
	return line->length < LINE_SIZE - 8 ? LINE_SIZE - 8 - line->length : 0;
}

static void put(Line *line, const char *bytes, size_t length)
{
	size_t room = room_of(line);

	if (length > room)
		length = room;
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

static void put_text(Line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_number(Line *line, int64_t number)
{
	char digits[24];
	int length = snprintf(digits, sizeof(digits), "%lld", (long long) number);

	put(line, digits, (size_t) length);
}

/* What a server said may hold any bytes: made one line of UTF-8, cut between characters. */
static void put_plain(Line *line, const char *text)
{
	char clean[LINE_SIZE];

	put(line, clean, utf8_clean(clean, room_of(line) + 1, text, strlen(text)));
}

static bool continues_character(char byte)
{
	return ((unsigned char) byte & 0xC0) == 0x80;
}

static void put_quoted(Line *line, const char *text)
{
	char clean[LINE_SIZE];

	(void) utf8_clean(clean, sizeof(clean), text, strlen(text));
	put(line, "\"", 1);
	for (const char *at = clean;
		 *at != '\0' && (line->length < LINE_SIZE - 64 || continues_character(*at)); at++)
	{
		if (*at == '"' || *at == '\\')
			put(line, "\\", 1);
		put(line, at, 1);
	}
	put(line, "\"", 1);
}

static void put_time(Line *line, bool date)
{
	struct timespec now;
	struct tm parts;
	char text[40];
	size_t length;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	length = strftime(text, sizeof(text), date ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &parts);
	length += (size_t) snprintf(text + length, sizeof(text) - length, ".%03d%s",
								(int) (now.tv_nsec / 1000000), date ? "Z" : "");
	put(line, text, length);
}

static void format_json(Line *line, LogLevel level, const char *message, const LogField *fields)
{
	put_text(line, "{\"ts\":\"");
	put_time(line, true);
	put_text(line, "\",\"level\":");
	put_quoted(line, LEVELS[level]);
	put_text(line, ",\"msg\":");
	put_quoted(line, message);
	for (; fields->name != NULL && line->length < LINE_SIZE - 256; fields++)
	{
		put_text(line, ",");
		put_quoted(line, fields->name);
		put_text(line, ":");
		if (fields->text != NULL)
			put_quoted(line, fields->text);
		else
			put_number(line, fields->number);
	}
	put_text(line, "}\n");
}

static void format_text(Line *line, LogLevel level, const char *message, const LogField *fields)
{
	if (logger.terminal)
		put_text(line, "\r\033[K");
	put_time(line, false);
	put_text(line, " ");
	if (level != LOG_INFO)
	{
		put_text(line, LEVELS[level]);
		put_text(line, ": ");
	}
	put_plain(line, message);
	for (; fields->name != NULL; fields++)
	{
		put_text(line, "  ");
		put_text(line, fields->name);
		put_text(line, "=");
		if (fields->text != NULL)
			put_plain(line, fields->text);
		else
			put_number(line, fields->number);
	}
	/* put() keeps room for the line's end, whatever was cut before. */
	line->bytes[line->length++] = '\n';
	put_text(line, logger.progress);
}

/*
 * Writes a line, and says whether it is whole: whoever does not read our standard error must not
 * stop us. A pipe that poll() calls writable takes PIPE_BUF bytes at once, and no line is longer.
 */
static bool flush(const Line *line)
{
	struct pollfd wait = {.fd = logger.descriptor, .events = POLLOUT};

	if (poll(&wait, 1, 0) != 1 || !(wait.revents & POLLOUT))
		return false;
	if (logger.socket)
		return send(STDERR_FILENO, line->bytes, line->length, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
	return write(logger.descriptor, line->bytes, line->length) == (ssize_t) line->length;
}

static void format(Line *line, LogLevel level, const char *message, const LogField *fields)
{
	if (logger.json)
		format_json(line, level, message, fields);
	else
		format_text(line, level, message, fields);
}

/* True if nothing is left to say about lost lines. */
static bool flush_lost(void)
{
	Line line = {0};

	if (logger.lost == 0)
		return true;
	format(&line, LOG_WARNING, "log lines were lost: nobody read them",
		   (const LogField[]){{"count", NULL, logger.lost}, {NULL, NULL, 0}});
	if (!flush(&line))
		return false;
	logger.lost = 0;
	return true;
}

void log_write(LogLevel level, const char *message, const LogField *fields)
{
	Line line = {0};

	if (level < logger.level)
		return;
	pthread_mutex_lock(&logger.mutex);
	format(&line, level, message, fields);
	if (!flush_lost() || !flush(&line))
		logger.lost++;
	pthread_mutex_unlock(&logger.mutex);
}

void log_progress(const char *text)
{
	Line line = {0};

	if (!logger.terminal)
		return;
	pthread_mutex_lock(&logger.mutex);
	snprintf(logger.progress, sizeof(logger.progress), "%s", text);
	put_text(&line, "\r\033[K");
	put_text(&line, logger.progress);
	(void) flush(&line); /* the next one replaces it */
	pthread_mutex_unlock(&logger.mutex);
}
