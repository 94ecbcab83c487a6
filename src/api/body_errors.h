/*
 * body_errors.h - why the body of a request is refused, as PostgREST's statuses, and how long it
 * may be.
 */
#ifndef CAMPAIGN_BODY_ERRORS_H
#define CAMPAIGN_BODY_ERRORS_H

#include "postgres.h"

#define BODY_MALFORMED	  MAKE_SQLSTATE('P', 'T', '4', '0', '0')
#define BODY_TOO_LARGE	  MAKE_SQLSTATE('P', 'T', '4', '1', '3')
#define BODY_UNACCEPTABLE MAKE_SQLSTATE('P', 'T', '4', '2', '2')

/* Bytes of a body without its numbers or its file: as of any other request. */
#define BODY_FIELDS_MAX ((size_t) 1024 * 1024)

#endif
