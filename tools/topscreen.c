/* SPDX-License-Identifier: MIT */
#include "topscreen.h"

#include "say.h"

#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REFRESH_MS 1000

struct screen {
	const char *dir, *why; /* why: the folder cannot be read any more */
	enum top_order order;
	struct stats_folder folder; /* what the rows point into */
	struct top_rows rows;
	int64_t read_ms;
	int first, left; /* row at the top, column at the left */
};

static const struct key {
	int key;
	enum top_order order;
	const char *name;
} keys[] = {
	{'r', TOP_RATE, "rate"},
	{'e', TOP_EVENTS, "events"},
	{'l', TOP_LOST, "lost"},
	{'u', TOP_UNREAD, "unread"},
	{'p', TOP_PROGRAM, "program"},
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void forget(struct stats_folder *f, struct top_rows *rows)
{
	free(rows->list);
	stats_folder_free(f);
	*rows = (struct top_rows){0};
}

/* Takes the figures anew; those before give the rates. */
static void sample(struct screen *s)
{
	struct stats_folder folder = s->folder;
	struct top_rows before = s->rows;
	int64_t now = now_ms(), was = s->read_ms;

	s->why = stats_folder_read(&s->folder, s->dir);
	if (!top_rows_make(&s->rows, &s->folder))
		s->why = "no memory";
	s->read_ms = now;
	if (was) {
		top_rows_sort(&before, TOP_PROGRAM);
		top_rows_rate(&s->rows, &before, (double)(now - was) / 1000);
	}
	top_rows_sort(&s->rows, s->order);
	forget(&folder, &before);
}

static void line(int y, int attributes, const char *text)
{
	attrset(attributes);
	mvaddnstr(y, 0, text, COLS);
	clrtoeol();
	attrset(A_NORMAL);
}

static void head(const struct screen *s)
{
	char text[512];
	struct text t = text_on(text, sizeof(text));
	size_t ended = 0;

	for (size_t i = 0; i < s->folder.count; i++)
		ended += s->folder.list[i].life == STATS_ENDED;
	text_str(&t, "rstfix top ");
	text_safe(&t, s->dir);
	text_str(&t, ": ");
	if (s->why) {
		text_str(&t, s->why);
	} else {
		text_u64(&t, s->folder.count);
		text_str(&t, " processes, ");
		text_u64(&t, ended);
		text_str(&t, " ended");
	}
	if (s->folder.unreadable) {
		text_str(&t, ", files that cannot be read: ");
		text_u64(&t, s->folder.unreadable);
	}
	line(0, A_BOLD, text_end(&t));
}

static void foot(const struct screen *s)
{
	char text[256];
	struct text t = text_on(text, sizeof(text));

	text_str(&t, "sort:");
	for (size_t i = 0; i < KEYS; i++) {
		text_str(&t, keys[i].order == s->order ? " [" : " ");
		text_str(&t, keys[i].name);
		text_str(&t, keys[i].order == s->order ? "]" : "");
	}
	text_str(&t, "   r e l u p: sort   arrows: scroll   q: quit");
	line(LINES - 1, A_DIM, text_end(&t));
}

#define COLUMNS_STEP 16

/* A line of the table, from the column at the left on. */
static void table_line(const struct screen *s, int y, int attributes, struct text *t)
{
	const char *text = text_end(t);

	line(y, attributes, (size_t)s->left < t->len ? text + s->left : "");
}

static void draw(struct screen *s)
{
	char text[2048];
	struct text t = text_on(text, sizeof(text));
	int room = LINES - 3, i;

	erase();
	head(s);
	top_rows_head(&t);
	table_line(s, 1, A_REVERSE, &t);
	if (s->first > (int)s->rows.count - room)
		s->first = (int)s->rows.count - room;
	if (s->first < 0)
		s->first = 0;
	for (i = 0; i < room && s->first + i < (int)s->rows.count; i++) {
		const struct top_row *row = &s->rows.list[s->first + i];

		t = text_on(text, sizeof(text));
		top_rows_print(&t, row, true);
		table_line(s, 2 + i, row->ended == row->processes ? A_DIM : A_NORMAL, &t);
	}
	foot(s);
	refresh();
}

static void resort(struct screen *s, int key)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (keys[i].key == key) {
			s->order = keys[i].order;
			top_rows_sort(&s->rows, s->order);
		}
	}
}

/* False: no more keys will come; the terminal is gone, or it is the one that quits. */
static bool answer(struct screen *s, int key)
{
	switch (key) {
	case 'q':
		return false;
	case ERR:
		return isatty(STDIN_FILENO);
	case KEY_DOWN:
		s->first++;
		return true;
	case KEY_UP:
		s->first--;
		return true;
	case KEY_RIGHT:
		s->left += s->left < 10 * COLUMNS_STEP ? COLUMNS_STEP : 0;
		return true;
	case KEY_LEFT:
		s->left -= s->left ? COLUMNS_STEP : 0;
		return true;
	case KEY_NPAGE:
		s->first += LINES - 3;
		return true;
	case KEY_PPAGE:
		s->first -= LINES - 3;
		return true;
	default:
		resort(s, key);
		return true;
	}
}

static void watch(struct screen *s)
{
	int64_t left;

	do {
		left = s->read_ms + REFRESH_MS - now_ms();
		if (left <= 0 || !s->read_ms) {
			sample(s);
			left = REFRESH_MS;
		}
		draw(s);
		timeout((int)left);
	} while (answer(s, getch()));
}

int topscreen_run(const char *dir, enum top_order order)
{
	struct screen s = {.dir = dir, .order = order};
	SCREEN *terminal;

	setlocale(LC_CTYPE, "");
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		say("top", "this terminal (TERM) is not known; --once prints one table");
		return 1;
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	watch(&s);
	endwin();
	delscreen(terminal);
	forget(&s.folder, &s.rows);
	return 0;
}
