/*
 * bare.c - bare digits: a national number, or one with its calling code; see bare.h.
 *
 * Lengths alone do not tell 49 30 1234567, Berlin behind the code of Germany, from 04930 1234567:
 * the two digits at the beginning have to be those of such a number, too, and where both readings
 * are left, nobody can tell.
 */
#include "bare.h"

#include <string.h>

#define BARE_DIGITS_MAX	 12 /* of a national number without its trunk 0 */
#define LOCAL_DIGITS_MAX 9
#define MOBILE_MIN		 9		/* where mobiles have any length: longer than most local numbers */
#define ANY_LENGTH		 0x0780 /* seven to ten digits */

typedef enum Kind
{
	KIND_NONE,
	KIND_FIXED,
	KIND_MOBILE
} Kind;

/* What a national number of these digits is, by their number and the first two of them. */
static Kind kind_of(const Country *country, const char *digits, size_t count)
{
	const CountryStarts *starts = &country_starts[country->code];
	bool is_mobile = country_length_is_possible(country->mobile, count);

	/* Its area codes are all known, and looked at afterwards. */
	if (country_codes[country->code].calling == COUNTRY_CODE_NANP)
		return is_mobile ? KIND_MOBILE : KIND_NONE;
	if (is_mobile && country_starts_with(starts->mobile, digits))
		return KIND_MOBILE;
	return country_length_is_possible(country->lengths, count) &&
				   country_starts_with(starts->fixed, digits)
			   ? KIND_FIXED
			   : KIND_NONE;
}

static bool has_trunk_zero(const Country *country)
{
	return strcmp(country->trunk, "0") == 0;
}

/*
 * Whether mobiles have any length, from that of a number without its area code on, as in Austria
 * and Finland: then it says nothing about a trunk 0 that is missing.
 */
static bool has_any_length(const Country *country)
{
	return has_trunk_zero(country) && (country->mobile & ANY_LENGTH) == ANY_LENGTH;
}

bool bare_length_is_possible(const Country *home, const char *digits, size_t count)
{
	/* Where a trunk 0 is usual and missing (spreadsheets drop it), only as long as a mobile: what
	 * is longer or shorter may be anything. */
	if (has_trunk_zero(home))
		return digits[0] != '0' && count <= BARE_DIGITS_MAX &&
			   country_length_is_possible(home->mobile, count);
	return country_length_is_possible(home->lengths, count);
}

/* What is behind the country's own calling code. */
static Kind kind_behind_code(const Country *home, const char *digits, size_t count)
{
	const CountryCode *code = &country_codes[home->code];
	const char *rest = digits + code->digits;
	size_t zero;

	if (count < NUMBER_DIGITS_MIN || digits[0] == '0' || country_code_find(digits) != code)
		return KIND_NONE;
	zero = *rest == '0' && has_trunk_zero(home);
	return kind_of(home, rest + zero, count - code->digits - zero);
}

/*
 * Whether bare digits that are no national number are one with its calling code: as long as a
 * mobile behind it, or too long for anything else.
 */
static bool begins_with_own_code(const Country *home, const char *digits, size_t count)
{
	const CountryCode *code = &country_codes[home->code];

	return kind_behind_code(home, digits, count) != KIND_NONE &&
		   (country_length_is_possible(home->mobile, count - code->digits) ||
			(count > NUMBER_DIGITS_MAX || home->lengths >> count == 0));
}

/* A mobile of another country, whose calling code the digits begin with. */
static bool is_mobile_abroad(const Country *home, const char *digits, size_t count)
{
	const CountryCode *code = country_code_find(digits);

	return code != NULL && code != &country_codes[home->code] && count > code->digits + 2U &&
		   kind_of(&countries[code->first_country], digits + code->digits, count - code->digits) ==
			   KIND_MOBILE;
}

BareReading bare_read(const Country *home, const char *digits, size_t count)
{
	Kind as_it_is = KIND_NONE;
	Kind behind_code;

	if (count < COUNTRY_CODE_DIGITS)
		return BARE_NEITHER;
	if (bare_length_is_possible(home, digits, count))
		as_it_is = kind_of(home, digits, count);
	if (as_it_is == KIND_NONE)
		return begins_with_own_code(home, digits, count) ? BARE_OWN_CODE : BARE_NEITHER;
	behind_code = kind_behind_code(home, digits, count);
	/* Who sends messages means a mobile. */
	if (behind_code == KIND_MOBILE && as_it_is == KIND_FIXED)
		return BARE_OWN_CODE;
	if (behind_code != KIND_NONE)
		return BARE_BOTH;
	if (as_it_is == KIND_FIXED && has_trunk_zero(home) && is_mobile_abroad(home, digits, count))
		return BARE_ABROAD;
	return has_any_length(home) && (as_it_is == KIND_FIXED || count < MOBILE_MIN) ? BARE_NO_ZERO
																				  : BARE_NATIONAL;
}

bool bare_is_own_code(const Country *home, const char *digits, size_t count)
{
	return kind_behind_code(home, digits, count) == KIND_MOBILE &&
		   kind_of(home, digits, count) != KIND_MOBILE;
}

bool bare_may_be_local(const Country *home, size_t count)
{
	return count >= LOCAL_DIGITS_MIN && count <= LOCAL_DIGITS_MAX &&
		   (home == NULL || has_any_length(home) ||
			!country_length_is_possible(home->mobile, count));
}
