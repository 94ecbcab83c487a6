/*
 * groups.c - decides which groups of digits are one number.
 *
 * What would be glued on is refused by glued.c. A digit is dropped only where its meaning is
 * certain: the 0 of a float, a (0) behind a country code, the 0xx of Brazil. Everything else that
 * could be no part of the number refuses the field.
 */
#include "groups.h"

#include <string.h>
#include <strings.h>

#define PAIRS_MIN 3 /* groups of two, in a row, that are a way of writing numbers */
#define WHOLE_MIN 6 /* digits in front of a dot that are no group of a number in groups */

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

/* A character that is not part of a number, at `place`: what it says about the whole field. */
static bool refuse_at(const Groups *groups, const Field *field, size_t place, Number *number)
{
	const char *at = field->text + place;

	if (groups->digit_count >= NUMBER_DIGITS_MIN - 1 && is_extension_mark(at))
		(void) number_refuse(number, "digits behind the number: an extension cannot get a message");
	else if (groups->digit_count >= NUMBER_DIGITS_MIN && strchr(",;|+", *at) != NULL &&
			 strpbrk(at, "0123456789") != NULL &&
			 strspn(strpbrk(at, "0123456789"), "0123456789 ()-./") >= NUMBER_DIGITS_MIN)
		(void) number_refuse(number, REASON_ONE_A_LINE);
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
	group->bracketed =
		group->bracketed && field->text[place + strspn(field->text + place, " ")] == ')';
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
	between->dash = between->dash || c == '-';
	between->dot = between->dot || c == '.';
	between->opened = between->opened || c == '(';
	between->closed = between->closed || c == ')';
	between->bracketed = c == '(' || (c == ' ' && between->bracketed);
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
				return number_refuse(number, REASON_ONE_A_LINE) == NUMBER_VALID;
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

/* "06.12.34.56.78": pairs behind dots, which no decimal has. */
static bool ends_in_pairs(const Groups *groups)
{
	if (groups->count <= PAIRS_MIN)
		return false;
	for (size_t i = groups->count - PAIRS_MIN; i < groups->count; i++)
		if (!groups->group[i].dot || groups->group[i].length != 2)
			return false;
	return true;
}

/*
 * Whether the last group is a fraction: one digit behind a dot, or two behind so many digits that
 * nothing else is written like it.
 */
static bool ends_in_fraction(const Groups *groups)
{
	const Group *last = &groups->group[groups->count - 1];
	bool zeros;

	if (groups->count < 2 || !last->dot || last->bracketed || last->slash || last->length > 2 ||
		ends_in_pairs(groups))
		return false;
	zeros = strspn(groups->digits + last->start, "0") >= last->length;
	return last->length == 1 || zeros || last[-1].length >= WHOLE_MIN;
}

/* "5511955550101.0": one group, and behind a dot nothing but zeros. */
static bool drop_float(Groups *groups, Number *number)
{
	const Group *last = &groups->group[groups->count - 1];

	if (!ends_in_fraction(groups))
		return true;
	if (groups->count > 2 || strspn(groups->digits + last->start, "0") < last->length)
		return number_refuse(number, "ends in .%.*s: is it part of the number?", (int) last->length,
							 groups->digits + last->start) == NUMBER_VALID;
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

bool groups_drop(Groups *groups, Number *number)
{
	if (!drop_float(groups, number))
		return false;
	if (!drop_bracketed_zero(groups))
		return number_refuse(number, "a (0) that is not behind a country code with a trunk 0") ==
			   NUMBER_VALID;
	return true;
}
