/*
 * error.h - how code that runs outside PostgreSQL's ereport() says what failed.
 *
 * The caller owns the struct; the text is one line of valid UTF-8, safe to log: no
 * password, no line break, whatever bytes it quotes.
 */
#ifndef CAMPAIGN_CONTRACT_ERROR_H
#define CAMPAIGN_CONTRACT_ERROR_H

#define ERROR_TEXT_SIZE 512

typedef enum ErrorCode
{
	ERROR_NONE = 0,
	ERROR_CONFIG,	   /* wrong setting: waiting does not help */
	ERROR_UNREACHABLE, /* the other side cannot be reached or has hung up: try again */
	ERROR_REFUSED,	   /* authentication, permission, other arguments (406) */
	ERROR_LOCKED,	   /* a client of the database holds what a statement needs: try again */
	ERROR_PROTOCOL,	   /* the other side said something unexpected */
	ERROR_MEMORY
} ErrorCode;

typedef struct Error
{
	ErrorCode code;
	char text[ERROR_TEXT_SIZE];
} Error;

/* Whether waiting, or somebody's help, makes it go away. */
static inline _Bool error_may_pass(ErrorCode code)
{
	return code == ERROR_UNREACHABLE || code == ERROR_REFUSED || code == ERROR_LOCKED;
}

/* Sets code and printf-style text; returns false, so that `return error_set(...)` reads well. */
_Bool error_set(Error *error, ErrorCode code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif /* CAMPAIGN_CONTRACT_ERROR_H */
