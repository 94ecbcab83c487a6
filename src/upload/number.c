/*
 * number.c - one field, one phone number, or the reason why not.
 *
 * Two paths: plain digits are resolved as they are; everything else is decoded (field.c),
 * undressed, compared with what is not a number (lookalike.c), read in groups (groups.c), and
 * refused if they would be glued on (glued.c).
 */
#include "number.h"

#include <string.h>
#include <strings.h>

#include "glued.h"
#include "groups.h"
#include "lookalike.h"

bool number_rules_set(NumberRules *rules, const char *country)
{
	int found;

	rules->home = NULL;
	if (country == NULL || country[0] == '\0' || strcasecmp(country, "none") == 0)
		return true;
	found = country_find(country);
	if (found != COUNTRY_NONE)
		rules->home = &countries[found];
	return rules->home != NULL;
}

/* Digits with or without a plus, nothing else. */
static bool is_plain(const char *field, size_t length)
{
	size_t i = *field == '+';

	if (length <= i || length > RESOLVE_DIGITS_MAX)
		return false;
	for (; i < length; i++)
		if (field[i] < '0' || field[i] > '9')
			return false;
	return true;
}

static NumberResult refuse_lookalike(const Field *field, bool brazil, Number *number)
{
	const char *name = lookalike_name(field->text + field->from, field->to - field->from, brazil);

	return name == NULL ? NUMBER_VALID
						: number_refuse(number, "%s, not possible as a phone number", name);
}

/* NUMBER_VALID: each group belongs to one number. */
static NumberResult read_groups(Groups *groups, const NumberRules *rules, bool international,
								Number *number)
{
	if (!groups_drop(groups, number))
		return NUMBER_INVALID;
	international = international || groups->plus;
	if (glued_refuse(groups, rules, international, number))
		return NUMBER_INVALID;
	if (number_resolve(rules, international ? FORM_INTERNATIONAL : FORM_BARE, groups->digits,
					   groups->digit_count, number) == NUMBER_VALID)
		return !international && glued_refuse_counter(groups, rules, number) ? NUMBER_INVALID
																			 : NUMBER_VALID;
	(void) glued_refuse_behind(groups, rules, international, number);
	return NUMBER_INVALID;
}

bool number_rules_fit_brazil(const NumberRules *rules)
{
	return rules->home == NULL || strcmp(rules->home->name, "BR") == 0;
}

static NumberResult read_dressed(const NumberRules *rules, const char *start, size_t length,
								 Number *number)
{
	Field field;
	Groups groups;
	bool brazil = number_rules_fit_brazil(rules);
	bool international;

	if (!field_decode(&field, start, length, number))
		return NUMBER_INVALID;
	international = field_undress(&field);
	if (field.from == field.to)
		return NUMBER_BLANK;
	field.text[field.to] = '\0';
	if (strpbrk(field.text + field.from, "0123456789") == NULL)
		return field_refuse_text(&field, number);
	if (refuse_lookalike(&field, brazil, number) != NUMBER_VALID ||
		!groups_read(&groups, &field, brazil, number))
		return NUMBER_INVALID;
	return read_groups(&groups, rules, international, number);
}

NumberResult number_read(const NumberRules *rules, const char *field, size_t length, Number *number)
{
	size_t plus;

	if (length == 0)
		return NUMBER_BLANK;
	if (!is_plain(field, length))
		return read_dressed(rules, field, length, number);
	plus = *field == '+';
	return number_resolve(rules, plus > 0 ? FORM_INTERNATIONAL : FORM_BARE, field + plus,
						  length - plus, number);
}
