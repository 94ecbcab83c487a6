/*
 * dialog.c - following an SMTP session; see dialog.h.
 *
 * Must never keep a byte of what we send: there are passwords in it.
 */
#include "dialog.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "contract/utf8.h"

#define GO_ON 354 /* the answer to DATA after which the mail is sent */

static const char *const NAMES[] = {
	[DIALOG_CONNECT] = "connecting", [DIALOG_MAIL] = "MAIL",	   [DIALOG_RCPT] = "RCPT",
	[DIALOG_DATA] = "DATA",			 [DIALOG_END] = "end of DATA",
};

const char *dialog_phase_name(DialogPhase phase)
{
	return NAMES[phase];
}

void dialog_begin(Dialog *dialog, bool reused)
{
	*dialog = (Dialog){.reused = reused};
}

static bool is_command(const char *bytes, size_t length, const char *verb)
{
	size_t size = strlen(verb);

	return length >= size && strncasecmp(bytes, verb, size) == 0 &&
		   (length == size || !isalnum((unsigned char) bytes[size]));
}

void dialog_sent(Dialog *dialog, const char *bytes, size_t length)
{
	static const struct
	{
		const char *verb;
		DialogPhase phase;
	} verbs[] = {{"MAIL", DIALOG_MAIL}, {"RCPT", DIALOG_RCPT}, {"DATA", DIALOG_DATA}};

	if (is_command(bytes, length, "QUIT"))
		dialog->over = true;
	if (dialog->phase == DIALOG_CONNECT && is_command(bytes, length, "AUTH"))
		dialog->login = true;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
	{
		/* Only forward: there is one mail. */
		if (verbs[i].phase > dialog->phase && is_command(bytes, length, verbs[i].verb))
		{
			dialog->phase = verbs[i].phase;
			dialog->answered = false;
			return;
		}
	}
}

/* The three digits that an answer begins with; 0: it does not. */
static int code_of(const char *line, size_t length)
{
	if (length < 3 || !isdigit((unsigned char) line[0]) || !isdigit((unsigned char) line[1]) ||
		!isdigit((unsigned char) line[2]) ||
		(length > 3 && line[3] != ' ' && line[3] != '-' && line[3] != '\r' && line[3] != '\n'))
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

/* The server waits for the mail: what it says from now on is about the whole of it. */
static void begin_end(Dialog *dialog)
{
	dialog->phase = DIALOG_END;
	dialog->answered = false;
}

static void take_line(Dialog *dialog, const char *line, size_t length)
{
	int code = code_of(line, length);

	if (code == 0)
		return;
	while (length > 0 && isspace((unsigned char) line[length - 1]))
		length--;
	dialog->answered = true;
	dialog->code = code;
	(void) utf8_clean(dialog->reply, sizeof(dialog->reply), line, length);
	if (dialog->phase == DIALOG_DATA && code == GO_ON && !(length > 3 && line[3] == '-'))
		begin_end(dialog);
}

void dialog_received(Dialog *dialog, const char *bytes, size_t length)
{
	while (length > 0 && !dialog->over)
	{
		const char *end = memchr(bytes, '\n', length);
		size_t size = end != NULL ? (size_t) (end - bytes) + 1 : length;

		take_line(dialog, bytes, size);
		bytes += size;
		length -= size;
	}
}

/* Answers that are about us or about the server, whatever they are given to (RFC 5321, 4954). */
static bool concerns_server(int code)
{
	switch (code)
	{
		case 421: /* it is closing */
		case 432: /* a password transition is needed */
		case 454: /* TLS or login not available for the moment */
		case 530: /* TLS or login required */
		case 534: /* the way to log in is too weak */
		case 535: /* wrong password */
		case 538: /* the way to log in needs TLS */
			return true;
		default:
			return false;
	}
}

bool dialog_taken(const Dialog *dialog)
{
	return dialog->phase == DIALOG_END && dialog->answered && dialog->code / 100 == 2;
}

DialogFault dialog_fault(const Dialog *dialog)
{
	if (dialog->phase == DIALOG_MAIL && dialog->reused &&
		(!dialog->answered || dialog->code == 421))
		return DIALOG_FAULT_STALE;
	if (dialog->phase == DIALOG_CONNECT || (dialog->answered && concerns_server(dialog->code)))
		return DIALOG_FAULT_SERVER;
	return DIALOG_FAULT_MAIL;
}
