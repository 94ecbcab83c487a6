/*
 * watched.c - the campaigns that were told of; see watched.h.
 */
#include "watched.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Lower-case letters and digits: nothing that would have to be quoted in an array. */
static size_t id_length(const char *text)
{
	size_t length = 0;

	while (islower((unsigned char) text[length]) || isdigit((unsigned char) text[length]))
		length++;
	return length;
}

void watched_add(Watched *watched, const char *id)
{
	size_t length = id_length(id);

	if (length == 0 || length >= WATCHED_ID_SIZE || id[length] != '\0')
		return;
	for (size_t i = watched->count; i > 0; i--)
	{
		if (strcmp(watched->ids[i - 1], id) == 0)
			return;
	}
	if (watched->count == WATCHED_MAX)
		memmove(watched->ids[0], watched->ids[1], sizeof(watched->ids[0]) * --watched->count);
	memcpy(watched->ids[watched->count++], id, length + 1);
}

bool watched_hear(Watched *watched, const char *payload)
{
	/* As jsonb writes it; nothing else in it is a text of anybody's. */
	static const char before[] = "\"id\": \"";
	const char *id = strstr(payload, before);
	char copy[WATCHED_ID_SIZE];
	size_t length;

	if (id == NULL)
		return false;
	id += sizeof(before) - 1;
	length = strcspn(id, "\"");
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, id, length);
	copy[length] = '\0';
	watched_add(watched, copy);
	return true;
}

void watched_array(const Watched *watched, char *out)
{
	*out++ = '{';
	for (size_t i = 0; i < watched->count; i++)
		out += sprintf(out, "%s%s", i > 0 ? "," : "", watched->ids[i]);
	*out++ = '}';
	*out = '\0';
}
