/*
 * plain.h - a look as lines of text, one for each campaign: for logs, pipes and terminals that can
 * do nothing.
 */
#ifndef CAMPAIGN_MONITOR_PLAIN_H
#define CAMPAIGN_MONITOR_PLAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "model.h"

/* utf8: false makes question marks of everything that is not ASCII. */
void plain_write(const Model *model, bool utf8, FILE *out);

#endif /* CAMPAIGN_MONITOR_PLAIN_H */
