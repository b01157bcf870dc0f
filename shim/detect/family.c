/* SPDX-License-Identifier: MIT */
#include "family.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "holders.h"
#include "owner.h"

#include <fcntl.h>
#include <stddef.h>

/*
 * Calls in flight that change which numbers hold a counted socket: their counter and their record say
 * so at different moments. They look for an open door once they have begun, and a door for them once it
 * is open, before it goes through the records: one of the two sees the other, and gives the count up.
 */
static uint32_t changing;
static bool counting; /* this process has records with counters */

static void change_begin(void)
{
	__atomic_add_fetch(&changing, 1, __ATOMIC_SEQ_CST);
}

/* A child that was forked in between by a handler comes back here with nothing counted. */
static void change_end(void)
{
	uint32_t n = __atomic_load_n(&changing, __ATOMIC_SEQ_CST);

	while (n &&
		!__atomic_compare_exchange_n(
			&changing, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/* Is a change in flight but for `own` of the caller's? */
static bool change_seen(uint32_t own)
{
	return __atomic_load_n(&changing, __ATOMIC_SEQ_CST) > own;
}

/* A child is being made that may run the program's own code. */
static bool fork_open(void)
{
	return owner_mark().forks >= OWNER_IN_FLIGHT;
}

static uint64_t handle_of(const struct fdrec *rec)
{
	return __atomic_load_n(&rec->holders, __ATOMIC_SEQ_CST);
}

/* Whoever gets it lets it go: once. */
static uint64_t take_handle(struct fdrec *rec)
{
	return __atomic_exchange_n(&rec->holders, 0, __ATOMIC_SEQ_CST);
}

/* The first one that counts it stands. Who has begun to send it meanwhile may have seen no counter yet. */
static void publish(struct fdrec *rec, uint64_t handle)
{
	uint64_t none = 0;

	__atomic_store_n(&counting, true, __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(
		&rec->holders, &none, handle, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&rec->giving, __ATOMIC_SEQ_CST))
		holders_spoil(handle_of(rec));
}

/* What a passive process has kept counts as well: not fdhint_get(). */
static void each(void (*visit)(int fd, struct fdrec *rec, const void *with), const void *with)
{
	int fd, high = (int)fdhint_high();

	for (fd = 0; fd < high; fd++)
		if (__atomic_load_n(&fdhint_table[fd], __ATOMIC_RELAXED) & HINT_STREAM)
			visit(fd, fdhint_record(fd), with);
}

static void each_counted(void (*visit)(int fd, struct fdrec *rec, const void *with))
{
	if (__atomic_load_n(&counting, __ATOMIC_SEQ_CST))
		each(visit, NULL);
}

/* For a fix it must be this very socket that is counted. */
static bool known(const struct fdrec *rec)
{
	return rec->cookie || !start_fix;
}

struct fork {
	struct owner_mark before;
	uint32_t epoch;
};

static void count_for_child(int fd, struct fdrec *rec, const void *with)
{
	const struct fork *f = with;

	if (handle_of(rec))
		holders_add(handle_of(rec));
	else if (known(rec) && owner_made_alone(fd, rec, &f->before))
		publish(rec, holders_new(f->epoch, 2));
}

/* A passive process (law 8) lets go of nothing any more: what it holds is never proven again. */
static bool passive(void)
{
	return !__atomic_load_n(&fdhint_limit, __ATOMIC_SEQ_CST);
}

bool family_fork_begin(void)
{
	struct fork f = {.epoch = holders_epoch()};
	bool alone = false;

	change_begin();
	f.before = owner_mark();
	f.before.forks = owner_enter(DOOR_FORK);
	if (holders_started() && !passive()) {
		alone = f.before.forks < OWNER_IN_FLIGHT && !change_seen(1);
		if (alone)
			each(count_for_child, &f);
		else
			holders_void();
	}
	change_end();
	return alone;
}

static void take_back(int fd, struct fdrec *rec, const void *with)
{
	(void)fd;
	(void)with;
	holders_drop_unless_last(handle_of(rec));
}

void family_fork_undone(void)
{
	each_counted(take_back);
}

void family_forked(void)
{
	__atomic_store_n(&changing, 0, __ATOMIC_SEQ_CST);
}

static void spoil_inherited(int fd, struct fdrec *rec, const void *with)
{
	(void)fd;
	(void)with;
	if (!(__atomic_load_n(&rec->flags, __ATOMIC_SEQ_CST) & REC_CLOEXEC))
		holders_spoil(handle_of(rec));
}

void family_spawn_begin(void)
{
	if (change_seen(0))
		holders_void();
	each_counted(spoil_inherited);
}

bool family_dup_begin(int fd, struct fdrec *rec)
{
	uint32_t epoch = holders_epoch();
	struct owner_mark now;

	if (!holders_started())
		return false;
	change_begin();
	now = owner_mark();
	if (!handle_of(rec) && known(rec) && owner_made_alone(fd, rec, &now))
		publish(rec, holders_new(epoch, 1));
	if (owner_door_open())
		holders_spoil(handle_of(rec));
	holders_add(handle_of(rec));
	return true;
}

void family_dup_end(struct fdrec *rec, bool made)
{
	if (!made)
		holders_drop_unless_last(handle_of(rec));
	change_end();
}

void family_given(struct fdrec *rec)
{
	rec->flags |= REC_SHARED;
	holders_spoil(handle_of(rec));
}

void family_exposed(struct fdrec *rec)
{
	__atomic_fetch_and(&rec->flags, ~(uint32_t)REC_CLOEXEC, __ATOMIC_SEQ_CST);
	if (owner_door_open())
		holders_spoil(handle_of(rec));
}

void family_taken(struct fdrec *rec)
{
	holders_spoil(handle_of(rec));
	__atomic_store_n(&rec->taken, 1, __ATOMIC_SEQ_CST);
}

void family_forget(struct fdrec *rec)
{
	__atomic_store_n(&rec->holders, 0, __ATOMIC_SEQ_CST);
}

/*
 * This process has registered that number with an epoll, and leaves it there: the epoll goes on telling
 * of it until the last close, which must not linger then. What it has inherited is its parent's to undo.
 */
static bool leaves_registrations(const struct fdrec *rec)
{
	return (rec->epoll_count || (rec->flags & REC_EPOLLS_UNKNOWN)) &&
		rec->epoll_pid == self.pid;
}

/* An exec in progress that a handler has interrupted has let go already. */
static bool executing(const struct fdrec *rec)
{
	return __atomic_load_n(&rec->flags, __ATOMIC_SEQ_CST) & REC_EXECUTING;
}

static uint32_t let_go(const struct fdrec *rec, uint64_t handle)
{
	uint32_t left = executing(rec) ? HOLDERS_UNKNOWN : holders_drop(handle);

	if (left && leaves_registrations(rec))
		holders_spoil(handle);
	return left;
}

uint64_t family_close_begin(struct fdrec *rec, bool *last)
{
	uint64_t handle;

	*last = false;
	change_begin();
	handle = take_handle(rec);
	if (!handle) {
		change_end();
		return 0;
	}
	/* A child that is being made may get it or not: it stays counted. */
	if (!fork_open())
		*last = let_go(rec, handle) == 0;
	return handle;
}

void family_close_end(uint64_t handle, bool closed)
{
	if (!closed)
		holders_spoil(handle);
	change_end();
}

bool family_counts(uint64_t handle)
{
	return holders_count(handle) != HOLDERS_UNKNOWN;
}

bool family_other_was_last(uint64_t handle)
{
	return holders_count(handle) == 0;
}

void family_robbed(void)
{
	holders_end();
}

void family_void(void)
{
	holders_void();
}

/* Two threads may end the process at a time, or a handler the exit that it has interrupted. */
static void let_go_at_exit(int fd, struct fdrec *rec, const void *with)
{
	(void)fd;
	(void)with;
	let_go(rec, take_handle(rec));
}

static void exit_each(void (*visit)(int fd, struct fdrec *rec, const void *with), const void *with)
{
	change_begin();
	if (!fork_open() && __atomic_load_n(&counting, __ATOMIC_SEQ_CST))
		each(visit, with);
	change_end();
}

void family_exit(void)
{
	exit_each(let_go_at_exit, NULL);
}

struct exit_check {
	bool (*written)(int fd);
};

static void let_go_if_written(int fd, struct fdrec *rec, const void *with)
{
	const struct exit_check *check = with;

	if (handle_of(rec) && check->written(fd))
		let_go_at_exit(fd, rec, with);
}

/* No other thread may use what is let go some time before the end. */
static bool one_thread(void)
{
	return __atomic_load_n(&counting, __ATOMIC_SEQ_CST) && start_threads() == 1;
}

void family_exit_by_stdio(bool (*written)(int fd))
{
	struct exit_check check = {written};

	if (one_thread())
		exit_each(let_go_if_written, &check);
}

struct exec_check {
	bool (*succeeds)(const void *arg);
	const void *arg;
	bool asked, fails;
};

static bool goes_through(struct exec_check *check)
{
	if (!check->asked) {
		check->asked = true;
		check->fails = !check->succeeds(check->arg);
	}
	return !check->fails;
}

/*
 * Marked by the flag, which stands in the table for as long as the exec takes: before it is let go, and
 * until it has come back, so that a handler in between takes nothing off the count.
 */
static void let_go_at_exec(int fd, struct fdrec *rec, const void *with)
{
	uint64_t handle = handle_of(rec);

	if (!handle || !(rec->flags & REC_CLOEXEC) || leaves_registrations(rec) ||
		sys3(SYS_fcntl, fd, F_GETFD, 0) != FD_CLOEXEC ||
		!goes_through((struct exec_check *)with))
		return;
	__atomic_fetch_or(&rec->flags, REC_EXECUTING, __ATOMIC_SEQ_CST);
	if (!holders_drop_unless_last(handle))
		__atomic_fetch_and(&rec->flags, ~(uint32_t)REC_EXECUTING, __ATOMIC_SEQ_CST);
}

void family_exec_begin(bool (*succeeds)(const void *arg), const void *arg)
{
	struct exec_check check = {.succeeds = succeeds, .arg = arg};

	if (one_thread() && !fork_open())
		each(let_go_at_exec, &check);
}

/* Where the others have closed it meanwhile, the last of them took itself for the last. */
static void come_back(int fd, struct fdrec *rec, const void *with)
{
	(void)fd;
	(void)with;
	if (!executing(rec))
		return;
	if (holders_add(handle_of(rec)) == HOLDERS_UNKNOWN)
		family_forget(rec);
	__atomic_fetch_and(&rec->flags, ~(uint32_t)REC_EXECUTING, __ATOMIC_SEQ_CST);
}

void family_exec_failed(void)
{
	each_counted(come_back);
}
