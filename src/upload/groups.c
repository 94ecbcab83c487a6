/*
 * groups.c - decides which groups of digits are one number.
 *
 * A digit is dropped only where its meaning is certain: the 0 of a float, a (0) behind a country
 * code, the 0xx of Brazil. Everything else that could be no part of the number refuses the field.
 */
#include "groups.h"

#include <string.h>
#include <strings.h>

#define EXTENSION_DIGITS_MAX 5
#define ONE_A_LINE			 "several numbers: write one number a line"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == '-' || c == '(' || c == ')' || c == '.' || c == '/';
}

/* Words and signs in front of an extension, behind a number. */
static bool is_extension_mark(const char *at)
{
	static const char *const marks[] = {"x",	 "ext", "ramal", "rm", "r.",
										"anexo", "int", "poste", "#"};

	while (*at == ' ' || *at == ';' || *at == ',')
		at++;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (strncasecmp(at, marks[i], strlen(marks[i])) == 0)
			return true;
	return false;
}

/* A character that is no part of a number, at `place`: what it says about the whole field. */
static bool refuse_at(const Groups *groups, const Field *field, size_t place, Number *number)
{
	const char *at = field->text + place;

	if (groups->digit_count >= NUMBER_DIGITS_MIN - 1 && is_extension_mark(at))
		(void) number_refuse(number, "digits behind the number: an extension cannot get a message");
	else if (groups->digit_count >= NUMBER_DIGITS_MIN && strchr(",;|+", *at) != NULL &&
			 strpbrk(at, "0123456789") != NULL &&
			 strspn(strpbrk(at, "0123456789"), "0123456789 ()-./") >= NUMBER_DIGITS_MIN)
		(void) number_refuse(number, ONE_A_LINE);
	else
		(void) field_refuse_character(field, place, number);
	return false;
}

/* Brazil's "0xx" in front of an area code: where the digits of a carrier go, which nobody means. */
static bool is_carrier_mark(const Groups *groups, const char *at, bool brazil)
{
	const Group *last = groups->count > 0 ? &groups->group[groups->count - 1] : NULL;

	if (last == NULL || last->length != 1 || groups->digits[last->start] != '0' ||
		strncasecmp(at, "xx", 2) != 0 || !(is_digit(at[2]) || at[2] == ' ' || at[2] == ')'))
		return false;
	return (brazil && groups->count == 1) ||
		   (last->start == 2 && memcmp(groups->digits, "55", 2) == 0) ||
		   (last->start == 4 && memcmp(groups->digits, "0055", 4) == 0);
}

/* Adds the digits from `place` on as a group; returns where they end. */
static size_t add_group(Groups *groups, const Field *field, size_t place, const Group *between)
{
	Group *group = &groups->group[groups->count++];

	*group = *between;
	group->start = (uint8_t) groups->digit_count;
	while (place < field->to && is_digit(field->text[place]))
	{
		if (groups->digit_count < RESOLVE_DIGITS_MAX)
			groups->digits[groups->digit_count++] = field->text[place];
		place++;
	}
	group->length = (uint8_t) (groups->digit_count - group->start);
	group->bracketed = group->bracketed && place < field->to && field->text[place] == ')';
	return place;
}

/* What a separator at `place` says about the next group. */
static void note_separator(Group *between, const Field *field, size_t place)
{
	char c = field->text[place];
	bool blank_before = place > field->from && field->text[place - 1] == ' ';

	between->tab = between->tab || c == '\t';
	between->column = between->column || (c == ' ' && blank_before);
	between->slash = between->slash || c == '/';
	between->dot = between->dot || c == '.';
	between->bracketed = c == '(';
}

bool groups_read(Groups *groups, const Field *field, bool brazil, Number *number)
{
	Group between = {0};
	size_t place = field->from;

	memset(groups, 0, sizeof(*groups));
	while (place < field->to)
	{
		const char *at = field->text + place;

		if (is_digit(*at))
		{
			if (groups->count == GROUPS_MAX || groups->digit_count == RESOLVE_DIGITS_MAX)
				return number_refuse(number, ONE_A_LINE) == NUMBER_VALID;
			place = add_group(groups, field, place, &between);
			memset(&between, 0, sizeof(between));
		}
		else if (is_separator(*at))
			note_separator(&between, field, place++);
		else if (*at == '+' && !groups->plus && groups->count == 0)
		{
			groups->plus = true;
			place++;
		}
		else if (is_carrier_mark(groups, at, brazil))
			place += 2;
		else
			return refuse_at(groups, field, place, number);
	}
	return true;
}

/* Takes group `i` out of the digits. */
static void drop_group(Groups *groups, size_t i)
{
	size_t length = groups->group[i].length;
	size_t start = groups->group[i].start;

	memmove(groups->digits + start, groups->digits + start + length,
			groups->digit_count - start - length);
	groups->digit_count -= length;
	groups->digits[groups->digit_count] = '\0';
	memmove(&groups->group[i], &groups->group[i + 1], (groups->count - i - 1) * sizeof(Group));
	groups->count--;
	for (; i < groups->count; i++)
		groups->group[i].start = (uint8_t) (groups->group[i].start - length);
}

/* "5511955550101.0": one group, and behind a dot nothing but zeros. */
static bool drop_float(Groups *groups)
{
	const Group *last = &groups->group[groups->count - 1];

	if (groups->count < 2 || !last->dot || last->bracketed || last->slash || last->length > 2 ||
		strspn(groups->digits + last->start, "0") < last->length)
		return true;
	if (groups->count > 2)
		return false;
	drop_group(groups, 1);
	return true;
}

/* "+44 (0)20…": right behind a calling code whose trunk prefix is 0. False: somewhere else. */
static bool drop_bracketed_zero(Groups *groups)
{
	for (size_t i = 1; i < groups->count; i++)
	{
		const Group *group = &groups->group[i];
		const CountryCode *code;
		size_t skipped = groups->digits[0] == '0' && groups->digits[1] == '0' ? 2 : 0;

		if (!group->bracketed || group->length != 1 || groups->digits[group->start] != '0')
			continue;
		if (groups->digit_count < NUMBER_DIGITS_MIN)
			return false;
		code = country_code_find(groups->digits + skipped);
		if (code == NULL || group->start != skipped + code->digits || !country_drops_zero(code))
			return false;
		drop_group(groups, i);
	}
	return true;
}

/* Digits `from` to `to` as a number of its own. */
static bool is_number(const Groups *groups, const NumberRules *rules, size_t from, size_t to,
					  bool international)
{
	Number unused;

	if (to - from < NUMBER_DIGITS_MIN)
		return false;
	return number_resolve(rules, international && from == 0 ? FORM_INTERNATIONAL : FORM_BARE,
						  groups->digits + from, to - from, 0, &unused) == NUMBER_VALID;
}

/* What is behind a complete number: another one, or an extension. */
static NumberResult refuse_rest(const Groups *groups, size_t from, Number *number)
{
	size_t rest = groups->digit_count - from;

	if (rest > EXTENSION_DIGITS_MAX)
		return number_refuse(number, ONE_A_LINE);
	return number_refuse(number, "%zu digit%s behind the number: an extension cannot get a message",
						 rest, rest == 1 ? "" : "s");
}

/*
 * Whether something in front of group `i` begins another column: a tab always; more blanks than
 * one unless the number is only complete behind them, and nothing else separates groups.
 */
static bool begins_column(const Groups *groups, const NumberRules *rules, size_t i,
						  bool international)
{
	size_t columns = 0;

	if (groups->group[i].tab || !groups->group[i].column)
		return groups->group[i].tab;
	for (size_t other = 1; other < groups->count; other++)
		columns += groups->group[other].column;
	return (!international && (columns == 1 || columns + 1 < groups->count)) ||
		   is_number(groups, rules, 0, groups->group[i].start, international);
}

/* Columns, brackets and slashes that would glue something on. NUMBER_VALID: there are none. */
static NumberResult check_groups(const Groups *groups, const NumberRules *rules, bool international,
								 Number *number)
{
	for (size_t i = 1; i < groups->count; i++)
	{
		const Group *group = &groups->group[i];

		if (begins_column(groups, rules, i, international))
			return number_refuse(number, "several columns: which of them is the number?");
		if (group->slash && is_number(groups, rules, 0, group->start, international))
			return refuse_rest(groups, group->start, number);
		if (group->bracketed && i + 1 == groups->count)
			return refuse_rest(groups, group->start, number);
	}
	return NUMBER_VALID;
}

NumberResult groups_number(Groups *groups, const NumberRules *rules, bool international,
						   Number *number)
{
	NumberForm form = FORM_INTERNATIONAL;
	size_t bracketed = 0;

	if (!drop_float(groups))
		return number_refuse(number, "ends in .0: is it part of the number?");
	international = international || groups->plus;
	if (!drop_bracketed_zero(groups))
		return number_refuse(number, "a (0) that is not behind a country code with a trunk 0");
	if (check_groups(groups, rules, international, number) != NUMBER_VALID)
		return NUMBER_INVALID;
	if (!international && groups->group[0].bracketed && groups->count > 1)
		bracketed = groups->group[0].length;
	if (!international)
		form = bracketed > 0 ? FORM_CALLING_CODE : FORM_BARE;
	if (number_resolve(rules, form, groups->digits, groups->digit_count, bracketed, number) ==
		NUMBER_VALID)
		return NUMBER_VALID;
	for (size_t i = groups->count; i-- > 1;)
		if (is_number(groups, rules, 0, groups->group[i].start, international))
			return refuse_rest(groups, groups->group[i].start, number);
	return NUMBER_INVALID;
}
