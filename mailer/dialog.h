/*
 * dialog.h - the SMTP dialogue about one mail, which decides who is at fault when it
 * fails: the server or the mail.
 *
 * Pure. Is fed the lines that go over the connection; keeps none that we sent.
 */
#ifndef CAMPAIGN_MAILER_DIALOG_H
#define CAMPAIGN_MAILER_DIALOG_H

#include <stdbool.h>
#include <stddef.h>

typedef enum DialogPhase
{
	DIALOG_CONNECT, /* greeting, TLS, login: nothing about the mail yet */
	DIALOG_MAIL,	/* MAIL is sent */
	DIALOG_RCPT,
	DIALOG_DATA, /* DATA is sent, and not answered yet */
	DIALOG_END,	 /* the mail itself: only the last answer tells whether the server has taken it */
} DialogPhase;

typedef struct Dialog
{
	DialogPhase phase;
	bool login;		 /* we have tried to log in */
	bool answered;	 /* something was answered since the last phase began */
	bool over;		 /* we have sent QUIT: its answer says nothing about the mail */
	bool reused;	 /* an earlier mail went over the same connection */
	int code;		 /* of the last answer; 0: none */
	char reply[256]; /* the last answer's last line, code and text, cleaned */
} Dialog;

typedef enum DialogFault
{
	DIALOG_FAULT_SERVER, /* no mail can be sent at the moment */
	DIALOG_FAULT_MAIL,	 /* this one cannot */
	DIALOG_FAULT_STALE	 /* the server has closed an idle connection: try again at once */
} DialogFault;

/* For the next mail. */
void dialog_begin(Dialog *dialog, bool reused);

/* A command that we send, but not the mail itself; lines that the server sends. */
void dialog_sent(Dialog *dialog, const char *bytes, size_t length);
void dialog_received(Dialog *dialog, const char *bytes, size_t length);

/*
 * The server has taken the mail, by the first digit of any line of its answer (RFC 5321, 4.2.1 and
 * 4.3.2), whether the answer came to its end or not.
 */
bool dialog_taken(const Dialog *dialog);

/* Who is at fault when a mail was not taken. */
DialogFault dialog_fault(const Dialog *dialog);

/* What the phase is called in an error: "connecting", "MAIL", ... */
const char *dialog_phase_name(DialogPhase phase);

#endif /* CAMPAIGN_MAILER_DIALOG_H */
