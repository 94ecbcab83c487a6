/*
 * glued.h - refuses what would be glued on: an extension, a second number, another column, or an
 * area code that is taken for a calling code.
 */
#ifndef CAMPAIGN_GLUED_H
#define CAMPAIGN_GLUED_H

#include "groups.h"

/* True, with the reason: some group is certainly, or may be, no part of the number. */
bool glued_refuse(const Groups *groups, const NumberRules *rules, bool international,
				  Number *number);

/* The same of a field that is no number: true if it is one without its last groups. */
bool glued_refuse_behind(const Groups *groups, const NumberRules *rules, bool international,
						 Number *number);

/*
 * The same of a number that was read from bare digits, and of the counter of a list in front of
 * it, "1 19 3555-0101": true if it may be one.
 */
bool glued_refuse_counter(const Groups *groups, const NumberRules *rules, Number *number);

#endif /* CAMPAIGN_GLUED_H */
