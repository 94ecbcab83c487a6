/*
 * test_monitor_view.c - what campaign-monitor shows, line by line, at different sizes (R1.3).
 *
 * links: monitor/view.c monitor/block.c monitor/page.c monitor/cells.c monitor/figures.c monitor/keys.c
 * links: monitor/model.c lib/contract/utf8.c lib/contract/error.c libpq -lm
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/view.h"

static Page page;
static char shown[PAGE_LINES_MAX * CELLS_SIZE];

static const ModelCampaign RUNNING = {
	.id = "running1",
	.name = "Spring sale",
	.status = "publishing",
	.health = "healthy",
	.reason = "it is being sent",
	.left_ms = 62500,
	.figures = {1000000, 450000, 400000, 0, 0, 9600.4, 0.11, 0.104},
	.classes = {{"VIP", {100000, 100000, 100000, 0, 0, NAN, 0.11, 0.10}},
				{"NORMAL", {900000, 350000, 300000, 0, 0, 9600.4, 0.11, 0.10}}},
	.class_count = 2};

static const ModelCampaign STUCK = {
	.id = "stuck1",
	.name = "Caf\u00e9 S\u00e3o Jo\u00e3o \u2013 \u65e5\u672c\u8a9e\u306e\u540d\u524d",
	.status = "published",
	.health = "degraded",
	.reason =
		"no consumer is connected to PostgreSQL, nothing has been stored for 12 s; NORMAL waits "
		"until the last VIP is stored",
	.left_ms = MODEL_UNKNOWN_MS,
	.figures = {2000, 2000, 1200, 3, 12, NAN, 250, 1500},
	.classes = {{"NORMAL", {2000, 2000, 1200, 3, 12, NAN, 250, 1500}}},
	.class_count = 1};

static const ModelCampaign PAUSED = {.id = "paused1",
									 .name = "\x1B[2Jevil\r\n\xE2\x80\xAE",
									 .status = "paused",
									 .health = "paused",
									 .reason = "paused by ana@example.com 3 min ago: lunch",
									 .left_ms = MODEL_UNKNOWN_MS,
									 .figures = {0, 0, 0, 0, 0, NAN, NAN, NAN}};

static const ModelSender SENDERS[] = {
	{"one", "simulate", "a.example.com", "alive", 12, 1234567, 0, 2.5},
	{"two", "http", "b.example.com", "dead", 0, 5, 1, NAN},
};

static const Keys FIRST = {.selected = "running1"};

/* The lines without their blanks at the end, and behind each one in which style it is. */
static const char *draw(const ViewInput *input)
{
	size_t used = 0;

	view_draw(input, &page);
	assert_int_equal(page.count, input->height);
	for (int i = 0; i < page.count; i++)
	{
		size_t length = strlen(page.lines[i].text);

		assert_true(cells_measure(page.lines[i].text, input->utf8) <= input->width);
		while (length > 0 && page.lines[i].text[length - 1] == ' ')
			length--;
		memcpy(shown + used, page.lines[i].text, length);
		used += length;
		shown[used++] = '\n';
	}
	shown[used] = '\0';
	return shown;
}

static ViewInput input_for(const Model *model, int width, int height)
{
	return (ViewInput){.model = model,
					   .keys = &FIRST,
					   .server = "127.0.0.1:5432/campaign",
					   .notice = "",
					   .only_id = "",
					   .width = width,
					   .height = height,
					   .utf8 = true};
}

static Model model_of(ModelCampaign *campaigns, size_t count)
{
	return (Model){.at = "2030-01-31T12:34:56.789Z",
				   .total = (int64_t) count,
				   .campaigns = campaigns,
				   .count = count};
}

#define FULL_20                                                                                    \
	"\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"   \
	"\u2588\u2588\u2588\u2588\u2588"
#define EMPTY_20                                                                                   \
	"\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591"   \
	"\u2591\u2591\u2591\u2591\u2591"
#define FULL_8	"\u2588\u2588\u2588\u2588\u2588\u2588\u2588\u2588"
#define EMPTY_8 "\u2591\u2591\u2591\u2591\u2591\u2591\u2591\u2591"

static void test_80_by_24(void **state)
{
	ModelCampaign campaigns[] = {RUNNING, STUCK, PAUSED};
	Model model = model_of(campaigns, 3);
	ViewInput input = input_for(&model, 80, 24);

	(void) state;
	assert_string_equal(
		draw(&input),
		"campaign-monitor  127.0.0.1:5432/campaign                           12:34:56 UTC\n"
		"sent 401,200 of 1,002,000, failed 3, 9,600/s\n"
		"\n"
		"> Spring sale         publishing [\u2588\u2588\u2588\u2588\u2588\u2588\u2591\u2591" EMPTY_8
		"]  40.0 %   9,600/s   ETA 62 s\n"
		"    VIP    [" FULL_20 FULL_20 FULL_8 "] 100,000 of 100,000\n"
		"    NORMAL [" FULL_8 FULL_8 EMPTY_20 "\u2591\u2591\u2591\u2591" EMPTY_8
		"] 300,000 of 900,000\n"
		"    sent 400,000  failed 0  mean 0.110 ms, sending 0.104 ms\n"
		"    it is being sent\n"
		"  Caf\u00e9 S\u00e3o Jo\u00e3o \u2013 \u65e5\u2026 published  [" FULL_8
		"\u2588\u2591\u2591\u2591\u2591\u2591\u2591\u2591]  60.7 %         -\n"
		"    NORMAL [" FULL_20 FULL_8 "\u2588\u2588\u2588" EMPTY_20 "\u2591] 1,215 of 2,000\n"
		"    sent 1,200  failed 3  suppressed 12  mean 250 ms, sending 1.5 s\n"
		"    no consumer is connected to PostgreSQL, nothing has been stored for 12 s;\n"
		"    NORMAL waits until the last VIP is stored\n"
		"   [2Jevil            paused     [" EMPTY_8 EMPTY_8 "]       -         -\n"
		"    sent 0  failed 0\n"
		"    paused by ana@example.com 3 min ago: lunch\n"
		"\n\n\n\n\n\n\n"
		"up/down select  p pause  r resume  c cancel  q quit\n");
}

static void test_styles(void **state)
{
	ModelCampaign campaigns[] = {RUNNING, STUCK, PAUSED};
	Model model = model_of(campaigns, 3);
	ViewInput input = input_for(&model, 80, 24);
	static const PageStyle expected[] = {PAGE_TITLE, PAGE_BAD,	 PAGE_PLAIN, PAGE_SELECTED,
										 PAGE_PLAIN, PAGE_PLAIN, PAGE_PLAIN, PAGE_PLAIN,
										 PAGE_PLAIN, PAGE_PLAIN, PAGE_BAD,	 PAGE_WARN,
										 PAGE_WARN,	 PAGE_PLAIN, PAGE_PLAIN, PAGE_WARN};

	(void) state;
	(void) draw(&input);
	for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
		assert_int_equal(page.lines[i].style, expected[i]);
	assert_int_equal(page.lines[23].style, PAGE_QUIET);
}

static void test_40_by_10(void **state)
{
	ModelCampaign campaigns[] = {RUNNING, STUCK, PAUSED};
	Model model = model_of(campaigns, 3);
	ViewInput input = input_for(&model, 40, 10);

	(void) state;
	/* There is no room for all: the selected one has most of it. */
	assert_string_equal(draw(&input),
						"campaign-monitor            12:34:56 UTC\n"
						"sent 401,200 of 1,002,000, failed 3, 9,6\n"
						"> Spring sale         publishing  40.0 %\n"
						"    VIP    [" FULL_8 "] 100,000 of 100,000\n"
						"    NORMAL [\u2588\u2588\u2591\u2591\u2591\u2591\u2591\u2591]"
						" 300,000 of 900,000\n"
						"    sent 400,000  failed 0  mean 0.110 m\n"
						"    it is being sent\n"
						"  Caf\u00e9 S\u00e3o Jo\u00e3o \u2013 \u65e5\u2026 published   60.7 %\n"
						"   [2Jevil            paused           -\n"
						"up/down select  p pause  r resume  c ca\u2026\n");
}

static void test_200_by_60(void **state)
{
	ModelCampaign campaigns[] = {RUNNING};
	Model model = model_of(campaigns, 1);
	ViewInput input = input_for(&model, 200, 60);
	const char *text;

	(void) state;
	model.senders = (ModelSender *) SENDERS;
	model.sender_count = 2;
	text = draw(&input);
	assert_non_null(strstr(text, "> Spring sale                                              "
								 "                       publishing [" FULL_20));
	assert_non_null(strstr(text, "]  40.0 %   9,600/s   ETA 62 s\n"));
	assert_non_null(
		strstr(text, "\nsenders: 2\n"
					 "  one                      simulate alive held 12  done 1,234,567  failed 0  "
					 "mean 2.50 ms\n"
					 "  two                      http     dead  held 0  done 5  failed 1  mean -\n"
					 "up/down"));
	assert_string_equal(page.lines[56].text,
						"senders: 2                                            "
						"                                                      "
						"                                                      "
						"                                      ");
}

static void test_without_utf8(void **state)
{
	ModelCampaign campaigns[] = {STUCK};
	Model model = model_of(campaigns, 1);
	ViewInput input = input_for(&model, 80, 24);
	const char *text;

	(void) state;
	input.utf8 = false;
	text = draw(&input);
	assert_non_null(strstr(text, "  Caf? S?o Jo?o ? ??~ published  [#########-------]  60.7 %"));
	for (; *text != '\0'; text++)
		assert_in_range(*text, '\n', '~');
}

static void test_nothing_to_show(void **state)
{
	Model model = model_of(NULL, 0);
	ViewInput input = input_for(NULL, 80, 4);

	(void) state;
	assert_non_null(strstr(draw(&input), "\nreading ...\n"));
	input.model = &model;
	assert_string_equal(draw(&input), "campaign-monitor  127.0.0.1:5432/campaign              "
									  "             12:34:56 UTC\n"
									  "sent 0 of 0, failed 0, 0.0/s\n"
									  "no campaign is running, paused or scheduled\n"
									  "up/down select  p pause  r resume  c cancel  q quit\n");
	input.only_id = "nosuchcampaign";
	assert_non_null(strstr(draw(&input), "\nthere is no such campaign\n"));
}

/* Every size of a terminal, however small: as many lines as it has, none too long. */
static void test_any_size(void **state)
{
	ModelCampaign campaigns[] = {STUCK, RUNNING, PAUSED};
	Model model = model_of(campaigns, 3);

	(void) state;
	model.senders = (ModelSender *) SENDERS;
	model.sender_count = 2;
	for (int width = 1; width < 130; width++)
	{
		for (int height = 1; height < 40; height++)
		{
			ViewInput input = input_for(&model, width, height);

			(void) draw(&input);
			input.notice = "not done: a long answer of a server that does not fit into a line";
			(void) draw(&input);
			if (height >= 6 && width >= 40)
				assert_non_null(strstr(shown, "> Spring sale"));
		}
	}
}

/* The selected one of many is always shown, and what is not shown is counted. */
static void test_many(void **state)
{
	ModelCampaign campaigns[50];
	char ids[50][KEYS_ID_SIZE];
	Model model = model_of(campaigns, 50);
	Keys keys = {.selected = ""};
	ViewInput input = input_for(&model, 80, 24);

	(void) state;
	model.total = 1234;
	input.keys = &keys;
	for (int i = 0; i < 50; i++)
	{
		campaigns[i] = RUNNING;
		snprintf(ids[i], sizeof(ids[i]), "c%d", i);
		campaigns[i].id = campaigns[i].name = ids[i];
	}
	for (int i = 0; i < 50; i++)
	{
		char line[32];

		snprintf(keys.selected, sizeof(keys.selected), "c%d", i);
		snprintf(line, sizeof(line), "\n> c%d ", i);
		assert_non_null(strstr(draw(&input), line));
		assert_non_null(strstr(shown, "    it is being sent\n"));
		assert_non_null(strstr(shown, " more\n"));
	}
	snprintf(keys.selected, sizeof(keys.selected), "c0");
	assert_non_null(strstr(draw(&input), "\n  1,219 more\n"));
	assert_int_equal(page.count, 24);
}

static void test_questions_and_answers(void **state)
{
	ModelCampaign campaigns[] = {RUNNING};
	Model model = model_of(campaigns, 1);
	Keys keys = {.selected = "running1", .asked = "running1"};
	ViewInput input = input_for(&model, 80, 24);

	(void) state;
	input.keys = &keys;
	assert_non_null(
		strstr(draw(&input), "\ncancel \"Spring sale\" for good? y: yes, any other key: no\n"));
	assert_int_equal(page.lines[23].style, PAGE_WARN);
	input.keys = &FIRST;
	input.notice = "pause \"Spring sale\": it is paused now";
	assert_non_null(strstr(draw(&input), "\npause \"Spring sale\": it is paused now\n"));
	assert_int_equal(page.lines[23].style, PAGE_GOOD);
	input.notice = "not done: campaign \"tz4a98xxat96iws9zmbrgj3a\" is sent: it cannot become "
				   "paused (SQLSTATE 55000)";
	input.refused = true;
	assert_non_null(strstr(draw(&input), "\nnot done: campaign \"tz4a98xxat96iws9zmbrgj3a\" is "
										 "sent: it cannot become paused\n(SQLSTATE 55000)\n"));
	assert_int_equal(page.lines[22].style, PAGE_BAD);
	input.trouble = "cannot connect: connection refused";
	input.trouble_ms = 12345;
	assert_non_null(
		strstr(draw(&input), "\nno PostgreSQL since 12 s: cannot connect: connection refused\n"));
	assert_non_null(strstr(shown, "> Spring sale"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_80_by_24),
		cmocka_unit_test(test_styles),
		cmocka_unit_test(test_40_by_10),
		cmocka_unit_test(test_200_by_60),
		cmocka_unit_test(test_without_utf8),
		cmocka_unit_test(test_nothing_to_show),
		cmocka_unit_test(test_any_size),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_questions_and_answers),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
