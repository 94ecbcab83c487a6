/*
 * test_table.c - numbers files with columns: their format, their headings, and the attributes of
 * their rows (R6.4). Which column is that of the numbers: test_columns.c.
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
		cmocka_unit_test(refuses_what_is_in_front_of_the_headings),
		cmocka_unit_test(takes_only_known_headings),
		cmocka_unit_test(takes_no_long_cell_for_a_heading),
		cmocka_unit_test(makes_names_that_can_be_kept),
		cmocka_unit_test(keeps_within_the_limit),
		cmocka_unit_test(reads_attributes_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
