/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_DIFFERENTIAL_PROGRAM_H
#define RSTFIX_DIFFERENTIAL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A random program: a list of steps, each done by one actor, strictly one after the other. Descriptors
 * stand in slots, so that a program does not depend on the numbers that it gets.
 */

#define STEPS_MAX 96
#define ARGS_MAX  4
#define SLOTS	  12

/* Who does a step: the unwatched peer, or a process or thread of the program. */
enum actor { PEER, MAIN, THREAD, CHILD_A, CHILD_B, ACTORS };

/* What an argument stands for: nothing, a slot, a number, or one of a list of names. */
#define CHOICES(X) \
	X(SOCKET_TYPE) \
	X(ACCEPT_FLAGS) \
	X(HOW) \
	X(SET_OPTION) \
	X(GET_OPTION) \
	X(REQUEST) \
	X(CONTROL) \
	X(READ_FLAGS) \
	X(WRITE_FLAGS) \
	X(READ_BY) \
	X(WRITE_BY) \
	X(EPOLL_OP) \
	X(EPOLL_EVENTS) \
	X(POLL_EVENTS) \
	X(DUP_BY) \
	X(CLOSE_BY) \
	X(FILE_KIND) \
	X(STREAM_MODE) \
	X(CHILD) \
	X(EXIT_BY) \
	X(SPAWN_BY) \
	X(NAME_OF) \
	X(WAIT_BY)

enum arg_kind {
	NONE,
	SLOT,
	NUMBER,
#define X(name) name,
	CHOICES(X)
#undef X
		ARG_KINDS
};

/* Each call, as it is written down, and its arguments. */
#define CALLS(X) \
	X(CALL_SOCKET, "socket", SLOT, SOCKET_TYPE, NONE, NONE) \
	X(CALL_LISTENER, "listener", SLOT, SOCKET_TYPE, NONE, NONE) \
	X(CALL_CONNECT, "connect", SLOT, NONE, NONE, NONE) \
	X(CALL_CONNECT_OWN, "connect-own", SLOT, NONE, NONE, NONE) \
	X(CALL_DISCONNECT, "disconnect", SLOT, NONE, NONE, NONE) \
	X(CALL_ACCEPT, "accept", SLOT, SLOT, ACCEPT_FLAGS, NONE) \
	X(CALL_SHUTDOWN, "shutdown", SLOT, HOW, NONE, NONE) \
	X(CALL_SETSOCKOPT, "setsockopt", SLOT, SET_OPTION, NONE, NONE) \
	X(CALL_GETSOCKOPT, "getsockopt", SLOT, GET_OPTION, NONE, NONE) \
	X(CALL_IOCTL, "ioctl", SLOT, REQUEST, NONE, NONE) \
	X(CALL_FCNTL, "fcntl", SLOT, CONTROL, NONE, NONE) \
	X(CALL_NAME, "name", SLOT, NAME_OF, NONE, NONE) \
	X(CALL_READ, "read", SLOT, READ_BY, NUMBER, READ_FLAGS) \
	X(CALL_WRITE, "write", SLOT, WRITE_BY, NUMBER, WRITE_FLAGS) \
	X(CALL_POLL, "poll", SLOT, SLOT, POLL_EVENTS, NONE) \
	X(CALL_SELECT, "select", SLOT, SLOT, NONE, NONE) \
	X(CALL_WAIT, "wait", SLOT, WAIT_BY, NONE, NONE) \
	X(CALL_WAITED, "waited", NONE, NONE, NONE, NONE) \
	X(CALL_EPOLL, "epoll", SLOT, NONE, NONE, NONE) \
	X(CALL_EPOLL_CTL, "epoll_ctl", SLOT, EPOLL_OP, SLOT, EPOLL_EVENTS) \
	X(CALL_EPOLL_WAIT, "epoll_wait", SLOT, NONE, NONE, NONE) \
	X(CALL_DUP, "dup", SLOT, SLOT, DUP_BY, NONE) \
	X(CALL_DUP_OVER, "dup-over", SLOT, SLOT, DUP_BY, NONE) \
	X(CALL_CLOSE, "close", SLOT, CLOSE_BY, NONE, NONE) \
	X(CALL_CLOSE_RANGE, "close_range", SLOT, SLOT, CLOSE_BY, NONE) \
	X(CALL_PIPE, "pipe", SLOT, SLOT, FILE_KIND, NONE) \
	X(CALL_OPEN, "open", SLOT, FILE_KIND, NONE, NONE) \
	X(CALL_SEND_FD, "send-fd", SLOT, SLOT, NONE, NONE) \
	X(CALL_RECV_FD, "recv-fd", SLOT, SLOT, NONE, NONE) \
	X(CALL_STREAM, "stream", SLOT, STREAM_MODE, NUMBER, NONE) \
	X(CALL_FORK, "fork", CHILD, NONE, NONE, NONE) \
	X(CALL_SPAWN, "spawn", SPAWN_BY, SLOT, SLOT, NONE) \
	X(CALL_EXEC, "exec", NONE, NONE, NONE, NONE) \
	X(CALL_THREAD, "thread", NONE, NONE, NONE, NONE) \
	X(CALL_EXIT, "exit", EXIT_BY, NUMBER, NONE, NONE) \
	X(PEER_CONNECT, "peer-connect", NUMBER, NONE, NONE, NONE) \
	X(PEER_ACCEPT, "peer-accept", NONE, NONE, NONE, NONE) \
	X(PEER_SEND, "peer-send", NUMBER, NUMBER, WRITE_FLAGS, NONE) \
	X(PEER_RECV, "peer-recv", NUMBER, NUMBER, NONE, NONE) \
	X(PEER_SHUTDOWN, "peer-shutdown", NUMBER, NONE, NONE, NONE) \
	X(PEER_CLOSE, "peer-close", NUMBER, NONE, NONE, NONE) \
	X(PEER_RESET, "peer-reset", NUMBER, NONE, NONE, NONE)

enum call {
#define X(symbol, name, a, b, c, d) symbol,
	CALLS(X)
#undef X
		CALLS_COUNT
};

struct step {
	uint8_t actor;
	uint8_t call;
	int16_t arg[ARGS_MAX]; /* a name is its place in its list */
};

struct program {
	uint64_t seed; /* 0: read from a file */
	int count;
	struct step steps[STEPS_MAX];
};

struct choice {
	const char *name;
	int v[4];
};

/* The list of one kind of names, ended by a NULL name; its length. */
const struct choice *choices_of(enum arg_kind kind);
int choices_count(enum arg_kind kind);

enum arg_kind program_kind(enum call call, int arg);

/* The choice that a step's argument names. */
const struct choice *program_choice(const struct step *s, int arg);

/* One step as it is written down, without a newline. */
void program_print_step(const struct step *s, char *text, size_t size);
void program_print(const struct program *p);

/* False: the file cannot be read, or a line of it; which one is told on standard error. */
bool program_read(struct program *p, const char *path);

/* The program of a seed; the same one for ever. */
void program_generate(struct program *p, uint64_t seed);

#endif
