/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const actor_names[ACTORS] = {"peer", "main", "thread", "a", "b"};

static const struct {
	const char *name;
	enum arg_kind kinds[ARGS_MAX];
} calls[CALLS_COUNT] = {
#define X(symbol, name, a, b, c, d) {name, {a, b, c, d}},
	CALLS(X)
#undef X
};

enum arg_kind program_kind(enum call call, int arg)
{
	return calls[call].kinds[arg];
}

const struct choice *program_choice(const struct step *s, int arg)
{
	return &choices_of(program_kind(s->call, arg))[s->arg[arg]];
}

void program_print_step(const struct step *s, char *text, size_t size)
{
	size_t at =
		(size_t)snprintf(text, size, "%-7s%s", actor_names[s->actor], calls[s->call].name);

	for (int i = 0; i < ARGS_MAX && at < size; i++) {
		switch (program_kind(s->call, i)) {
		case NONE:
			break;
		case SLOT:
			at += (size_t)snprintf(text + at, size - at, " s%d", s->arg[i]);
			break;
		case NUMBER:
			at += (size_t)snprintf(text + at, size - at, " %d", s->arg[i]);
			break;
		default:
			at += (size_t)snprintf(
				text + at, size - at, " %s", program_choice(s, i)->name);
		}
	}
}

void program_print(const struct program *p)
{
	char line[256];

	for (int i = 0; i < p->count; i++) {
		program_print_step(&p->steps[i], line, sizeof(line));
		puts(line);
	}
}

static bool read_number(const char *word, int most, int16_t *to)
{
	char *end;
	long n = strtol(word, &end, 10);

	*to = (int16_t)n;
	return end != word && !*end && n >= 0 && n <= most;
}

static bool read_arg(enum arg_kind kind, const char *word, int16_t *to)
{
	const struct choice *c;

	if (kind == SLOT)
		return word[0] == 's' && read_number(word + 1, SLOTS - 1, to);
	if (kind == NUMBER)
		return read_number(word, INT16_MAX, to);
	for (c = choices_of(kind); c->name; c++) {
		*to = (int16_t)(c - choices_of(kind));
		if (strcmp(c->name, word) == 0)
			return true;
	}
	return false;
}

static bool read_actor(const char *word, uint8_t *actor)
{
	for (*actor = 0; *actor < ACTORS; ++*actor)
		if (strcmp(actor_names[*actor], word) == 0)
			return true;
	return false;
}

static bool read_call(const char *word, uint8_t *call)
{
	for (*call = 0; *call < CALLS_COUNT; ++*call)
		if (strcmp(calls[*call].name, word) == 0)
			return true;
	return false;
}

static bool read_step(char *line, struct step *s)
{
	char *at, *word = strtok_r(line, " \t\n", &at);

	if (!word || !read_actor(word, &s->actor))
		return false;
	word = strtok_r(NULL, " \t\n", &at);
	if (!word || !read_call(word, &s->call) || (s->actor == PEER) != (s->call >= PEER_CONNECT))
		return false;
	for (int i = 0; i < ARGS_MAX && program_kind(s->call, i) != NONE; i++) {
		word = strtok_r(NULL, " \t\n", &at);
		if (!word || !read_arg(program_kind(s->call, i), word, &s->arg[i]))
			return false;
	}
	return !strtok_r(NULL, " \t\n", &at);
}

bool program_read(struct program *p, const char *path)
{
	FILE *file = fopen(path, "re");
	char line[256];
	int number = 0;
	bool right = file != NULL;

	memset(p, 0, sizeof(*p));
	if (!file)
		perror(path);
	while (right && fgets(line, sizeof(line), file)) {
		number++;
		line[strcspn(line, "#\n")] = 0;
		if (!line[strspn(line, " \t")])
			continue;
		right = p->count < STEPS_MAX && read_step(line, &p->steps[p->count++]);
		if (!right)
			fprintf(stderr, "%s:%d: no step: %s\n", path, number, line);
	}
	if (file)
		fclose(file);
	return right;
}
