/*
 * lines.h - the monitor without a terminal: lines of text or of JSON on standard output.
 */
#ifndef CAMPAIGN_MONITOR_LINES_H
#define CAMPAIGN_MONITOR_LINES_H

#include "config.h"
#include "contract/error.h"
#include "reader.h"

/*
 * Writes every look, until a signal comes or whoever reads it has gone; with `once` one look. False
 * and *error if that look failed (ERROR_CONFIG: there is no such campaign).
 */
bool lines_run(const Config *config, Reader *reader, Error *error);

#endif /* CAMPAIGN_MONITOR_LINES_H */
