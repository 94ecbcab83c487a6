/*
 * address.h - whether a text may stand in RCPT TO and in a header as an address.
 *
 * The last look before it leaves: whatever let it into the database.
 */
#ifndef CAMPAIGN_MAILER_ADDRESS_H
#define CAMPAIGN_MAILER_ADDRESS_H

#include <stdbool.h>

#include "contract/error.h"

#define ADDRESS_MAX 254 /* bytes: RFC 5321, 4.5.3.1.3, without the brackets */

/*
 * True if it is local@domain, without quotes, comments, blanks, control characters
 * or anything else that could end the address or begin another line. Letters
 * beyond ASCII are fine (RFC 6531). Else *error, which does not repeat it.
 */
bool address_check(const char *address, Error *error);

/* All of it is ASCII, so that it needs no SMTPUTF8. */
bool address_is_ascii(const char *address);

/* What stands behind the '@' of an address that passed. */
const char *address_domain(const char *address);

#endif /* CAMPAIGN_MAILER_ADDRESS_H */
