/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_DRAW_H
#define RSTFIX_DIFFERENTIAL_DRAW_H

#include "program.h"

/* What the generator is made of: chance, the program so far, and a guess of what its slots hold. */

enum holds { NOTHING, CONNECTION, LISTENING, EPOLL, UNIX, PIPE, OTHER };

struct state {
	struct program *p;
	uint64_t random;
	enum holds slots[ACTORS][SLOTS];
	bool alive[ACTORS];
	int peers;
	int listeners;
	bool waiting; /* the thread, in a call */
	int fresh;    /* the next slot to be filled */
};

static inline uint32_t draw(struct state *g)
{
	uint64_t z = g->random += 0x9e3779b97f4a7c15U; /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (uint32_t)(z >> 32);
}

static inline int below(struct state *g, int n)
{
	return (int)(draw(g) % (uint32_t)n);
}

static inline enum actor process_of(enum actor a)
{
	return a == THREAD ? MAIN : a;
}

/* Mostly one that holds what is wanted. */
static inline int slot_of(struct state *g, enum actor a, enum holds wanted)
{
	int at = below(g, SLOTS);

	for (int i = 0; i < SLOTS && below(g, 100) < 97; i++, at = (at + 1) % SLOTS)
		if (g->slots[process_of(a)][at] == wanted)
			return at;
	return at;
}

static inline int slot_new(struct state *g)
{
	return g->fresh++ % SLOTS;
}

static inline void hold(struct state *g, enum actor a, int slot, enum holds what)
{
	g->slots[process_of(a)][slot] = what;
}

static inline int any(struct state *g, enum arg_kind kind)
{
	return below(g, choices_count(kind));
}

static inline int length(struct state *g)
{
	static const int16_t lengths[] = {1, 1, 10, 100, 100, 300, 1000, 1000, 4000, 20000, 32000};

	return lengths[below(g, sizeof(lengths) / sizeof(lengths[0]))];
}

/* For an argument: whatever is possible. The order in which a compiler evaluates arguments is its own. */
#define ANY (-1)

static inline void add(struct state *g, enum actor a, enum call call, int w, int x, int y, int z)
{
	const int args[ARGS_MAX] = {w, x, y, z};
	struct step *s = &g->p->steps[g->p->count];

	if (g->p->count == STEPS_MAX)
		return;
	*s = (struct step){.actor = (uint8_t)a, .call = (uint8_t)call};
	for (int i = 0; i < ARGS_MAX; i++) {
		enum arg_kind kind = program_kind(call, i);

		s->arg[i] = (int16_t)args[i];
		if (args[i] == ANY)
			s->arg[i] = (int16_t)(kind == NUMBER ? length(g) : any(g, kind));
	}
	g->p->count++;
}

#endif
