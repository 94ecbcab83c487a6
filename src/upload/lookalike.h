/*
 * lookalike.h - what people put into the column of numbers by mistake, in its own punctuation.
 */
#ifndef CAMPAIGN_LOOKALIKE_H
#define CAMPAIGN_LOOKALIKE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * "CPF", "CNPJ", "CEP", "date", or the words for a number that a spreadsheet has rounded; NULL: it
 * is written like none of them. `brazil`: whether five digits, a dash and three more are a CEP.
 */
const char *lookalike_name(const char *text, size_t length, bool brazil);

#endif /* CAMPAIGN_LOOKALIKE_H */
