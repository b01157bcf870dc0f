/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../fix/deferred.h"
#include "exec.h"
#include "export.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* The doors that only execute: once they have returned, the child has lost close-on-exec sockets. */

/*
 * Numbers that file actions have duplicated into a child, of which a bit each; `more`: others too. Actions
 * may be older than the socket, and used any number of times: what has such a number when a program is
 * spawned with any actions may live on there.
 */
#define SOURCES 1024

static uint64_t sources[SOURCES / 64];
static bool more_sources;

static void note_source(int fd)
{
	if ((unsigned)fd < SOURCES)
		__atomic_fetch_or(&sources[fd / 64], UINT64_C(1) << (fd % 64), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&more_sources, true, __ATOMIC_RELAXED);
}

static void give(int fd)
{
	if (!(fdhint_get(fd) & HINT_STREAM))
		return;
	if (start_may_note())
		family_given(fdhint_record(fd));
	else
		family_taken(fdhint_record(fd));
}

static void give_sources(void)
{
	for (unsigned i = 0; i < SOURCES / 64; i++) {
		uint64_t bits = __atomic_load_n(&sources[i], __ATOMIC_RELAXED);

		for (; bits; bits &= bits - 1)
			give((int)(i * 64) + __builtin_ctzll(bits));
	}
	if (!__atomic_load_n(&more_sources, __ATOMIC_RELAXED))
		return;
	for (unsigned fd = SOURCES; fd < fdhint_high(); fd++)
		give((int)fd);
}

struct spawn {
	int (*real)(
		pid_t *, const char *, const void *, const void *, char *const[], char *const[]);
	pid_t *pid;
	const char *path;
	const void *actions, *attr;
	char *const *argv;
};

static long call_spawn(const void *arg, char *const envp[])
{
	const struct spawn *s = arg;

	return s->real(s->pid, s->path, s->actions, s->attr, s->argv, envp);
}

static void spawn_begin(void)
{
	deferred_before();
	owner_enter(DOOR_SPAWN);
	family_spawn_begin();
}

static int rf_spawn(const struct spawn *s, char *const envp[])
{
	int r;

	spawn_begin();
	if (s->actions)
		give_sources();
	r = (int)exec_with(envp, call_spawn, s);
	owner_leave(DOOR_SPAWN);
	return r;
}

EXPORT(int, posix_spawn,
	(pid_t * pid, const char *path, const void *actions, const void *attr, char *const argv[],
		char *const envp[]))
{
	struct spawn s = {libc_posix_spawn, pid, path, actions, attr, argv};

	return rf_spawn(&s, envp);
}

EXPORT(int, posix_spawnp,
	(pid_t * pid, const char *file, const void *actions, const void *attr, char *const argv[],
		char *const envp[]))
{
	struct spawn s = {libc_posix_spawnp, pid, file, actions, attr, argv};

	return rf_spawn(&s, envp);
}

EXPORT(int, posix_spawn_file_actions_adddup2, (void *actions, int fd, int target))
{
	int r = libc_posix_spawn_file_actions_adddup2(actions, fd, target);

	if (r == 0)
		note_source(fd);
	return r;
}

static void leave_spawn(void *arg)
{
	(void)arg;
	owner_leave(DOOR_SPAWN);
}

/* system() and popen(): the shell gets `environ`. */
struct shell {
	const char *command, *type;
	FILE *(*popen)(const char *, const char *);
	FILE *stream;
	int status;
};

static void call_system(void *arg)
{
	struct shell *s = arg;

	s->status = libc_system(s->command);
}

static void call_popen(void *arg)
{
	struct shell *s = arg;

	s->stream = s->popen(s->command, s->type);
}

EXPORT(int, system, (const char *command))
{
	struct shell s = {.command = command};

	spawn_begin();
	pthread_cleanup_push(leave_spawn, NULL); /* system() is a cancellation point */
	exec_with_environ(call_system, &s);
	pthread_cleanup_pop(1);
	return s.status;
}

static FILE *rf_popen(
	FILE *(*real)(const char *, const char *), const char *command, const char *type)
{
	struct shell s = {.command = command, .type = type, .popen = real};

	spawn_begin();
	exec_with_environ(call_popen, &s);
	owner_leave(DOOR_SPAWN);
	return s.stream;
}

EXPORT(FILE *, popen, (const char *command, const char *type))
{
	return rf_popen(libc_popen, command, type);
}

EXPORT(FILE *, _IO_popen, (const char *command, const char *type))
{
	return rf_popen(libc__IO_popen, command, type);
}

/* Only a command in it makes a process: a shell, whose children may stay. */
struct expansion {
	const char *words;
	void *to;
	int flags, result;
};

static void call_wordexp(void *arg)
{
	struct expansion *x = arg;

	x->result = libc_wordexp(x->words, x->to, x->flags);
}

EXPORT(int, wordexp, (const char *words, void *to, int flags))
{
	struct expansion x = {words, to, flags, 0};

	if (!strpbrk(words, "(`"))
		return libc_wordexp(words, to, flags);
	spawn_begin();
	pthread_cleanup_push(leave_spawn, NULL);
	exec_with_environ(call_wordexp, &x);
	pthread_cleanup_pop(1);
	return x.result;
}
