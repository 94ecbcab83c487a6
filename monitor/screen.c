/*
 * screen.c - ncurses; see screen.h.
 *
 * The only place that knows of it. Must never wait for a server, nor leave the terminal as it
 * has made it.
 */
#include "screen.h"

#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "program/clock.h"
#include "program/stop.h"
#include "signals.h"
#include "view.h"

/* How long an answer stands where the keys are explained. */
#define NOTICE_MS 5000
/* While there is no server, the time without one is counted. */
#define TROUBLE_TICK_MS 1000
#define ESCAPE			27

typedef struct Screen
{
	const Config *config;
	Reader *reader;
	Model *model;
	Keys keys;
	ReaderNews news;
	OrdersAnswer notice; /* "": none */
	int64_t notice_until_ms;
	bool colours;
	bool utf8;
	Page page;
} Screen;

static attr_t attributes_of(const Screen *screen, PageStyle style)
{
	switch (style)
	{
		case PAGE_TITLE:
			return A_REVERSE;
		case PAGE_SELECTED:
			return A_BOLD;
		case PAGE_QUIET:
			return A_DIM;
		case PAGE_GOOD:
		case PAGE_WARN:
		case PAGE_BAD:
			/* Pairs have the numbers of the styles. */
			return screen->colours ? COLOR_PAIR(style) : (style == PAGE_GOOD ? A_NORMAL : A_BOLD);
		default:
			return A_NORMAL;
	}
}

static void draw(Screen *screen)
{
	const ReaderNews *news = &screen->news;
	bool away = news->trouble.code != ERROR_NONE;
	ViewInput input = {.model = screen->model,
					   .keys = &screen->keys,
					   .server = news->server,
					   .trouble = away ? news->trouble.text : NULL,
					   .trouble_ms = away ? clock_ms() - news->trouble_ms : 0,
					   .notice = screen->notice.text,
					   .refused = screen->notice.refused,
					   .only_id = screen->config->campaign,
					   .width = COLS < CELLS_WIDTH_MAX ? COLS : CELLS_WIDTH_MAX,
					   .height = LINES,
					   .utf8 = screen->utf8};

	view_draw(&input, &screen->page);
	erase();
	for (int i = 0; i < screen->page.count; i++)
	{
		attrset(attributes_of(screen, screen->page.lines[i].style));
		/* Writing the last place of the last line fails when it would scroll, which it need not. */
		(void) mvaddstr(i, 0, screen->page.lines[i].text);
	}
	attrset(A_NORMAL);
	refresh();
}

static void take_news(Screen *screen)
{
	reader_take(screen->reader, &screen->news);
	if (screen->news.model != NULL)
	{
		model_free(screen->model);
		screen->model = screen->news.model;
		keys_follow(&screen->keys, screen->model);
	}
}

/* Each answer stands for a time or until a key is pressed, and not behind a question. */
static void take_answer(Screen *screen)
{
	if (clock_ms() >= screen->notice_until_ms)
		screen->notice.text[0] = '\0';
	if (*screen->notice.text == '\0' && *screen->keys.asked == '\0' &&
		reader_take_answer(screen->reader, &screen->notice))
		screen->notice_until_ms = clock_ms() + NOTICE_MS;
}

static void refuse(Screen *screen)
{
	screen->notice.refused = true;
	snprintf(screen->notice.text, sizeof(screen->notice.text),
			 "not done: there are %d orders before it already", ORDERS_MAX);
	screen->notice_until_ms = clock_ms() + NOTICE_MS;
}

static int key_of(int key)
{
	switch (key)
	{
		case KEY_UP:
			return KEYS_UP;
		case KEY_DOWN:
			return KEYS_DOWN;
		default:
			return key;
	}
}

/*
 * A sequence that ncurses does not know comes as ESC and then as the characters that it is made of,
 * some of which are orders: 0 on a keypad is ESC O p. Nobody has pressed these.
 */
static void drop_sequence(int key)
{
	while (key == ESCAPE && getch() != ERR)
		;
}

/* False: somebody quits. */
static bool take_keys(Screen *screen)
{
	KeysOrder order;
	bool refused = false;
	int key;

	while ((key = getch()) != ERR)
	{
		screen->notice.text[0] = '\0';
		drop_sequence(key);
		switch (keys_press(&screen->keys, screen->model, key_of(key), &order))
		{
			case KEYS_QUIT:
				return false;
			case KEYS_ORDER:
				refused = !reader_order(screen->reader, &order) || refused;
				break;
			default:
				break;
		}
	}
	/* The next key would have taken it away. */
	if (refused)
		refuse(screen);
	return true;
}

static void resize(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		(void) resizeterm(size.ws_row, size.ws_col);
	/* What the terminal has done to the old lines is not known. */
	clearok(stdscr, TRUE);
}

static int wait_ms(const Screen *screen)
{
	if (screen->news.trouble.code != ERROR_NONE)
		return TROUBLE_TICK_MS;
	return *screen->notice.text != '\0' ? (int) clock_left_ms(screen->notice_until_ms) : -1;
}

static void loop(Screen *screen, int resized)
{
	struct pollfd wait[4] = {{.fd = STDIN_FILENO, .events = POLLIN},
							 {.fd = reader_descriptor(screen->reader), .events = POLLIN},
							 {.fd = resized, .events = POLLIN},
							 {.fd = stop_descriptor(), .events = POLLIN}};

	for (;;)
	{
		draw(screen);
		(void) poll(wait, 4, wait_ms(screen));
		if (signals_resized(resized))
			resize();
		if (stop_requested() || !take_keys(screen) || (wait[0].revents & POLLHUP) != 0)
			return;
		take_news(screen);
		take_answer(screen);
	}
}

/* Whoever sets NO_COLOR to anything wants none. */
static bool start_colours(void)
{
	const char *refused = getenv("NO_COLOR");

	if ((refused != NULL && *refused != '\0') || !has_colors() || start_color() == ERR)
		return false;
	(void) use_default_colors();
	(void) init_pair(PAGE_GOOD, COLOR_GREEN, -1);
	(void) init_pair(PAGE_WARN, COLOR_YELLOW, -1);
	(void) init_pair(PAGE_BAD, COLOR_RED, -1);
	return true;
}

bool screen_run(const Config *config, Reader *reader, int resized, Error *error)
{
	Screen *screen = calloc(1, sizeof(*screen));
	SCREEN *terminal = NULL;

	if (screen == NULL)
		return error_set(error, ERROR_MEMORY, "out of memory");
	/* A key that begins with ESC is known at once, or is not a key. */
	set_escdelay(50);
	terminal = newterm(NULL, stdout, stdin);
	if (terminal == NULL)
	{
		free(screen);
		return error_set(error, ERROR_CONFIG, "this terminal is not known: try --plain");
	}
	screen->config = config;
	screen->reader = reader;
	screen->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	screen->colours = start_colours();
	(void) cbreak();
	(void) noecho();
	(void) curs_set(0);
	(void) keypad(stdscr, TRUE);
	(void) nodelay(stdscr, TRUE);
	loop(screen, resized);
	(void) endwin();
	delscreen(terminal);
	model_free(screen->model);
	free(screen);
	return true;
}
