/*
 * http_template_load.h - reads a template from its file.
 */
#ifndef CAMPAIGN_CONSUMER_HTTP_TEMPLATE_LOAD_H
#define CAMPAIGN_CONSUMER_HTTP_TEMPLATE_LOAD_H

#include "contract/error.h"
#include "http_template.h"

/*
 * Reads a template and its secrets, which stand in files of their own, by paths from
 * the template's folder. NULL and *error (ERROR_CONFIG, ERROR_MEMORY): one line
 * with file and line, without any secret.
 */
HttpTemplate *http_template_load(const char *path, Error *error);

#endif /* CAMPAIGN_CONSUMER_HTTP_TEMPLATE_LOAD_H */
