/*
 * resolve.h - from the digits of a field to a number in E.164, by the plans of the world.
 */
#ifndef CAMPAIGN_RESOLVE_H
#define CAMPAIGN_RESOLVE_H

#include "number_types.h"

/* Digits looked at; with more of them, it is certain that no number is meant. */
#define RESOLVE_DIGITS_MAX 64

/* What number_read() has seen in front of the digits. */
typedef enum NumberForm
{
	FORM_BARE,		   /* national or international: the rules decide */
	FORM_INTERNATIONAL /* a +, or an address of WhatsApp */
} NumberForm;

/* Fills `number`, with digits or with a reason; NUMBER_VALID or NUMBER_INVALID. */
NumberResult number_resolve(const NumberRules *rules, NumberForm form, const char *digits,
							size_t count, Number *number);

/*
 * The short way, of most lines: text, text_length, digits and assumed are set, from 8 to 15 digits
 * of which the first is not 0. True, and `country` is set: it is a number as it is. False: ask
 * number_resolve().
 */
bool number_resolve_plain(Number *number);

/* Writes the reason and returns NUMBER_INVALID. */
NumberResult number_refuse(Number *number, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* CAMPAIGN_RESOLVE_H */
