/*
 * table_answer.h - what an upload of a table, and a preview of one, answer.
 */
#ifndef CAMPAIGN_TABLE_ANSWER_H
#define CAMPAIGN_TABLE_ANSWER_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "table_file.h"

/* The format of this name; an error if there is none. */
FileFormat table_format(const char *name);

/* What a number is in this country; an error if there is none such. */
void table_rules(NumberRules *rules, const char *country);

/* In UTF-8; NULL for an empty text. */
const char *table_text(text *value);

/* jsonb from JSON in UTF-8, whatever the encoding of the database is. */
Datum table_json(const StringInfoData *json);

/* Adds the members of a JSON object: counts, errors, format, columns and classes. */
void table_answer(StringInfo json, const TableFile *file);

#endif /* CAMPAIGN_TABLE_ANSWER_H */
