/*
 * address.c - the check of an address; see address.h.
 *
 * Must never let through a character that SMTP or a mail's header gives a meaning.
 */
#include "address.h"

#include <ctype.h>
#include <string.h>

#include "contract/utf8.h"

#define LOCAL_MAX 64 /* bytes: RFC 5321, 4.5.3.1.1 */

/* RFC 5322's atext without letters and digits, and the dot between atoms. */
static const char LOCAL_SIGNS[] = "!#$%&'*+-/=?^_`{|}~.";
static const char DOMAIN_SIGNS[] = "-._";

static bool refuse(Error *error, const char *why)
{
	return error_set(error, ERROR_PROTOCOL, "the address %s", why);
}

/* One part of the address, up to `end`. */
static bool check_part(const char *at, const char *end, const char *signs, Error *error)
{
	if (at == end)
		return refuse(error, "has nothing before or after its @");
	while (at < end)
	{
		uint32_t character = utf8_next(&at);

		if (character == UTF8_WRONG)
			return refuse(error, "is not UTF-8");
		if (utf8_is_control(character))
			return refuse(error, "has a control character");
		if (character < 0x80 && !isalnum((int) character) && strchr(signs, (int) character) == NULL)
			return refuse(error, "has a character that is only allowed in quotes");
	}
	return true;
}

bool address_check(const char *address, Error *error)
{
	const char *at = strrchr(address, '@');
	const char *end = address + strlen(address);

	if (end - address > ADDRESS_MAX)
		return refuse(error, "is longer than 254 bytes");
	if (at == NULL)
		return refuse(error, "has no @");
	if (at - address > LOCAL_MAX)
		return refuse(error, "has more than 64 bytes before its @");
	return check_part(address, at, LOCAL_SIGNS, error) &&
		   check_part(at + 1, end, DOMAIN_SIGNS, error);
}

bool address_is_ascii(const char *address)
{
	for (; *address != '\0'; address++)
	{
		if ((unsigned char) *address >= 0x80)
			return false;
	}
	return true;
}

const char *address_domain(const char *address)
{
	return strrchr(address, '@') + 1;
}
