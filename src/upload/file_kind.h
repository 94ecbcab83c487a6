/*
 * file_kind.h - files that hold no text of numbers, recognised by their first bytes.
 */
#ifndef CAMPAIGN_FILE_KIND_H
#define CAMPAIGN_FILE_KIND_H

#include <stddef.h>

/* What the file is and what to do with it, for a person; NULL: it may be text. */
const char *file_kind_problem(const char *data, size_t length);

#endif /* CAMPAIGN_FILE_KIND_H */
