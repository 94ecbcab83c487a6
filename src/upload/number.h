/*
 * number.h - reads one field as one phone number: a line of a plain list, or a cell of a table.
 *
 * Pure: no PostgreSQL header, no allocation. What is certain is understood, whatever dress it
 * comes in; what is not is refused with a reason, and never stored as another number.
 */
#ifndef CAMPAIGN_NUMBER_H
#define CAMPAIGN_NUMBER_H

#include "number_types.h"

/* "BR", "55" or "+55"; NULL, "" and "none": no country. False, and no country: there is none such.
 */
bool number_rules_set(NumberRules *rules, const char *country);

/* Whether they may be numbers of Brazil, whose documents and postcodes are known by their dress. */
bool number_rules_fit_brazil(const NumberRules *rules);

/*
 * One field of `length` bytes, UTF-8. Taken off: blanks, quotes, the apostrophe and ="…" of
 * spreadsheets, empty columns behind it, tel: and sms:, what WhatsApp puts behind a number, the
 * trunk 0 behind a country code, and a final ".0". Columns in a reason are characters of the
 * field, from 1. `line` is left as it is.
 */
NumberResult number_read(const NumberRules *rules, const char *field, size_t length,
						 Number *number);

#endif /* CAMPAIGN_NUMBER_H */
