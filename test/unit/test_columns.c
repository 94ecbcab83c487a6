/*
 * test_columns.c - numbers files with columns: which of them is that of the numbers, and when the
 * file is refused because nobody can tell (R6.4).
 *
 * links: src/upload/table.c src/upload/columns.c src/upload/column_choice.c src/upload/look.c
 * links: src/upload/headings.c
 * links: src/upload/csv.c src/upload/ndjson.c src/upload/json_text.c
 * links: src/upload/number.c src/upload/field.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/lookalike.c
 * links: src/upload/resolve.c src/upload/countries.c src/upload/country_table.c
 * links: src/upload/characters.c lib/contract/attributes.c lib/contract/message.c
 * links: lib/contract/utf8.c libcrypto
 */
#include "table_probe.h"

static void chooses_the_column(void **state)
{
	(void) state;
	(void) read_all("id,Número de Telefone\n5511955550909,5511955550101\n");
	assert_int_equal(table.columns.number, 1);
	(void) read_all("NOMBRE;Teléfono móvil\nx;5511955550101\n");
	assert_int_equal(table.columns.number, 1);
	/* An accent of its own, as in file names of macOS. */
	(void) read_all("Nome;Nu\xCC\x81mero de telefone\nx;5511955550101\n");
	assert_int_equal(table.columns.number, 1);
	(void) read_all("a;5511955550101\nb;5511955550102\n");
	assert_int_equal(table.columns.number, 1);
	assert_false(table.columns.header);
}

static void expect_column(const char *country, const char *file, int column)
{
	assert_true(number_rules_set(&wanted.rules, country));
	(void) read_all(file);
	assert_true(number_rules_set(&wanted.rules, NULL));
	if (table.columns.number != column)
		fail_msg("column %d: %s in\n%s", table.columns.number, table.columns.problem, file);
}

/* A column of invalid numbers gives its place to no other: all rows are refused. */
static void keeps_the_column_that_is_named(void **state)
{
	(void) state;
	expect_column("BR", "Nome;Celular;Contrato\nAna;95555-0101;1234567890\n", 1);
	expect_column("BR", "Nome;Celular;Matrícula\nAna;95555-0101;1234567890\n", 1);
	expect_column("BR", "Nome;Celular;Xyz\nAna;95555-0101;1234567890\n", 1);
	expect_column("BR", "Nome;Celular;Xyz\nAna;;1234567890\n", 1);
	expect_column("BR", "Nome;Número;Celular\nAna;1234567890;95555-0101\n", 2);
	expect_column("BR", "Nome;Fone Res.;Xyz\nAna;95555-0101;1234567890\n", 1);
	expect_column("BR", "Nome;Celular do cliente;Xyz\nAna;n/a;1234567890\n", 1);
	expect_column("BR", "Phone 1 - Type;Phone 1 - Value;Xyz\nx;95555-0101;1234567890\n", 1);
	expect_column("DE", "Name;Handynummer;Xyz\nAna;1234;15112345678\n", 1);
	expect_column(NULL, "Celular;Protocolo\n5,51198E+12;202611270001\n", 0);
	expect_column(NULL, "Celular;Xyz\n5,51198E+12;202611270001\n", 0);
	expect_column(NULL, "{\"celular\":\"95555-0101\",\"xyz\":\"5511955550101\"}\n", 0);
	/* Those with a number are still asked first. */
	expect_column(NULL, "Telefone;Celular\nx;5511955550101\n", 1);
	expect_column(NULL, "Telefone;Contato\n;5511955550101\n", 1);
	expect_column(NULL, "Fone Res;Fone Com\n;5511955550101\n", 1);
	expect_column(NULL, "Fone Res;Fone Com\n5511955550102;5511955550101\n", -1);
	/* Papers have numbers, too. */
	expect_column("BR", "Nome;Contrato\nAna;1234567890\n", -1);
	expect_column("BR", "Nome;Data do telefone\nAna;x\n", -1);
}

/* Mobiles without their area code have no heading that says so: another column is not theirs. */
static void completes_no_contract(void **state)
{
	static const char problem[] = "numbers without their area code? Complete them, or name the "
								  "column (column_name, X-Column): \"column_2\"";

	(void) state;
	assert_true(number_rules_set(&wanted.rules, "BR"));
	assert_string_equal(read_all("Ana;95555-0101;1234567890\nBruno;95555-0102;1234567891\n"),
						problem);
	assert_string_equal(read_all("Ana;3555-0101;1234567890\n"), problem);
	assert_string_equal(read_all("Ana;;1234567890\nBia;95555-0101;1234567891\n"), problem);
	assert_true(number_rules_set(&wanted.rules, NULL));
	assert_string_equal(read_all("Ana;3555-0101;4912345678\n"), problem);
	expect_column("BR", "Nome;Fone (sem DDD);Xyz\nAna;95555-0101;1234567890\n", -1);
	expect_column("BR", "Nome;Fone (sem DDD);Benefício\nAna;95555-0101;1234567890\n", -1);
	expect_column("BR", "Nome;Contato;Xyz\nAna;95555-0101;1234567890\n", -1);
	expect_column("AT", "Ana;5550101;6641234567\n", -1);
	expect_column("BR", "{\"xyz\":\"95555-0101\",\"abc\":\"1234567890\"}\n", -1);
	/* It is no other column's: other numbers under known headings, or written like phone numbers.
	 */
	expect_column("BR", "Nome;Código;Xyz\nAna;95550101;11955550101\n", 2);
	expect_column("BR", "Ana;95550101;(11) 95555-0101\n", 2);
	expect_column("BR", "Ana;95550101;+5511955550101\n", 2);
	expect_column("BR", "Ana;01310-100;11955550101\n", 2);
	expect_column("PT", "Ana;123456789;912345678\n", 2);
}

static void names_what_it_cannot_choose(void **state)
{
	(void) state;
	assert_string_equal(read_all("Telefone;Celular\n5511955550101;5511955550102\n"),
						"more than one column may hold the numbers: \"Telefone\", \"Celular\"");
	assert_string_equal(read_all("DDD;Telefone\n11;955550101\n"),
						"numbers in parts; put them together in one column: \"DDD\"");
	expect_column("AT", "Name;Vorwahl;Telefon\nAna;0664;05550101\n", -1);
	expect_column("IT", "Nome;Prefisso;Telefono\nAna;347;3471234567\n", -1);
	expect_column("MX", "Nombre;Lada;Teléfono\nAna;55;5512345678\n", -1);
	assert_string_equal(read_all("{\"a\":\"5511955550101\",\"b\":\"5511955550102\"}\n"),
						"more than one column may hold the numbers: \"a\", \"b\"");
	assert_string_equal(read_all("{}\n"), "it is empty");
	assert_null(table.columns.hint);
	/* A file of which no line can be read says why. */
	assert_string_equal(
		read_all("\n{\"phone\":12345678901234567890}\n{\"phone\":1e5}\n"),
		"line 2: a number is neither whole with 64 bits nor a decimal of at most 15 "
		"digits; write it as a text (byte 30)");
	assert_string_equal(read_all("{}\n{\"phone\":\"\\ud800\"}\n"),
						"line 2: an escape that is none (byte 11)");
	assert_string_equal(read_all("{\"phone\":\"5511955550101\"\n"),
						"line 1: an object is never closed; one a line (byte 25)");
	assert_string_equal(read_all("{\n{\"phone\":\"5511955550101\"}\n"),
						"1! a quote is missing (byte 2)\n2 +5511955550101 0 \n");
	assert_false(table_begin(&table, "\"Fone", 5, FORMAT_CSV, &wanted));
	assert_string_equal(table.columns.problem, "line 1: a quote is opened and never closed");
	assert_string_equal(read_all("id,Nome\n5511955550101,Ana\n"),
						"no column holds phone numbers; there are \"id\", \"Nome\"");
}

/* Reads this file with these headings and one row of a mobile and a landline below. */
static void expect_refused(const char *headings, const char *row_below, const char *names)
{
	static const char problem[] = "more than one column may hold the numbers: ";
	char file[256];

	assert_true(number_rules_set(&wanted.rules, "BR"));
	(void) snprintf(file, sizeof(file), "Nome;%s\nAna;%s\n", headings, row_below);
	(void) read_all(file);
	assert_true(number_rules_set(&wanted.rules, NULL));
	assert_int_equal(table.columns.number, -1);
	assert_int_equal(strncmp(table.columns.problem, problem, strlen(problem)), 0);
	assert_string_equal(table.columns.problem + strlen(problem), names);
}

/* However a mobile is headed, it never loses to a landline without a word. */
static void refuses_two_columns_that_could_be_meant(void **state)
{
	static const char both[] = "11955550101;1133330101";

	(void) state;
	expect_refused("Celular 1;Telefone 1", both, "\"Celular 1\", \"Telefone 1\"");
	expect_refused("Celular (WhatsApp);Telefone", both, "\"Celular (WhatsApp)\", \"Telefone\"");
	expect_refused("Mobile 1;Phone 1", both, "\"Mobile 1\", \"Phone 1\"");
	expect_refused("Móvil 1;Teléfono 1", both, "\"Móvil 1\", \"Teléfono 1\"");
	expect_refused("Celular principal;Telefone principal", both,
				   "\"Celular principal\", \"Telefone principal\"");
	expect_refused("Celular 1;Telefone", both, "\"Celular 1\", \"Telefone\"");
	expect_refused("Celular Contato;Telefone", both, "\"Celular Contato\", \"Telefone\"");
	expect_refused("Telefone 1;Telefone 2", both, "\"Telefone 1\", \"Telefone 2\"");
	expect_refused("Phone 1 - Value;Phone 2 - Value", both,
				   "\"Phone 1 - Value\", \"Phone 2 - Value\"");
	/* A word of a phone beside one that is not known. */
	expect_refused("Phone;Alternate phone", both, "\"Phone\", \"Alternate phone\"");
	expect_refused("Telefone cliente;Telefone avalista", both,
				   "\"Telefone cliente\", \"Telefone avalista\"");
	expect_refused("cellphonebackup;Telefone", both, "\"cellphonebackup\", \"Telefone\"");
	expect_refused("Número;Telefone avalista", both, "\"Número\", \"Telefone avalista\"");
	/* Mobiles that lack their area code, or that a spreadsheet has rounded. */
	expect_refused("Celular;Telefone", "95555-0101;1133330101", "\"Celular\", \"Telefone\"");
	expect_refused("Celular;Telefone", "5,51198E+12;1133330101", "\"Celular\", \"Telefone\"");
	expect_refused("Celular antigo;Telefone", "95555-0101;1133330101",
				   "\"Celular antigo\", \"Telefone\"");
	/* Of mobiles and landlines, whoever says which are which. */
	expect_column("BR", "Celular;Telefone fixo\n11955550101;1133330101\n", 0);
	expect_column("BR", "Fone fixo;Telefone\n1133330101;11955550101\n", 1);
	expect_column("BR", "Móvil 1;Fijo\n11955550101;1133330101\n", 0);
	expect_column("BR", "Nome;Telefone fixo\nAna;1133330101\n", 1);
	expect_column("BR", "Celular;Telefone fixo\n;1133330101\n", 1);
	expect_refused("Fone fixo 1;Fone fixo 2", both, "\"Fone fixo 1\", \"Fone fixo 2\"");
	/* One of them has nothing that could be meant. */
	expect_column("BR", "Celular 1;Telefone 1\n;1133330101\n", 1);
	expect_column("BR", "Celular;Telefone de contato\n11955550101;ramal 12\n", 0);
	expect_column("BR", "Celular;Data do celular\n11955550101;29/11/2026\n", 0);
	expect_column("BR", "Celular;Cadastro do imóvel\n11955550101;1133330101\n", 0);
	expect_column("BR", "Celular;Contato\n11955550101;1133330101\n", 0);
}

/* `problem`: NULL if it is the second column. */
static void expect_wanted(const char *column, const char *file, const char *problem)
{
	wanted.column = column;
	(void) read_all(file);
	wanted.column = NULL;
	assert_int_equal(table.columns.number, problem == NULL ? 1 : -1);
	assert_string_equal(table.columns.problem, problem == NULL ? "" : problem);
}

static void refuses_a_name_of_two_columns(void **state)
{
	static const char cases[] = "Fone;FONE\n5511955550101;5511955550102\n";
	static const char twice[] = "Fone;Fone\n5511955550101;5511955550102\n";

	(void) state;
	expect_wanted(
		"fone", cases,
		"more than one column \"fone\"; name it by its place, from 1: \"Fone\", \"FONE\"");
	expect_wanted(
		"fone", twice,
		"more than one column \"fone\"; name it by its place, from 1: \"Fone\", \"Fone 2\"");
	expect_wanted(
		"Fone", twice,
		"more than one column \"Fone\"; name it by its place, from 1: \"Fone\", \"Fone 2\"");
	expect_wanted(
		"fone", "{\"Fone\":\"5511955550101\",\"FONE\":\"5511955550102\"}\n",
		"more than one column \"fone\"; name it by its place, from 1: \"Fone\", \"FONE\"");
	expect_wanted("FONE", cases, NULL);
	expect_wanted("Fone 2", twice, NULL);
	expect_wanted("2", twice, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_the_column),
		cmocka_unit_test(keeps_the_column_that_is_named),
		cmocka_unit_test(completes_no_contract),
		cmocka_unit_test(names_what_it_cannot_choose),
		cmocka_unit_test(refuses_two_columns_that_could_be_meant),
		cmocka_unit_test(refuses_a_name_of_two_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
