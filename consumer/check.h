/*
 * check.h - `--check`: tries all three connections and prints a line each.
 */
#ifndef CAMPAIGN_CONSUMER_CHECK_H
#define CAMPAIGN_CONSUMER_CHECK_H

#include "config.h"
#include "contract/broker.h"
#include "contract/error.h"

/*
 * Prints to standard output, without passwords. ERROR_NONE if all is well,
 * ERROR_UNREACHABLE if a server is away, else the last error.
 */
ErrorCode check_all(const Config *config, const BrokerUrl *url);

#endif /* CAMPAIGN_CONSUMER_CHECK_H */
