/* SPDX-License-Identifier: MIT */
/*
 * Random programs. What a slot holds is guessed, so that most calls go to what they are made for; the
 * rest meet what is closed, not there, or something else.
 */
#include "draw.h"

#include <string.h>
#include <sys/socket.h>

static void connect_to_peer(struct state *g, enum actor a)
{
	int s = slot_new(g);

	add(g, a, CALL_SOCKET, s, below(g, 4), 0, 0);
	add(g, a, CALL_CONNECT, s, 0, 0, 0);
	hold(g, a, s, CONNECTION);
	if (below(g, 10)) {
		add(g, PEER, PEER_ACCEPT, 0, 0, 0, 0);
		g->peers++;
	}
}

static void accept_from_peer(struct state *g, enum actor a)
{
	int listener = slot_of(g, a, LISTENING), s;

	if (g->slots[process_of(a)][listener] != LISTENING || !below(g, 8)) {
		listener = slot_new(g);
		add(g, a, CALL_LISTENER, listener, below(g, 4), 0, 0);
		hold(g, a, listener, LISTENING);
		g->listeners++;
	}
	add(g, PEER, PEER_CONNECT, g->listeners - 1, 0, 0, 0);
	g->peers++;
	if (!below(g, 8))
		return; /* it waits in the queue */
	s = slot_new(g);
	add(g, a, CALL_ACCEPT, s, listener, ANY, 0);
	hold(g, a, s, CONNECTION);
}

static void connect_to_itself(struct state *g, enum actor a)
{
	int s = slot_new(g);

	if (!g->listeners)
		return;
	add(g, a, CALL_SOCKET, s, below(g, 4), 0, 0);
	add(g, a, CALL_CONNECT_OWN, s, 0, 0, 0);
	hold(g, a, s, CONNECTION);
}

static void transfer(struct state *g, enum actor a)
{
	enum holds what = below(g, 6) ? CONNECTION : below(g, 2) ? UNIX : PIPE;
	int s = slot_of(g, a, what);

	if (below(g, 2))
		add(g, a, CALL_READ, s, ANY, ANY, ANY);
	else
		add(g, a, CALL_WRITE, s, ANY, ANY, ANY);
}

static void options(struct state *g, enum actor a)
{
	int s = slot_of(g, a, below(g, 6) ? CONNECTION : LISTENING);

	switch (below(g, 6)) {
	case 0:
	case 1:
		add(g, a, CALL_SETSOCKOPT, s, ANY, 0, 0);
		break;
	case 2:
	case 3:
		add(g, a, CALL_GETSOCKOPT, s, ANY, 0, 0);
		break;
	case 4:
		add(g, a, CALL_IOCTL, s, ANY, 0, 0);
		break;
	default:
		add(g, a, CALL_FCNTL, s, ANY, 0, 0);
	}
}

static void waits(struct state *g, enum actor a)
{
	int s = slot_of(g, a, CONNECTION), e, op;

	switch (below(g, 5)) {
	case 0:
		add(g, a, CALL_POLL, s, slot_of(g, a, CONNECTION), ANY, 0);
		return;
	case 1:
		add(g, a, CALL_SELECT, s, slot_of(g, a, LISTENING), 0, 0);
		return;
	}
	e = slot_of(g, a, EPOLL);
	if (g->slots[process_of(a)][e] != EPOLL) {
		e = slot_new(g);
		add(g, a, CALL_EPOLL, e, 0, 0, 0);
		hold(g, a, e, EPOLL);
	} else if (below(g, 2)) {
		add(g, a, CALL_EPOLL_WAIT, e, 0, 0, 0);
		return;
	}
	op = below(g, 3) ? 0 : ANY;
	add(g, a, CALL_EPOLL_CTL, e, op, s, ANY);
}

static void duplicates(struct state *g, enum actor a)
{
	int s = slot_of(g, a, CONNECTION), t;

	if (below(g, 3)) {
		t = slot_new(g);
		add(g, a, CALL_DUP, t, s, below(g, 3), 0);
	} else {
		t = slot_of(g, a, below(g, 2) ? CONNECTION : NOTHING);
		add(g, a, CALL_DUP_OVER, s, t, 3 + below(g, 3), 0);
	}
	hold(g, a, t, g->slots[process_of(a)][s]);
}

/* A socket in two hands, of which one is closed: the other has to keep what it had. */
static void shares(struct state *g, enum actor a)
{
	int s = slot_of(g, a, CONNECTION), t = slot_new(g), from = slot_of(g, a, OTHER);

	if (g->slots[process_of(a)][s] != CONNECTION)
		return;
	add(g, a, CALL_DUP, t, s, below(g, 3), 0);
	hold(g, a, t, CONNECTION);
	if (below(g, 3))
		add(g, PEER, PEER_SEND, g->peers ? below(g, g->peers) : 0, ANY, 1, 0);
	if (below(g, 3))
		add(g, a, CALL_CLOSE, s, below(g, 2), 0, 0);
	else
		add(g, a, CALL_DUP_OVER, from, s, 3 + below(g, 3), 0);
	hold(g, a, s, NOTHING);
	if (below(g, 2))
		add(g, a, CALL_WRITE, t, ANY, ANY, 0);
	add(g, a, CALL_READ, t, ANY, ANY, ANY);
}

static void others(struct state *g, enum actor a)
{
	int s = slot_new(g), t = slot_new(g);

	switch (below(g, 5)) {
	case 0:
		add(g, a, CALL_OPEN, s, below(g, 4), 0, 0);
		hold(g, a, s, OTHER);
		break;
	case 1:
		add(g, a, CALL_PIPE, s, t, 4, 0);
		hold(g, a, s, PIPE);
		hold(g, a, t, PIPE);
		break;
	case 2:
		add(g, a, CALL_PIPE, s, t, 5, 0);
		hold(g, a, s, UNIX);
		hold(g, a, t, UNIX);
		break;
	case 3:
		s = slot_of(g, a, UNIX);
		add(g, a, CALL_SEND_FD, s, slot_of(g, a, CONNECTION), 0, 0);
		break;
	default:
		add(g, a, CALL_RECV_FD, s, slot_of(g, a, UNIX), 0, 0);
		hold(g, a, s, CONNECTION);
	}
}

static void shuts(struct state *g, enum actor a)
{
	int s = slot_of(g, a, below(g, 9) ? CONNECTION : LISTENING);

	add(g, a, CALL_SHUTDOWN, s, below(g, 20) ? below(g, 3) : 3, 0, 0);
}

static void names(struct state *g, enum actor a)
{
	int s = slot_of(g, a, CONNECTION);

	if (below(g, 4))
		add(g, a, CALL_NAME, s, ANY, 0, 0);
	else
		add(g, a, CALL_DISCONNECT, s, 0, 0, 0);
}

static void closes(struct state *g, enum actor a)
{
	enum holds what = below(g, 5) ? CONNECTION : (enum holds)below(g, OTHER + 1);
	int s = slot_of(g, a, what);

	switch (below(g, 14)) {
	case 0:
		add(g, a, CALL_CLOSE_RANGE, s, below(g, 2) ? s : slot_of(g, a, CONNECTION), ANY, 0);
		break;
	case 1:
	case 2:
		add(g, a, CALL_STREAM, s, ANY, ANY, 0);
		break;
	default:
		add(g, a, CALL_CLOSE, s, below(g, 3) ? 0 : below(g, 3), 0, 0);
	}
	hold(g, a, s, NOTHING);
}

static void processes(struct state *g, enum actor a)
{
	int which = below(g, 2), s;
	enum actor child = which ? CHILD_B : CHILD_A;

	switch (below(g, 12)) {
	case 0:
		s = slot_of(g, a, CONNECTION);
		add(g, a, CALL_SPAWN, ANY, s, slot_of(g, a, CONNECTION), 0);
		break;
	case 1:
		if (a != THREAD && below(g, 2))
			add(g, a, CALL_EXEC, 0, 0, 0, 0);
		break;
	case 2:
	case 3:
	case 4:
		if (a != MAIN || g->alive[THREAD])
			break;
		add(g, a, CALL_THREAD, 0, 0, 0, 0);
		g->alive[THREAD] = true;
		g->waiting = false;
		break;
	case 5:
	case 6:
	case 7:
		if (a == MAIN && below(g, 3))
			break; /* not too often: a new image for each */
		add(g, a, CALL_EXIT, ANY, below(g, 4) == 0, 0, 0);
		g->alive[a] = false;
		if (a == MAIN)
			g->alive[THREAD] = false;
		break;
	default:
		if (g->alive[child] || a == CHILD_B)
			break;
		add(g, a, CALL_FORK, which, 0, 0, 0);
		g->alive[child] = true;
		memcpy(g->slots[child], g->slots[process_of(a)], sizeof(g->slots[child]));
	}
}

static void peer(struct state *g)
{
	int c = g->peers ? below(g, g->peers) : 0;

	switch (below(g, 9)) {
	case 0:
		add(g, PEER, PEER_SHUTDOWN, c, 0, 0, 0);
		break;
	case 1:
		add(g, PEER, PEER_CLOSE, c, 0, 0, 0);
		break;
	case 2:
		add(g, PEER, PEER_RESET, c, 0, 0, 0);
		break;
	case 3:
	case 4:
		add(g, PEER, PEER_RECV, c, ANY, 0, 0);
		break;
	default:
		add(g, PEER, PEER_SEND, c, ANY, below(g, 8) ? 1 : 3, 0);
	}
}

/* Somebody ends the wait before long, more often than not. */
static void wait_in_thread(struct state *g)
{
	int s = slot_of(g, THREAD, below(g, 5) ? CONNECTION : below(g, 2) ? LISTENING : EPOLL);
	enum holds what = g->slots[MAIN][s];

	if (!g->alive[THREAD] || g->waiting)
		return;
	add(g, THREAD, CALL_WAIT, s, what == EPOLL ? 4 : what == LISTENING ? 5 : below(g, 4), 0, 0);
	g->waiting = true;
}

static void end_wait(struct state *g)
{
	int c = g->peers ? below(g, g->peers) : 0;

	if (below(g, 4))
		add(g, PEER, below(g, 3) ? PEER_SEND : PEER_SHUTDOWN, c, 100, 1, 0);
	if (g->alive[THREAD])
		add(g, THREAD, CALL_WAITED, 0, 0, 0, 0);
	g->waiting = false;
}

static enum actor somebody(struct state *g)
{
	enum actor a;

	do
		a = (enum actor)(MAIN + below(g, ACTORS - MAIN));
	while (!g->alive[a] || (a == THREAD && g->waiting));
	return a;
}

static bool nobody(const struct state *g)
{
	return !g->alive[MAIN] && (!g->alive[THREAD] || g->waiting) && !g->alive[CHILD_A] &&
		!g->alive[CHILD_B];
}

static void one(struct state *g)
{
	enum actor a = somebody(g);
	int which = below(g, 100);

	if (g->waiting && !below(g, 3)) {
		end_wait(g);
		return;
	}
	if (which < 20)
		peer(g);
	else if (which < 37)
		transfer(g, a);
	else if (which < 46)
		options(g, a);
	else if (which < 54)
		waits(g, a);
	else if (which < 61 && below(g, 2))
		shares(g, a);
	else if (which < 61)
		duplicates(g, a);
	else if (which < 68)
		shuts(g, a);
	else if (which < 79)
		closes(g, a);
	else if (which < 83)
		connect_to_peer(g, a);
	else if (which < 87)
		accept_from_peer(g, a);
	else if (which < 88)
		connect_to_itself(g, a);
	else if (which < 91)
		others(g, a);
	else if (which < 99 && g->alive[THREAD] && below(g, 2))
		wait_in_thread(g);
	else if (which < 99)
		processes(g, a);
	else
		names(g, a);
}

void program_generate(struct program *p, uint64_t seed)
{
	struct state g = {.p = p, .random = seed * 0x2545f4914f6cdd1dU, .alive = {[MAIN] = true}};
	int steps = 8 + below(&g, 34);

	memset(p, 0, sizeof(*p));
	p->seed = seed;
	if (below(&g, 2))
		connect_to_peer(&g, MAIN);
	else
		accept_from_peer(&g, MAIN);
	while (p->count < steps && !nobody(&g))
		one(&g);
}
