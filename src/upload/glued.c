/*
 * glued.c - what would be glued on; see glued.h.
 *
 * The digits alone do not tell: "3555-0101/02" is as long as a number with its area code, and
 * (51) is an area code of Brazil and the calling code of Peru. The groups do. Whatever could mean
 * two things is refused: a message to a stranger is worse than none.
 */
#include "glued.h"

#include <string.h>

#define EXTENSION_DIGITS_MAX 5
#define SLASH_FRONT_MAX		 6	/* an area code with its trunk 0 */
#define SLASH_REST_MIN		 4	/* the shortest number behind one */
#define BRACKETS_CODE_MAX	 2	/* of a longer one, an area code is like it */
#define BRACKETS_REST_MIN	 10 /* more than any area code has behind it */
#define LOCAL_MIN			 7	/* of a local number in one piece: that of the United States */
#define LOCAL_MAX			 9
#define LOCAL_END			 4 /* the second group of a local number */
#define LOCAL_REST_MAX		 3 /* and what makes it as long as one with its area code */
#define COUNTED_REST_MIN	 9 /* with its 0: more than "0123 4567" behind "04" has in Australia */
#define CALLING_GERMANY		 49
#define CALLING_ARGENTINA	 54
#define CALLING_BRAZIL		 55
#define REASON_BRACKETS                                                                            \
	"an area code in brackets: a national number needs its country (country => 'BR'), an "         \
	"international one its +"
#define REASON_COUNTER                                                                             \
	"a counter in front of the number? Leave it out, or write the number with its +"

/* The digits up to `to` as a number of its own. */
static bool is_number(const Groups *groups, const NumberRules *rules, size_t to, bool international)
{
	Number unused;

	if (to < NUMBER_DIGITS_MIN)
		return false;
	return number_resolve(rules, international ? FORM_INTERNATIONAL : FORM_BARE, groups->digits, to,
						  &unused) == NUMBER_VALID;
}

/* What is behind a complete number: another one, or an extension. */
static bool refuse_rest(const Groups *groups, size_t from, Number *number)
{
	size_t rest = groups->digit_count - from;

	if (rest > EXTENSION_DIGITS_MAX)
		(void) number_refuse(number, REASON_ONE_A_LINE);
	else
		(void) number_refuse(number,
							 "%zu digit%s behind the number: an extension cannot get a message",
							 rest, rest == 1 ? "" : "s");
	return true;
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
		   is_number(groups, rules, groups->group[i].start, international);
}

/* The calling code that is written with a + or 00, and in *end where it ends; NULL: there is none.
 */
static const CountryCode *written_code(const Groups *groups, bool international, size_t *end)
{
	size_t zeros = memcmp(groups->digits, "00", 2) == 0 ? 2 : 0;
	const CountryCode *code = NULL;

	if ((international || zeros > 0) && groups->digit_count >= NUMBER_DIGITS_MIN)
		code = country_code_find(groups->digits + zeros);
	*end = code == NULL ? 0 : zeros + code->digits;
	return code;
}

/* A slash stands behind an area code; behind anything longer, or before less, it adds a number. */
static bool slash_adds(const Groups *groups, size_t i, bool international)
{
	size_t start = groups->group[i].start;
	size_t code;

	(void) written_code(groups, international, &code);
	return groups->digit_count - start < SLASH_REST_MIN || start > code + SLASH_FRONT_MAX;
}

/*
 * Whether brackets in front may hold an area code although the digits are taken as international:
 * unless there is certainly another area code behind them, "(55) 11 95555-0101".
 */
static bool brackets_may_be_area(const Groups *groups)
{
	const Group *first = &groups->group[0];
	const CountryCode *code;

	if (groups->count < 2 || groups->digits[0] == '0' || groups->digit_count < NUMBER_DIGITS_MIN ||
		(!first->opened && !first[1].closed))
		return false;
	code = country_code_find(groups->digits);
	return code == NULL || code->digits != first->length || code->digits > BRACKETS_CODE_MAX ||
		   !first->bracketed || groups->count < 3 ||
		   groups->digit_count - first->length < BRACKETS_REST_MIN ||
		   (first[1].length != 2 && first[1].length != 3);
}

/*
 * Where the local number that begins at group `i`, without its area code, ends, if too little for
 * another one is behind it: "3555-0101 02". 0: there is no such group. `calling`: of the country
 * whose way of writing tells; 0: nobody knows.
 */
static size_t local_end(const Groups *groups, size_t i, unsigned int calling, bool international)
{
	const Group *group = &groups->group[i];
	bool brazil = calling == CALLING_BRAZIL || calling == CALLING_ARGENTINA;
	const Group *next;
	bool fits;

	/* The 9 of Brazil's mobiles, or a trunk prefix, on its own. */
	if (i + 2 < groups->count && group->length == 1)
	{
		group++;
		i++;
	}
	next = group + (group->length < LOCAL_MIN ? 2 : 1);
	if (next >= groups->group + groups->count || groups->digits[group->start] == '0' ||
		groups->digit_count - next->start > LOCAL_REST_MAX)
		return 0;
	if (group->length >= LOCAL_MIN) /* in one piece */
		fits = group->length <= LOCAL_MAX && (group->length > LOCAL_MIN || calling <= 1) &&
			   (calling <= 1 || brazil || !international);
	else if (group[1].length != LOCAL_END)
		return 0;
	else if (calling <= 1)
		fits = group->length == 3 || (calling == 0 && (group->length == 4 || group->length == 5));
	else
		fits = (group->length == 4 || group->length == 5) &&
			   (brazil || (group[1].dash && !international));
	return fits ? next->start : 0;
}

/* The same behind an area code, where the digits would be as many as with a carrier's in front. */
static size_t brazilian_end(const Groups *groups, unsigned int calling)
{
	size_t last = groups->count - 1;

	if (calling != CALLING_BRAZIL || groups->count < 4 ||
		groups->group[last].length > LOCAL_REST_MAX ||
		groups->group[last - 1].length != LOCAL_END || groups->group[last - 3].length > 3 ||
		(groups->group[last - 2].length != 4 && groups->group[last - 2].length != 5))
		return 0;
	return groups->group[last].start;
}

/* "(11) 95555-010": with the digit that is missing, it is nobody else's. */
static bool misses_a_digit(const Groups *groups, unsigned int calling)
{
	const Group *last = &groups->group[groups->count - 1];

	return calling == CALLING_BRAZIL && groups->count >= 3 && last->length == 3 &&
		   (last[-1].length == 5 || (last[-1].length == 4 && last[-2].length == 1)) &&
		   groups->digits[last->start - 5] == '9';
}

static size_t find_local_end(const Groups *groups, const NumberRules *rules, bool international)
{
	const CountryCode *home = rules->home == NULL ? NULL : &country_codes[rules->home->code];
	size_t skipped;
	const CountryCode *code = written_code(groups, international, &skipped);
	size_t end;
	size_t i = 0;

	if (code != NULL)
	{
		while (i < groups->count && groups->group[i].start < skipped)
			i++;
		end = i < groups->count && groups->group[i].start == skipped
				  ? local_end(groups, i, code->calling, true)
				  : 0;
		return end > 0 ? end : brazilian_end(groups, code->calling);
	}
	end = local_end(groups, 0, home == NULL ? 0 : home->calling, false);
	if (end == 0 && home != NULL)
		end = brazilian_end(groups, home->calling);
	if (end > 0 || groups->digit_count < NUMBER_DIGITS_MIN)
		return end;
	code = country_code_find(groups->digits);
	if (code == NULL || code->digits != groups->group[0].length || (home != NULL && home != code))
		return 0;
	return local_end(groups, 1, code->calling, false);
}

bool glued_refuse(const Groups *groups, const NumberRules *rules, bool international,
				  Number *number)
{
	const CountryCode *code;
	size_t end;

	if (!international && rules->home == NULL && brackets_may_be_area(groups))
		return number_refuse(number, REASON_BRACKETS) == NUMBER_INVALID;
	for (size_t i = 1; i < groups->count; i++)
	{
		const Group *group = &groups->group[i];

		if (begins_column(groups, rules, i, international))
			return number_refuse(number, "several columns: which of them is the number?") ==
				   NUMBER_INVALID;
		if (group->slash && slash_adds(groups, i, international))
			return refuse_rest(groups, group->start, number);
		if (group->opened &&
			(i + 1 == groups->count || is_number(groups, rules, group->start, international)))
			return refuse_rest(groups, group->start, number);
	}
	code = written_code(groups, international, &end);
	if (code == NULL && rules->home != NULL)
		code = &country_codes[rules->home->code];
	if (code != NULL && misses_a_digit(groups, code->calling))
		return number_refuse(number, "a digit is missing: nine of them begin with 9") ==
			   NUMBER_INVALID;
	end = find_local_end(groups, rules, international);
	return end > 0 && refuse_rest(groups, end, number);
}

bool glued_refuse_behind(const Groups *groups, const NumberRules *rules, bool international,
						 Number *number)
{
	for (size_t i = groups->count; i-- > 1;)
		if (is_number(groups, rules, groups->group[i].start, international))
			return refuse_rest(groups, groups->group[i].start, number);
	return false;
}

/* "3 19 3555-0101" as +31…, or "003 19 …": a group that ends within the calling code. */
static bool cuts_code(const Groups *groups, const NumberRules *rules)
{
	size_t zeros = memcmp(groups->digits, "00", 2) == 0 ? 2 : 0;
	size_t first = groups->group[0].length;
	const CountryCode *code =
		zeros > 0 || rules->home == NULL ? country_code_find(groups->digits + zeros) : NULL;

	return code != NULL && first < zeros + code->digits && (zeros == 0 || first == zeros + 1);
}

/* Whether no number of the country begins with a group like the first one. */
static bool is_no_first_group(const Groups *groups, unsigned int calling)
{
	size_t length = groups->group[0].length;
	bool zero = groups->digits[0] == '0';

	if (calling == CALLING_BRAZIL && length == 2 && zero && groups->digits[1] != '0')
		return true;
	return (calling == CALLING_BRAZIL || calling == CALLING_GERMANY) && length == 1 && !zero;
}

/* Whether what is behind the first group looks like a number with all its digits. */
static bool may_be_counted(const Groups *groups, unsigned int calling)
{
	const Group *first = &groups->group[0];

	if (first->length == 1 && groups->digits[0] != '0') /* the 9 of Argentina's mobiles */
		return calling != CALLING_ARGENTINA || groups->digits[0] != '9';
	return groups->digits[first[1].start] == '0' &&
		   (groups->digits[0] != '0' || (first->length == 2 && groups->digits[1] != '0' &&
										 groups->digit_count - first->length >= COUNTED_REST_MIN));
}

bool glued_refuse_counter(const Groups *groups, const NumberRules *rules, Number *number)
{
	unsigned int calling = rules->home == NULL ? 0 : country_codes[rules->home->code].calling;
	size_t start;
	Number rest;

	if (groups->count < 2)
		return false;
	if (cuts_code(groups, rules) || is_no_first_group(groups, calling))
		return number_refuse(number, REASON_COUNTER) == NUMBER_INVALID;
	start = groups->group[1].start;
	return rules->home != NULL && may_be_counted(groups, calling) &&
		   number_resolve(rules, FORM_BARE, groups->digits + start, groups->digit_count - start,
						  &rest) == NUMBER_VALID &&
		   rest.digits != number->digits && number_refuse(number, REASON_COUNTER) == NUMBER_INVALID;
}
