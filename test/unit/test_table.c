/*
 * test_table.c - numbers files with columns: their format, the column of the numbers,
 * and the attributes of their rows (R6.4).
 *
 * links: src/upload/table.c src/upload/columns.c src/upload/column_choice.c src/upload/look.c
 * links: src/upload/headings.c
 * links: src/upload/csv.c src/upload/ndjson.c src/upload/json_text.c
 * links: src/upload/number.c src/upload/field.c src/upload/groups.c src/upload/glued.c src/upload/bare.c src/upload/lookalike.c
 * links: src/upload/resolve.c src/upload/countries.c src/upload/country_table.c
 * links: src/upload/characters.c lib/contract/attributes.c lib/contract/message.c
 * links: lib/contract/utf8.c libcrypto
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/upload/table.h"

static Table table;
static TableRow row;
static ColumnsWanted wanted;

static FileFormat look(const char *file)
{
	CsvRow room;

	return look_format(file, strlen(file), &wanted, &room);
}

/* Reads a file in the format that it looks like; rows as "LINE NUMBER CLASS JSON", problems as
 * "LINE!". */
static const char *read_all(const char *file)
{
	static char shown[4096];
	/* A copy of exactly its size: reading beyond its end is seen. */
	size_t length = strlen(file);
	char *copy = memcpy(malloc(length + 1), file, length);
	size_t used = 0;
	TableResult result;

	shown[0] = '\0';
	copy = realloc(copy, length > 0 ? length : 1);
	if (!table_begin(&table, copy, length, look(file), &wanted))
	{
		free(copy);
		return table.columns.problem;
	}
	while ((result = table_next(&table, &row)) != TABLE_END)
	{
		if (result == TABLE_VALID)
			used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%d %s %d %.*s\n",
									  (int) row.number.line, row.number.text, (int) row.class,
									  (int) row.json_length, row.json);
		else
			used += (size_t) snprintf(shown + used, sizeof(shown) - used, "%d! %s\n",
									  (int) row.number.line, row.number.reason);
	}
	free(copy);
	return shown;
}

static void knows_formats(void **state)
{
	FileFormat format;

	(void) state;
	assert_true(format_of_name("NDJSON", &format) && format == FORMAT_NDJSON);
	assert_false(format_of_name("xlsx", &format));
	assert_int_equal(look("Nome,Telefone\nAna,x\n"), FORMAT_CSV);
	assert_int_equal(look("Nome;Telefone, celular\nAna;x\n"), FORMAT_SEMICOLON);
	assert_int_equal(look("1\t5511955550101\n"), FORMAT_TSV);
	assert_int_equal(look("\xEF\xBB\xBF \n{\"a\":1}"), FORMAT_NDJSON);
}

/* Whatever is not certainly a table goes to the parser of plain lists, which refuses it. */
static void takes_nothing_else_for_a_table(void **state)
{
	static const char *const lists[] = {"",
										"\n",
										"5511955550101\n5511955550102",
										"+5511955550101, +5511955550102\n",
										"5511955550101;\n5511955550102;\n;\n",
										"+55 11\t95555-0101\n",
										"+55 11, 95555-0101\n",
										"'; DROP TABLE campaign.users; --",
										"phone\n5511955550101\n",
										"a,b\nc,d\n",
										"5511955550101,Ana\n5511955550102\n",
										"=\"5511955550101\"\n",
										"\"5511955550101\"\n"};

	(void) state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		assert_int_equal(look(lists[i]), FORMAT_LIST);
}

static void reads_rows(void **state)
{
	(void) state;
	assert_string_equal(read_all("Nome,Telefone,Tier\n\"Ana \"\"B\"\"\nC\",+55 11 95555-0101,Vip\n"
								 "Bia,5511955550102,gold\n,5511955550103,\n"),
						"2 +5511955550101 1 {\"Nome\":\"Ana \\\"B\\\"\\nC\",\"Tier\":\"Vip\"}\n"
						"4 +5511955550102 2 {\"Nome\":\"Bia\",\"Tier\":\"gold\"}\n"
						"5 +5511955550103 0 \n");
	assert_string_equal(read_all("Fone;Nome\n=\"5511955550101\";'x\n\"=\"\"5511955550102\"\"\";\n"),
						"2 +5511955550101 0 {\"Nome\":\"'x\"}\n3 +5511955550102 0 \n");
	assert_string_equal(
		read_all("{\"phone\":\"+5511955550101\",\"a\" : [1, \"b c\"],\"n\":null}\n"
				 "{\"tier\":\"DIAMANTE\",\"phone\":5511955550102}\n"),
		"1 +5511955550101 0 {\"a\":[1,\"b c\"]}\n2 +5511955550102 1 {\"tier\":\"DIAMANTE\"}\n");
}

static void refuses_rows(void **state)
{
	(void) state;
	assert_string_equal(
		read_all(
			"Nome,Telefone\nAna,\nBia,5511955550101,x\n\xFF,5511955550102\nEva,\"5511955550103\n"
			"5511955550104\"\nLia,5511955550105\n"),
		"2! no number in \"Telefone\"\n3! 3 cells in a table of 2 columns\n"
		"4! not UTF-8; save the file as UTF-8, or say in which encoding it is\n"
		"5! unexpected character U+000A at column 14\n7 +5511955550105 0 {\"Nome\":\"Lia\"}\n");
	assert_string_equal(
		read_all("{\"phone\":\"5511955550101\",\"phone\":\"5511955550102\"}\n{\"a\":1}\n[]\n"
				 "{\"phone\":\"5511955550103\",\"n\":1e5}\n{\"phone\":\"5511955550104\"} x\n"),
		"1! the key of the number is there twice\n2! no number in \"phone\"\n"
		"3! no JSON object; one a line (byte 1)\n"
		"4! a number with an exponent; write it as a text (byte 31)\n"
		"5! something behind the object; one a line (byte 27)\n");
}

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

static void expect_header(const char *file, bool header)
{
	(void) read_all(file);
	if (table.columns.header != header)
		fail_msg("headings: %d in\n%s", table.columns.header, file);
}

/* A line in front of the headings that is a problem hides neither itself nor them. */
static void refuses_what_is_in_front_of_the_headings(void **state)
{
	static const char file[] = "\"Lista \"VIP\"\"\nNome;Telefone\nAna;5511955550101\n";

	(void) state;
	assert_true(table_begin(&table, file, strlen(file), FORMAT_SEMICOLON, &wanted));
	assert_int_equal(table_next(&table, &row), TABLE_INVALID);
	assert_int_equal(row.number.line, 1);
	assert_int_equal(table_next(&table, &row), TABLE_VALID);
	assert_int_equal(row.number.line, 3);
	assert_string_equal(row.number.text, "+5511955550101");
	assert_int_equal(table_next(&table, &row), TABLE_END);
}

/* A person whose number is missing does not vanish as the row of headings. */
static void takes_only_known_headings(void **state)
{
	(void) state;
	assert_string_equal(read_all("Ana;sem telefone\nBia;5511955550101\nEva;5511955550102\n"),
						"1! no digits: 'sem telefone' (headings? Then name that of the numbers: "
						"column_name, X-Column)\n2 +5511955550101 0 {\"column_1\":\"Bia\"}\n"
						"3 +5511955550102 0 {\"column_1\":\"Eva\"}\n");
	expect_header("Ana;telefone errado\nBia;5511955550101\n", false);
	expect_header("Ana;SMS;sem\nBia;SMS;5511955550101\n", false);
	expect_header("Ana;SMS;95555-0101\nBia;Zap;5511955550102\n", false);
	expect_header("Ana;cliente;sem\nBia;cliente;5511955550101\n", false);
	expect_header("Nome;Xyz\nBia;5511955550101\n", true);
	expect_header("Kunde;Fone Res.\nBia;5511955550101\n", true);
	expect_header("Nome;Telefone;12/2024\nBia;5511955550101;1\n", true);
	/* Two lists, one below the other. */
	expect_header("Nome;Telefone\nBia;5511955550101\nNome;Telefone\nEva;5511955550102\n", true);
	wanted.column = "y";
	assert_string_equal(read_all("x;y\na;5511955550101\n"), "2 +5511955550101 0 {\"x\":\"a\"}\n");
	wanted.column = NULL;
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

static int pauses;

static void count_pause(void)
{
	pauses++;
}

/* A line may be the whole file: what is longer than any heading is not read as one. */
static void takes_no_long_cell_for_a_heading(void **state)
{
	static char file[1024];
	static char long_line[1024 * 1024];
	int length = snprintf(file, sizeof(file), "Xyz;Fone%*s do cliente\nAna;5511955550101\n",
						  HEADING_MAX, "");

	(void) state;
	expect_header(file, false);
	wanted.column = "fone do cliente";
	assert_string_equal(read_all(file), "no column \"fone do cliente\"; there are \"column_1\", "
										"\"column_2\"");
	wanted.column = NULL;
	assert_true(length > HEADING_MAX);
	/* Its name is as long as others, and its characters are whole. */
	memset(file, '$', HEADING_MAX - 1);
	(void) snprintf(file + HEADING_MAX - 1, sizeof(file) - HEADING_MAX,
					"é;Fone\nx;5511955550101\n");
	assert_string_equal(read_all(file), "2 +5511955550101 0 {\"column_1\":\"x\"}\n");

	memset(long_line, ' ', sizeof(long_line) - 1);
	wanted.pause = count_pause;
	pauses = 0;
	assert_int_equal(look(long_line), FORMAT_LIST);
	wanted.pause = NULL;
	assert_true(pauses >= 3 * (int) (sizeof(long_line) / PAUSE_BYTES - 1));
}

static void makes_names_that_can_be_kept(void **state)
{
	(void) state;
	assert_string_equal(
		read_all("Phone, $a.b ,Cód.,Cód,,x\n5511955550101,1,2,3,4,5\n"),
		"2 +5511955550101 0 "
		"{\"a_b\":\"1\",\"Cód\":\"2\",\"Cód 2\":\"3\",\"column_5\":\"4\",\"x\":\"5\"}\n");
	assert_string_equal(read_all("Phone;Cód. cliente\n5511955550101;1\n"),
						"2 +5511955550101 0 {\"Cód cliente\":\"1\"}\n");
	/* A key of a program is not changed. */
	assert_string_equal(read_all("{\"phone\":5511955550101}\n{\"phone\":5511955550101,\"a.b\":1}\n"
								 "{\"phone\":5511955550101,\"x\":[{\"$a\":1}]}\n"),
						"1 +5511955550101 0 \n2! a key has a dot (byte 29)\n"
						"3! a key begins with $ (byte 34)\n");
}

/* The largest attributes that can travel, and one byte more. */
static void keeps_within_the_limit(void **state)
{
	char file[MESSAGE_ATTRIBUTES_MAX + 64];
	int room = MESSAGE_ATTRIBUTES_MAX - (int) strlen("{\"n\":\"\"}");

	(void) state;
	(void) snprintf(file, sizeof(file), "Fone,n\n5511955550101,%0*d\n", room, 0);
	(void) read_all(file);
	assert_int_equal(row.json_length, MESSAGE_ATTRIBUTES_MAX);
	(void) snprintf(file, sizeof(file), "Fone,n\n5511955550101,%0*d\n", room + 1, 0);
	assert_string_equal(read_all(file), "2! attributes take more than 4096 bytes as JSON\n");
	(void) snprintf(file, sizeof(file), "{\"phone\":5511955550101,\"n\":\"%0*d\"}\n", room, 0);
	assert_string_not_equal(read_all(file), "1! attributes take more than 4096 bytes as JSON\n");
	(void) snprintf(file, sizeof(file), "{\"phone\":5511955550101,\"n\":\"%0*d\"}\n", room + 1, 0);
	assert_string_equal(read_all(file), "1! attributes take more than 4096 bytes as JSON\n");
}

static void reads_attributes_again(void **state)
{
	static const char *const files[] = {
		"Fone,n\n5511955550101,a\n5511955550102,\"b\n\"\"c\"\n5511955550103,\n",
		"{\"phone\":5511955550101,\"n\":\"a\"}\n\n{\"phone\":5511955550102,\"n\":\"b\\n\\\"c\"}\n"
		"{\"phone\":5511955550103}\n"};

	(void) state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
	{
		size_t places[3];
		char json[TABLE_JSON_SIZE];

		assert_true(table_begin(&table, files[i], strlen(files[i]), look(files[i]), &wanted));
		for (int j = 0; j < 3; j++)
		{
			assert_int_equal(table_next(&table, &row), TABLE_VALID);
			places[j] = row.place;
		}
		assert_int_equal(table_attributes(&table, places[1], json),
						 strlen("{\"n\":\"b\\n\\\"c\"}"));
		assert_memory_equal(json, "{\"n\":\"b\\n\\\"c\"}", strlen("{\"n\":\"b\\n\\\"c\"}"));
		assert_int_equal(table_attributes(&table, places[2], json), 0);
		assert_int_equal(table_attributes(&table, places[0], json), strlen("{\"n\":\"a\"}"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_formats),
		cmocka_unit_test(takes_nothing_else_for_a_table),
		cmocka_unit_test(reads_rows),
		cmocka_unit_test(refuses_rows),
		cmocka_unit_test(chooses_the_column),
		cmocka_unit_test(takes_only_known_headings),
		cmocka_unit_test(refuses_what_is_in_front_of_the_headings),
		cmocka_unit_test(keeps_the_column_that_is_named),
		cmocka_unit_test(completes_no_contract),
		cmocka_unit_test(names_what_it_cannot_choose),
		cmocka_unit_test(refuses_two_columns_that_could_be_meant),
		cmocka_unit_test(refuses_a_name_of_two_columns),
		cmocka_unit_test(takes_no_long_cell_for_a_heading),
		cmocka_unit_test(makes_names_that_can_be_kept),
		cmocka_unit_test(keeps_within_the_limit),
		cmocka_unit_test(reads_attributes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
