/* SPDX-License-Identifier: MIT */
#include "compare.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MARKED_MAX (STEPS_MAX * 2)

/*
 * The sockets whose fate differs by design where a reset is averted, and the program still looks at them:
 * the two ends of a connection of the program with itself, and what the peer sends to after the program
 * has shut both sides (the bare kernel resets that at once).
 */
struct marks {
	int count;
	uint64_t inodes[MARKED_MAX];
	int shut_count;
	struct {
		uint64_t inode;
		int sides;
	} shut[STEPS_MAX];
	int pairs_count;
	struct {
		int port;
		uint64_t inode;
	} pairs[STEPS_MAX];
	int wrote_count;
	uint64_t wrote[STEPS_MAX];
	bool held; /* small output, until a segment comes or a timer ends: how much goes is time's */
	bool protected; /* by a filter, whose peer may reset what a bare kernel has reset before */
	int own_count;
	int own[STEPS_MAX]; /* the ports from which it has connected to itself */
};

static bool marked(const struct marks *m, uint64_t inode)
{
	for (int i = 0; inode && i < m->count; i++)
		if (m->inodes[i] == inode)
			return true;
	return false;
}

static void mark(struct marks *m, uint64_t inode)
{
	if (inode && !marked(m, inode) && m->count < MARKED_MAX)
		m->inodes[m->count++] = inode;
}

static void note_shutdown(struct marks *m, uint64_t inode, int how)
{
	int sides = how == SHUT_RDWR ? 3 : how == SHUT_RD ? 1 : 2, i;

	for (i = 0; i < m->shut_count && m->shut[i].inode != inode; i++)
		;
	if (i == m->shut_count) {
		m->shut[i].inode = inode;
		m->shut[i].sides = 0;
		m->shut_count++;
	}
	m->shut[i].sides |= sides;
}

static bool both_shut(const struct marks *m, uint64_t inode)
{
	for (int i = 0; i < m->shut_count; i++)
		if (m->shut[i].inode == inode && m->shut[i].sides == 3)
			return true;
	return false;
}

static bool wrote(const struct marks *m, uint64_t inode)
{
	for (int i = 0; i < m->wrote_count; i++)
		if (m->wrote[i] == inode)
			return true;
	return false;
}

static void note_sent(struct marks *m, int port)
{
	for (int i = 0; i < m->pairs_count; i++)
		if (m->pairs[i].port == port && both_shut(m, m->pairs[i].inode)) {
			mark(m, m->pairs[i].inode);
			m->protected |= wrote(m, m->pairs[i].inode);
		}
}

static void note_pair(struct marks *m, const struct step *s, const struct outcome *o)
{
	if (s->call == CALL_CONNECT_OWN) {
		m->own[m->own_count++] = o->port;
		mark(m, o->inode[0]);
	}
	for (int i = 0; s->call == CALL_ACCEPT && i < m->own_count; i++)
		if (m->own[i] == o->port)
			mark(m, o->inode[0]);
	m->pairs[m->pairs_count].port = o->port;
	m->pairs[m->pairs_count++].inode = o->inode[0];
}

static bool holds_output(const struct step *s)
{
	const int *option;

	if (s->call == CALL_WRITE)
		return program_choice(s, 3)->v[0] == MSG_MORE;
	option = s->call == CALL_SETSOCKOPT ? program_choice(s, 1)->v : NULL;
	return option && option[0] == IPPROTO_TCP && option[1] == TCP_CORK && option[2];
}

static void note(struct marks *m, const struct step *s, const struct outcome *o)
{
	m->held |= s->actor != PEER && holds_output(s);
	if (s->actor == PEER) {
		if (s->call == PEER_SEND)
			note_sent(m, o->port);
	} else if (s->call == CALL_WRITE && o->ret > 0) {
		m->wrote[m->wrote_count++] = o->inode[0];
	} else if (s->call == CALL_SHUTDOWN && o->ret == 0) {
		note_shutdown(m, o->inode[0], program_choice(s, 1)->v[0]);
	} else if (o->port && o->inode[0]) {
		note_pair(m, s, o);
	}
}

/* Of several at once: none is told from the others in what it returned. */
static bool excused(const struct marks *m, const struct step *s, const struct outcome *o)
{
	if (s->actor == PEER)
		return true;
	if (s->call == CALL_EPOLL_WAIT || s->call == CALL_WAITED)
		return m->count > 0 || o->closed; /* librstfix(7): that poll sees the FIN go out */
	return marked(m, o->inode[0]) || marked(m, o->inode[1]);
}

static bool same(const struct outcome *a, const struct outcome *b)
{
	return a->done == b->done && a->ret == b->ret && a->error == b->error && a->sum == b->sum;
}

static void tell(char *why, size_t size, int at, const struct step *s, const struct outcome *a,
	const struct outcome *b, enum mode mode)
{
	char line[160];

	program_print_step(s, line, sizeof(line));
	snprintf(why, size, "step %d, %s: bare returned %d (%s, sum %08x), %s %d (%s, sum %08x)%s",
		at + 1, line, a->ret, strerror(a->error), a->sum, mode_names[mode], b->ret,
		strerror(b->error), b->sum, a->done != b->done ? "; one was not made" : "");
}

static bool steps_same(const struct program *p, const struct results *bare,
	const struct results *with, enum mode mode, struct marks *m, char *why, size_t size)
{
	for (int i = 0; i < p->count; i++) {
		const struct outcome *a = &bare->outcomes[i], *b = &with->outcomes[i];

		note(m, &p->steps[i], a);
		if (mode == FIX && excused(m, &p->steps[i], a))
			continue;
		if (!same(a, b)) {
			tell(why, size, i, &p->steps[i], a, b, mode);
			return false;
		}
		if ((mode == AUDIT || !m->count) && a->signals != b->signals) {
			snprintf(why, size, "step %d: %d SIGPIPEs, %s %d", i + 1, a->signals,
				mode_names[mode], b->signals);
			return false;
		}
	}
	return true;
}

/* Whatever the bare run brought to the peer comes here as well, and first. */
static bool at_least(const struct received *a, const struct received *b)
{
	uint32_t common = a->bytes < HEAD_BYTES ? a->bytes : HEAD_BYTES;

	return b->bytes >= a->bytes && memcmp(a->head, b->head, common) == 0 &&
		(b->bytes > a->bytes || b->sum == a->sum);
}

static bool peers_same(const struct results *bare, const struct results *with, enum mode mode,
	bool held, char *why, size_t size)
{
	for (int c = 0; c < PEERS; c++) {
		const struct received *a = &bare->received[c], *b = &with->received[c];

		if (a->used != b->used) {
			snprintf(why, size, "the peer's connection %d: only in one", c);
			return false;
		}
		if (mode == FIX || (held && a->end == b->end)
				? at_least(a, b)
				: a->bytes == b->bytes && a->sum == b->sum && a->end == b->end)
			continue;
		snprintf(why, size, "the peer got %u bytes of connection %d (%d), %s %u (%d)",
			a->bytes, c, a->end, mode_names[mode], b->bytes, b->end);
		return false;
	}
	return true;
}

bool compare_runs(const struct program *p, const struct results *bare, const struct results *with,
	enum mode mode, char *why, size_t size)
{
	struct marks m = {0};

	why[0] = 0;
	if (bare->broken != with->broken) {
		snprintf(why, size, "bare ended with %d at step %d, %s with %d at step %d",
			bare->broken, bare->broken_at + 1, mode_names[mode], with->broken,
			with->broken_at + 1);
		return false;
	}
	if (!steps_same(p, bare, with, mode, &m, why, size) ||
		!peers_same(bare, with, mode, m.held, why, size))
		return false;
	if (bare->left != with->left)
		snprintf(why, size, "%d descriptors left, %s %d", bare->left, mode_names[mode],
			with->left);
	else if (mode == AUDIT && bare->resets != with->resets)
		snprintf(why, size, "%u RSTs, %s %u", bare->resets, mode_names[mode], with->resets);
	else if (mode == FIX && with->alone && !m.protected && bare->resets < with->resets)
		snprintf(why, size, "%u RSTs, %s %u", bare->resets, mode_names[mode], with->resets);
	return !why[0];
}
