/* SPDX-License-Identifier: MIT */
#include "cells.h"

#include "calls.h"
#include "doors.h"

#include <string.h>

/* Lists of names, a comma after each. ALL: every one. */
#define ALL	""
#define CLOSING "close,close_range,closefrom,fclose,freopen,dup2,dup3,exit,exec,"
#define READING "read,readv,recv,recvfrom,recvmsg,recvmmsg,"
#define WRITING "write,writev,send,sendto,sendmsg,sendmmsg,"

#define SENT "unread-close,linger-zero,linger2-negative,shutdown-read,late-data,"
#define TOLD "write-after-close,peer-reset,connect-refused,timed-out,"

static const struct {
	const char *patterns, *ops, *why;
} exceptions[] = {
	{"none,", ALL, "no pattern"},
	{ALL, "setsockopt,", "it arms, and resets nothing"},
	{SENT, READING WRITING "connect,getsockopt,", "the reset comes with the close"},
	{SENT, "shutdown,", "the reset comes with the close, or with data after the shutdown"},
	{TOLD, CLOSING "shutdown,", "an error that a call returns, and this one returns none"},
	{"write-after-close,", READING, "after the peer's FIN was read, a read returns 0 for ever"},
	{"write-after-close,peer-reset,timed-out,", "connect,", "EISCONN"},
	{"listener-close,", READING WRITING "getsockopt,",
		"what waits is reset by the close alone"},
	{"disconnect,", CLOSING READING WRITING "shutdown,getsockopt,", "connect() to AF_UNSPEC"},
};

static bool lists(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!*list)
		return true;
	for (; *list; list = strchr(list, ',') + 1) {
		if (strncmp(list, name, len) == 0 && list[len] == ',')
			return true;
	}
	return false;
}

const char *cells_impossible(enum pattern pattern, enum op op)
{
	for (size_t i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
		if (lists(exceptions[i].patterns, pattern_names[pattern]) &&
			lists(exceptions[i].ops, op_names[op]))
			return exceptions[i].why;
	}
	return NULL;
}

static int index_of(const char *const *names, int count, const char *name)
{
	int i = 0;

	while (i < count && (!name || strcmp(names[i], name) != 0))
		i++;
	return i;
}

enum pattern cells_pattern(const struct claim *c)
{
	return (enum pattern)index_of(pattern_names, PATTERN_COUNT, c->pattern);
}

/* What a trial of it can vary: the door, the call that fails, or nothing. */
enum ways { BY_DOOR, BY_CALL, BY_ITSELF };

static enum ways ways_of(const struct claim *c)
{
	if (!c->op)
		return BY_DOOR;
	return call_named(c->op) ? BY_CALL : BY_ITSELF;
}

enum op cells_op(const struct claim *c, const char *way)
{
	const struct call *call = call_named(way);
	const char *op = call ? call->op : c->op ? c->op : door_named(way)->op;

	return (enum op)index_of(op_names, OP_COUNT, op);
}

/* A door that writes before it closes would change what these are about, or has nowhere to write. */
static bool takes_writes(const struct claim *c)
{
	switch (cells_pattern(c)) {
	case PATTERN_UNREAD_CLOSE:
	case PATTERN_COUNT:
		return true;
	case PATTERN_LINGER_ZERO:
		return strcmp(c->intent, "abort") != 0;
	default:
		return false;
	}
}

static bool can_go(const struct claim *c, const char *way)
{
	const struct door *door = door_named(way);
	const struct end_door *end = door_that_ends(way);

	if (door && door->writes && !takes_writes(c))
		return false;
	if (end && end->status && judge_policy(c->victim)) /* a rule mends at any status */
		return false;
	return !c->pattern || !cells_impossible(cells_pattern(c), cells_op(c, way));
}

/* The i-th in the tables; NULL: there are no more. */
static const char *way_at(const struct claim *c, size_t i)
{
	if (ways_of(c) == BY_CALL)
		return i < calls_count ? calls[i].name : NULL;
	if (ways_of(c) == BY_ITSELF)
		return NULL;
	if (i < doors_count)
		return doors[i].name;
	i -= doors_count;
	return i < end_doors_count ? end_doors[i].door.name : NULL;
}

const char *cells_way(const struct claim *c, size_t n)
{
	const char *first = ways_of(c) == BY_CALL ? c->op : "close", *name;

	if (n == 0)
		return first;
	for (size_t i = 0; (name = way_at(c, i)); i++) {
		if (strcmp(name, first) != 0 && can_go(c, name) && --n == 0)
			return name;
	}
	return NULL;
}

static bool same(const struct claim *a, const struct claim *b)
{
	return cells_pattern(a) == cells_pattern(b) && strcmp(a->intent, b->intent) == 0 &&
		!judge_policy(a->victim) == !judge_policy(b->victim) && ways_of(a) == ways_of(b) &&
		(ways_of(a) != BY_ITSELF || strcmp(a->op, b->op) == 0);
}

/* An earlier claim shows the same. Of those without a pattern one stands for all. */
static bool shown(size_t k)
{
	const struct claim *c = claim_at(k);

	if (!c->pattern)
		return strcmp(c->victim, "clean_close") != 0;
	for (size_t i = 0; i < k; i++) {
		if (same(claim_at(i), c))
			return true;
	}
	return false;
}

const struct claim *cells_scene(size_t i)
{
	for (int p = 0; p <= PATTERN_COUNT; p++) {
		for (size_t k = 0; claim_at(k); k++) {
			if ((int)cells_pattern(claim_at(k)) == p && !shown(k) && i-- == 0)
				return claim_at(k);
		}
	}
	return NULL;
}
