/*
 * log.h - a program's log on standard error: text on a terminal, else one JSON object
 * a line.
 *
 * Safe from every thread; a line is one write(2), so lines never mix. Callers
 * must never hand it a URL or a password.
 */
#ifndef CAMPAIGN_PROGRAM_LOG_H
#define CAMPAIGN_PROGRAM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum LogLevel
{
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARNING,
	LOG_ERROR
} LogLevel;

typedef enum LogFormat
{
	LOG_AUTO, /* text if standard error is a terminal, else JSON */
	LOG_TEXT,
	LOG_JSON
} LogFormat;

/* A named value beside the message; `text` NULL: the number. */
typedef struct LogField
{
	const char *name;
	const char *text;
	int64_t number;
} LogField;

/* Before the first thread starts. */
void log_setup(LogFormat format, LogLevel level);

/* Standard error is a terminal and the format is text. */
bool log_is_terminal(void);

/* `fields` ends with one whose name is NULL. */
void log_write(LogLevel level, const char *message, const LogField *fields);

/* log_line(LOG_INFO, "stored", {"queue", queue, 0}, {"documents", NULL, 5}); */
#define log_line(level, message, ...)                                                              \
	log_write((level), (message), (const LogField[]){__VA_ARGS__, {NULL, NULL, 0}})

/* A message alone. */
#define log_message(level, message) log_write((level), (message), &(const LogField){NULL, NULL, 0})

/* Replaces the progress line at the bottom of the terminal; "" removes it. */
void log_progress(const char *line);

#endif /* CAMPAIGN_PROGRAM_LOG_H */
