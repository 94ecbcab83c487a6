/*
 * test_national_numbers.c - numbers without their country: what completes them, and what they are
 * taken for (R6.2, R6.3).
 *
 * links: src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c src/upload/characters.c
 * links: src/upload/resolve.c src/upload/lookalike.c src/upload/countries.c
 * links: src/upload/country_table.c
 */
#include "number_probe.h"

static void test_national_numbers_are_completed(void **state)
{
	static const Expected brazil[] = {
		{"51 95555-0101", "+5551955550101"},
		{"(81) 95555-0103", "+5581955550103"},
		{"11955550104", "+5511955550104"},
		{"1195550104", "+551195550104"}, /* the old eight digits stay */
		{"011 95555-0104", "+5511955550104"},
		{"(0xx11) 95555-0104", "+5511955550104"},
		{"0 15 11 95555-0104", "+5511955550104"},
		{"55 95555-0101", "+5555955550101"}, /* an area code, not the calling code */
		{"5511955550101", "+5511955550101"},
		{"+351 912 345 678", "+351912345678"},
		{"00351912345678", "+351912345678"},
		{"351912345678", "not possible in BR"},
		{"95555-0101", "area code"},
		{"5555-0101", "area code"},
		{"11 85555-0101", "not possible in BR"},
		{"10 95555-0101", "not possible in BR"},
		{"(1) 212 555 0101", "not possible in BR"},
	};
	static const Expected germany[] = {
		{"0151 12345678", "+4915112345678"},	 {"15112345678", "+4915112345678"},
		{"4915112345678", "+4915112345678"},	 {"030/5550 0103", "+493055500103"},
		{"5511955550101", "not possible in DE"}, {"0 12345", "not possible"},
		{"0 123456789012345", "not possible"}, /* fifteen digits and +49 are too many */
		{"0 1234567890123", "+491234567890123"},
	};
	static const Expected america[] = {
		{"(212) 555-0101", "+12125550101"},			{"1-212-555-0101", "+12125550101"},
		{"011 55 11 95555 0101", "+5511955550101"}, {"(195) 555-0101", "no area code 195"},
		{"555-0101", "not possible in US"},
	};
	static const Expected russia[] = {
		{"8 912 345-67-89", "+79123456789"},
		{"7 912 345-67-89", "+79123456789"},
		{"912 345-67-89", "+79123456789"},
	};
	static const Expected italy[] = {
		{"06 1234 5678", "+390612345678"},
		{"347 123 4567", "+393471234567"},
		{"39 347 123 4567", "+393471234567"},
	};

	(void) state;
	expect("BR", brazil, COUNT(brazil));
	expect("55", brazil, COUNT(brazil));
	expect("DE", germany, COUNT(germany));
	expect("us", america, COUNT(america));
	expect("RU", russia, COUNT(russia));
	expect("IT", italy, COUNT(italy));
}

/* The lengths alone fit twice: the digits in front tell, or nobody. */
static void test_bare_numbers_that_could_be_two_things(void **state)
{
	static const Expected germany[] = {
		{"49 30 1234567", "Write the +"},		{"49 89 123456", "Write the +"},
		{"33612345678", "one of +33"},			{"32470123456", "one of +32"},
		{"447700900102", "not possible in DE"}, {"49 30 12345678", "+493012345678"},
		{"49 151 1234567", "+491511234567"},	{"1601234567", "+491601234567"},
		{"30 5550 0103", "+493055500103"},		{"049 151 12345678", "Write the +"},
		{"04930 1234567", "+4949301234567"},
	};
	static const Expected brazil[] = {
		{"56912345678", "not possible in BR"},
		{"(56) 91234-5678", "not possible in BR"},
		{"056 91234-5678", "not possible in BR"},
		{"598 99 123 456", "not possible in BR"},
		{"52998224725", "CPF"},
		{"51987654321", "+5551987654321"},
		{"55 11 3555-0101", "+551135550101"},
	};
	static const Expected italy[] = {
		{"39 06 123456", "Write the +"},		{"33612345678", "not possible in IT"},
		{"447700900102", "not possible in IT"}, {"39 06 12345678", "+390612345678"},
		{"0347 1234567", "Write the +"},		{"01234567890", "Write the +"},
	};
	static const Expected argentina[] = {
		{"15 5555-0101", "not possible in AR"},	  {"56912345678", "not possible in AR"},
		{"11 5555-0101", "+541155550101"},		  {"9 11 5555-0101", "+5491155550101"},
		{"261 15 234 567", "not possible in AR"}, {"23-12345678-9", "CUIT"},
		{"23123456789", "not possible in AR"},
	};
	/* Mobiles of any length: without its 0, a number may lack its area code, too. */
	static const Expected austria[] = {
		{"43 1 5550101", "Write the +"},
		{"43 664 1234567", "+436641234567"},
		{"5550101", "without its area code or its 0"},
		{"6645555", "without its area code or its 0"},
		{"3165550101", "without its area code or its 0"},
		{"6645550101", "+436645550101"},
		{"0664 5550101", "+436645550101"},
		{"0316 5550101", "+433165550101"},
	};
	static const Expected finland[] = {
		{"5550101", "without its area code or its 0"},
		{"4012345", "without its area code or its 0"},
		{"401234567", "+358401234567"},
		{"09 5550101", "+35895550101"},
	};
	static const Expected india[] = {
		{"91 98765 4321", "not possible in IN"},
		{"91 98765 43210", "+919876543210"},
	};
	static const Expected portugal[] = {
		{"612345678", "not possible in PT"},
		{"912345678", "+351912345678"},
	};

	(void) state;
	expect("DE", germany, COUNT(germany));
	expect("BR", brazil, COUNT(brazil));
	expect("IT", italy, COUNT(italy));
	expect("AR", argentina, COUNT(argentina));
	expect("AT", austria, COUNT(austria));
	expect("FI", finland, COUNT(finland));
	expect("PT", portugal, COUNT(portugal));
	expect("IN", india, COUNT(india));
}

static void test_national_numbers_need_a_country(void **state)
{
	static const Expected fields[] = {
		{"011 95555-0104", "needs its country"},
		{"(11) 95555-0104", "needs its country"},
		{"(0xx11) 95555-0104", "needs its country"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
	expect("none", fields, COUNT(fields));
}

static void expect_country(const char *rules_country, const char *field, const char *country,
						   bool assumed)
{
	NumberRules rules;
	Number number;

	assert_true(number_rules_set(&rules, rules_country));
	assert_int_equal(read_copy(&rules, field, &number), NUMBER_VALID);
	assert_string_equal(number.country == COUNTRY_NONE ? "" : countries[number.country].name,
						country);
	assert_int_equal(number.assumed, assumed);
}

static void test_whose_number_it_is(void **state)
{
	(void) state;
	expect_country(NULL, "+5511955550101", "BR", false);
	expect_country(NULL, "005511955550101", "BR", false);
	expect_country(NULL, "5511955550101@c.us", "BR", false);
	expect_country(NULL, "5511955550101", "BR", true);
	expect_country(NULL, "55 11 95555-0101", "BR", true);
	expect_country("BR", "11955550101", "BR", false);
	expect_country("BR", "5511955550101", "BR", false);
	expect_country("BR", "+12125550101", "US", false);
	expect_country(NULL, "+14165550101", "CA", false);
	expect_country(NULL, "+17875550101", "PR", false);
	expect_country(NULL, "+15555550101", "", false);
	expect_country("CA", "212 555 0101", "US", false);
	expect_country(NULL, "+77012345678", "KZ", false);
	expect_country(NULL, "+79123456789", "RU", false);
	expect_country(NULL, "+441481960194", "GG", false);
	expect_country(NULL, "+870123456789", "+870", false);
}

static void test_names_of_countries(void **state)
{
	NumberRules rules;
	Number number;

	(void) state;
	assert_true(number_rules_set(&rules, "+55"));
	assert_string_equal(rules.home->name, "BR");
	assert_true(number_rules_set(&rules, "1"));
	assert_string_equal(rules.home->name, "US");
	assert_true(number_rules_set(&rules, ""));
	assert_null(rules.home);
	assert_false(number_rules_set(&rules, "XX"));
	assert_null(rules.home);
	assert_false(number_rules_set(&rules, "999"));
	assert_false(number_rules_set(&rules, "Brazil"));
	assert_int_equal(read_copy(&rules, "5511955550101", &number), NUMBER_VALID);
}

/* Whoever sets nothing assumes nothing. */
static void test_rules_of_zeros(void **state)
{
	const NumberRules rules = {0};
	Number number;

	(void) state;
	assert_int_equal(read_copy(&rules, "(212) 555-0101", &number), NUMBER_INVALID);
	assert_int_equal(read_copy(&rules, "5511955550101", &number), NUMBER_VALID);
	assert_true(number.assumed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_national_numbers_are_completed),
		cmocka_unit_test(test_bare_numbers_that_could_be_two_things),
		cmocka_unit_test(test_national_numbers_need_a_country),
		cmocka_unit_test(test_whose_number_it_is),
		cmocka_unit_test(test_names_of_countries),
		cmocka_unit_test(test_rules_of_zeros),
	};

	return cmocka_run_group_tests_name("national numbers (R6.2, R6.3)", tests, NULL, NULL);
}
