/*
 * attributes.h - a recipient's attributes as they travel.
 */
#ifndef CAMPAIGN_PUBLISH_ATTRIBUTES_H
#define CAMPAIGN_PUBLISH_ATTRIBUTES_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Canonical JSON (contract/attributes.h) in UTF-8, palloc'd; an error if they cannot travel. */
char *attributes_canonical(Jsonb *attributes);

#endif /* CAMPAIGN_PUBLISH_ATTRIBUTES_H */
