/*
 * raise.h - how an error leaves for a client of PostgREST.
 */
#ifndef CAMPAIGN_RAISE_H
#define CAMPAIGN_RAISE_H

/*
 * Raises an error with this SQLSTATE, as MAKE_SQLSTATE() packs it. Control characters in `message`
 * are overwritten with blanks, and it is cut if it is longer than a header may be; NULL or empty
 * texts are left out. Does not return.
 */
void raise_error(int code, char *message, const char *detail, const char *hint);

#endif
