/*
 * test_glued.c - digits that are no part of the number are refused, also where together they are as
 * long as one, and an area code in brackets is no calling code (R6.1).
 *
 * links: src/upload/number.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/field.c
 * links: src/upload/characters.c src/upload/resolve.c src/upload/lookalike.c
 * links: src/upload/countries.c src/upload/country_table.c
 */
#include "number_probe.h"

/* Area codes of Brazil that are calling codes of countries with nine digits behind them. */
static void test_area_codes_in_brackets(void **state)
{
	static const Expected fields[] = {
		{"(51) 98765-4321", "needs its country"},	{"(84) 98765-4321", "needs its country"},
		{"(66)98765-4321", "needs its country"},	{"(61) 9 8765-4321", "needs its country"},
		{"(31) 98 765 43 21", "needs its country"}, {"( 81 ) 98765-4321", "needs its country"},
		{"81) 98765-4321", "needs its country"},	{"(51 98765-4321", "needs its country"},
		{"(51 9) 8765-4321", "needs its country"},	{"(62) 3555-0101 102", "needs its country"},
		{"(49) 3555-0101 12", "needs its country"}, {"(234) 555-0101 123", "needs its country"},
		{"(351) 15 555-0101", "needs its country"}, {"(55) 11 95555-0101", "+5511955550101"},
		{"(55) (11) 95555-0101", "+5511955550101"}, {"55 (11) 95555-0101", "+5511955550101"},
		{"(1) 212 555 0101", "+12125550101"},		{"(44) 20 7946 0101", "+442079460101"},
		{"(0055) 11 95555-0101", "+5511955550101"}, {"(+51) 987 654 321", "+51987654321"},
		{"(5511955550101)", "+5511955550101"},
	};
	static const Expected brazil[] = {
		{"(51) 98765-4321", "+5551987654321"},
		{"( 51 ) 98765-4321", "+5551987654321"},
	};

	(void) state;
	expect(NULL, fields, COUNT(fields));
	expect("BR", brazil, COUNT(brazil));
}

/* Two lines of an office, without the area code: together ten or eleven digits. */
static void test_what_is_behind_a_slash(void **state)
{
	static const Expected fields[] = {
		{"3555-0101/02", "extension"},			 {"99555-0101/2", "extension"},
		{"95555-0101/0102", "extension"},		 {"+55 3555-0101/02", "extension"},
		{"11 3555-0101/02", "extension"},		 {"3555-0101/3555-0102", "one number a line"},
		{"+55 11/95555-0101", "+5511955550101"}, {"+49 30/1234567", "+49301234567"},
		{"+49 (0)30/1234567", "+49301234567"},	 {"0049 3901/12345", "+49390112345"},
		{"+351/912/345678", "+351912345678"},
	};
	static const Expected germany[] = {
		{"030/5550103", "+49305550103"},
		{"039012/34567", "+493901234567"},
		{"030/5550103/12", "extension"},
	};

	(void) state;
	expect("BR", fields, COUNT(fields));
	expect(NULL, fields, COUNT(fields));
	expect("DE", germany, COUNT(germany));
}

/* The same without a slash. */
static void test_what_is_behind_a_local_number(void **state)
{
	static const Expected fields[] = {
		{"3555-0101 02", "extension"},			 {"3555-0101-02", "extension"},
		{"3555.0101.02", "extension"},			 {"9 9555-0101 2", "extension"},
		{"55 3555-0101 02", "extension"},		 {"+55 3555-0101 02", "extension"},
		{"0055 3555-0101 02", "extension"},		 {"+1 250-0101 123", "extension"},
		{"+54 4555-0101 12", "extension"},		 {"+49 30 1234567 (12", "extension"},
		{"+49 30 1234567 (12) 3", "extension"},	 {"+49 30 1234567 ( 12 )", "extension"},
		{"+49 1512-3456-789", "+4915123456789"}, {"5511 9555 5010 1", "+5511955550101"},
	};
	static const Expected america[] = {
		{"250-0101 123", "extension"},
		{"1 250-0101 123", "extension"},
		{"212-555-0101", "+12125550101"},
	};
	static const Expected germany[] = {
		{"0151-2345-678", "+491512345678"},
		{"0151 2345 678", "+491512345678"},
	};
	/* As many digits as with the code of a carrier in front; and one too few. */
	static const Expected brazil[] = {
		{"011 95555-0101 2", "extension"},
		{"(011) 3555-0101 12", "extension"},
		{"(11) 95555-010", "a digit is missing"},
		{"11 95555 010", "a digit is missing"},
		{"11 95555.010", "a digit is missing"},
		{"11 9 5555 010", "a digit is missing"},
		{"+55 11 9 5555-010", "a digit is missing"},
		{"011 11 95555-0101", "+5511955550101"},
		{"11 9555-0101", "+551195550101"},
		{"11 9 5555-0101", "+5511955550101"},
		{"12.345.678-90", "document"},
		{"123456789-09", "CPF"},
	};
	static const Expected india[] = {{"23456789 90", "extension"},
									 {"98765 43210", "+919876543210"}};
	static const Expected italy[] = {{"347 1234 567", "+393471234567"}};

	(void) state;
	expect(NULL, fields, COUNT(fields));
	expect("BR", fields, COUNT(fields));
	expect("BR", brazil, COUNT(brazil));
	expect("US", america, COUNT(america));
	expect("DE", germany, COUNT(germany));
	expect("IT", italy, COUNT(italy));
	expect("IN", india, COUNT(india));
}

/* A counter without a mark, which with the area code would be another one. */
static void test_what_is_in_front(void **state)
{
	static const Expected brazil[] = {
		{"1 19 3555-0101", "a counter"},	  {"2 (19) 3555-0102", "a counter"},
		{"(2) 19 3555-0102", "a counter"},	  {"1- 95555-0101", "a counter"},
		{"04 95555-0101", "a counter"},		  {"04 19 3555-0101", "a counter"},
		{"11 95555-0101", "+5511955550101"},  {"0 15 11 95555-0101", "+5511955550101"},
		{"011 95555-0101", "+5511955550101"},
	};
	static const Expected germany[] = {
		{"3 030 5550103", "a counter"},		  {"04 0151 2345678", "a counter"},
		{"8 151 2345678", "a counter"},		  {"030 5550103", "+49305550103"},
		{"0157 0123 4567", "+4915701234567"}, {"49 151 12345678", "+4915112345678"},
	};
	static const Expected france[] = {
		{"6 12 34 56 78", "+33612345678"},
		{"6 01 02 03 04", "+33601020304"},
		{"06 01 02 03 04", "+33601020304"},
	};
	static const Expected finland[] = {
		{"4 40 123 4567", "a counter"},
		{"40 123 4567", "+358401234567"},
	};
	static const Expected australia[] = {{"04 0123 4567", "+61401234567"},
										 {"4 1234 5678", "+61412345678"}};
	static const Expected argentina[] = {{"9 11 5555-0101", "+5491155550101"}};
	static const Expected america[] = {{"1 (212) 555-0101", "+12125550101"}};
	static const Expected nowhere[] = {
		{"3 19 3555-0101", "a counter"},
		{"003 19 3555-0101", "a counter"},
		{"0031 9 3555 0101", "+31935550101"},
		{"001 212 555 0101", "+12125550101"},
	};

	(void) state;
	expect("BR", brazil, COUNT(brazil));
	expect("DE", germany, COUNT(germany));
	expect("FR", france, COUNT(france));
	expect("FI", finland, COUNT(finland));
	expect("AU", australia, COUNT(australia));
	expect("AR", argentina, COUNT(argentina));
	expect("US", america, COUNT(america));
	expect(NULL, nowhere, COUNT(nowhere));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_area_codes_in_brackets),
		cmocka_unit_test(test_what_is_behind_a_slash),
		cmocka_unit_test(test_what_is_behind_a_local_number),
		cmocka_unit_test(test_what_is_in_front),
	};

	return cmocka_run_group_tests_name("glued on (R6.1)", tests, NULL, NULL);
}
