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

#endif /* CAMPAIGN_GLUED_H */
