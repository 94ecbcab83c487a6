/*
 * groups.h - the digits of a field in the groups in which they are written.
 *
 * The groups tell what the digits alone do not: a column, an extension, a second number.
 */
#ifndef CAMPAIGN_GROUPS_H
#define CAMPAIGN_GROUPS_H

#include "field.h"
#include "resolve.h"

#define GROUPS_MAX 32

#define REASON_ONE_A_LINE "several numbers: write one number a line"

/* What stands in front of a group. */
typedef struct Group
{
	uint8_t start; /* in `digits` */
	uint8_t length;
	bool tab;
	bool column; /* more than one blank in a row */
	bool slash;
	bool dash;
	bool dot;
	bool opened;	/* a bracket */
	bool closed;	/* a bracket */
	bool bracketed; /* it is all that its brackets hold */
} Group;

typedef struct Groups
{
	bool plus;
	char digits[RESOLVE_DIGITS_MAX + 1]; /* with a NUL */
	size_t digit_count;
	Group group[GROUPS_MAX];
	size_t count;
} Groups;

/*
 * Reads the groups of an undressed field. False with the reason in `number` if something else
 * is in it. `brazil`: a number that begins with 0xx is one of Brazil.
 */
bool groups_read(Groups *groups, const Field *field, bool brazil, Number *number);

/* Drops what is certainly no part of the number. False with the reason: that is not certain. */
bool groups_drop(Groups *groups, Number *number);

#endif /* CAMPAIGN_GROUPS_H */
