/*
 * json.h - a look as one line of JSON.
 */
#ifndef CAMPAIGN_MONITOR_JSON_H
#define CAMPAIGN_MONITOR_JSON_H

#include <stdio.h>

#include "contract/error.h"
#include "model.h"

/* {"at": …, "total": …, "campaigns": […], "senders": […]}; docs/monitor.md has every key. */
void json_write(const Model *model, FILE *out);

/* {"error": …} */
void json_write_error(const Error *error, FILE *out);

#endif /* CAMPAIGN_MONITOR_JSON_H */
