/*
 * screen.h - the monitor on a terminal.
 */
#ifndef CAMPAIGN_MONITOR_SCREEN_H
#define CAMPAIGN_MONITOR_SCREEN_H

#include "config.h"
#include "contract/error.h"
#include "reader.h"

/*
 * Shows the reader's news and takes keys, until somebody quits or a signal comes; `resized` is what
 * signals_setup() returned. False and *error if the terminal cannot be used. The terminal is as
 * before when it returns.
 */
bool screen_run(const Config *config, Reader *reader, int resized, Error *error);

#endif /* CAMPAIGN_MONITOR_SCREEN_H */
