/* SPDX-License-Identifier: MIT */
/*
 * The program that is watched: runs one generated program after the other, as the peer (trial.c) gives
 * it the turn. Its one argument is the path of the page that they share.
 */
#include "acting.h"
#include "base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOWEST	3  /* above the standard descriptors */
#define HIGHEST 64 /* where left ones are looked for */

static struct lockstep *page;

static void count_signal(int number)
{
	(void)number;
	page->signals++;
}

uint64_t acting_inode(int fd)
{
	struct stat st;

	if (fd < 0 || sys2(SYS_fstat, fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	return st.st_ino;
}

static void note_inodes(const struct acting *a)
{
	int n = 0;

	for (int i = 0; i < ARGS_MAX && n < 2; i++)
		if (program_kind(a->s->call, i) == SLOT)
			a->o->inode[n++] = acting_inode(acting_fd(a, i));
}

/* What a call has made is known by its number alone. */
static void note_made(const struct acting *a)
{
	enum call call = a->s->call;

	if (call == CALL_SOCKET || call == CALL_LISTENER || call == CALL_ACCEPT ||
		call == CALL_RECV_FD)
		a->o->inode[0] = a->o->ret >= 0 ? acting_inode(a->o->ret) : 0;
}

static void act(struct lockstep *l, enum actor me, const struct step *s)
{
	struct acting a = {.l = l,
		.me = me,
		.s = s,
		.o = &l->results.outcomes[l->at],
		.slots = l->slots[lockstep_process(me)]};

	note_inodes(&a);
	if (s->call == CALL_WAIT && me == THREAD) {
		acting_block(&a); /* the turn has gone on */
		return;
	}
	errno = 0;
	if (s->call == CALL_WAITED)
		acting_unblock(&a);
	else if (!acting_socket(&a) && !acting_transfer(&a) && !acting_wait(&a) &&
		!acting_descriptor(&a))
		acting_process(&a);
	a.o->error = errno;
	a.o->signals = (int32_t)l->signals;
	note_made(&a);
	a.o->done = 1;
	lockstep_pass(l, l->at + 1);
}

static int left_open(void)
{
	int n = 0;

	for (int fd = LOWEST; fd < HIGHEST; fd++)
		n += sys3(SYS_fcntl, fd, 1 /* F_GETFD */, 0) >= 0;
	return n;
}

/* Its thread and its children first, which find the program over as well. */
static void end_others(struct lockstep *l, enum actor me)
{
	struct outcome ignored;

	for (enum actor a = THREAD; a < ACTORS; a++) {
		if (!l->alive[a] || (a == THREAD ? me != MAIN : l->parent[a] != (int)me))
			continue;
		lockstep_give(l, a);
		acting_reap(l, a, &ignored);
	}
}

static void over(struct lockstep *l, enum actor me)
{
	if (me != THREAD)
		end_others(l, me);
	if (me != MAIN)
		return;
	close_range(LOWEST, ~0U, 0);
	l->results.left = left_open();
	lockstep_give(l, PEER);
}

void actor_run(struct lockstep *l, enum actor me)
{
	const struct step *s;

	for (;;) {
		lockstep_await(l, me, 0);
		s = lockstep_step(l);
		if (!s) {
			over(l, me);
			if (me != MAIN)
				return;
			continue;
		}
		if (s->actor == me) {
			act(l, me, s);
		} else {
			acting_reap(l, s->actor, &l->results.outcomes[l->at]);
			lockstep_pass(l, l->at + 1);
		}
	}
}

int main(int argc, char **argv)
{
	struct sigaction count = {.sa_handler = count_signal};
	enum actor me = MAIN;

	page = argc == 2 ? lockstep_map(argv[1]) : NULL;
	if (!page) {
		perror("runner");
		return 2;
	}
	acting_path = argv[1];
	sigaction(SIGPIPE, &count, NULL);
	if (page->resuming) { /* executed anew, in the middle of a program */
		me = (enum actor)page->resuming;
		page->resuming = 0;
		page->results.outcomes[page->at].done = 1;
		lockstep_pass(page, page->at + 1);
	}
	actor_run(page, me);
	_exit(0);
}
