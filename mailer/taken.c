/*
 * taken.c - a short list; see taken.h.
 */
#include "taken.h"

#include <stdio.h>
#include <string.h>

/* The place of a mail in the list; TAKEN_MAX: it is not there. */
static unsigned find(const Taken *taken, const char *id)
{
	unsigned place = 0;

	while (place < TAKEN_MAX && strcmp(taken->mails[place].id, id) != 0)
		place++;
	return place;
}

void taken_remember(Taken *taken, const char *id, const char *answer)
{
	TakenMail *mail = &taken->mails[taken->next];

	/* Once more not told: `answer` may be the one in the list. */
	if (find(taken, id) < TAKEN_MAX)
		return;
	snprintf(mail->id, sizeof(mail->id), "%s", id);
	snprintf(mail->answer, sizeof(mail->answer), "%s", answer);
	taken->next = (taken->next + 1) % TAKEN_MAX;
}

const char *taken_answer(const Taken *taken, const char *id)
{
	unsigned place = find(taken, id);

	return place < TAKEN_MAX && *id != '\0' ? taken->mails[place].answer : NULL;
}

void taken_forget(Taken *taken, const char *id)
{
	unsigned place = find(taken, id);

	if (place < TAKEN_MAX)
		taken->mails[place] = (TakenMail){0};
}
