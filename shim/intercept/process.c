/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "../detect/family.h"
#include "../detect/owner.h"
#include "../fix/deferred.h"
#include "../fix/linger.h"
#include "closing.h"
#include "export.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * The doors by which a process is made. Each raises an epoch (owner.h); what a child inherits is
 * its parent's as well. The child itself is made ready at its first door (start_ready), so that it
 * does not matter how it was made.
 */

static bool before_fork(void)
{
	deferred_before();
	if (watched(0) && start_ready())
		self.threaded_at_fork = start_threads() != 1;
	return family_fork_begin();
}

static pid_t after_fork(pid_t pid, bool counted)
{
	if (pid < 0 && counted)
		family_fork_undone();
	if (pid != 0)
		owner_leave(DOOR_FORK);
	else if (watched(0))
		start_ready();
	return pid;
}

static pid_t rf_fork(pid_t (*real)(void))
{
	bool counted = before_fork();

	return after_fork(real(), counted);
}

EXPORT(pid_t, fork, (void))
{
	return rf_fork(libc_fork);
}

EXPORT(pid_t, __fork, (void))
{
	return rf_fork(libc___fork);
}

EXPORT(pid_t, _Fork, (void))
{
	return rf_fork(libc__Fork);
}

EXPORT(pid_t, forkpty, (int *master, char *name, const void *termios, const void *winsize))
{
	bool counted = before_fork();

	return after_fork(libc_forkpty(master, name, termios, winsize), counted);
}

EXPORT(int, daemon, (int nochdir, int noclose))
{
	bool counted;
	int r;

	if (start_takes && watched(0) && start_ready())
		linger_settle(false); /* the parent ends inside of it */
	counted = before_fork();
	r = libc_daemon(nochdir, noclose); /* the parent does not come back */
	if (r == 0 && counted)
		family_fork_undone();
	after_fork(r == 0 ? 0 : -1, counted);
	return r;
}

/*
 * A thread with a descriptor table of its own: the numbers are ambiguous from here on, and whatever
 * is closed in one table may live on in the other. Nothing is proven any more.
 */
void rf_split_tables(void)
{
	deferred_before();
	if (!watched(0) || !start_ready())
		return;
	owner_split();
	family_void();
}

int rf_unshare(int flags)
{
	if (start_takes && watched(0) && start_ready())
		linger_settle(false); /* a user namespace wants a process with one thread */
	if (flags & CLONE_FILES)
		rf_split_tables();
	return libc_unshare(flags);
}

EXPORT(int, unshare, (int flags))
{
	return rf_unshare(flags);
}

/* clone() of a thread makes no process; one with CLONE_VM makes another process in this memory. */
static int rf_clone(int (*real)(int (*)(void *), void *, int, void *, void *, void *, void *),
	int (*fn)(void *), void *stack, int flags, void *arg, void *ptid, void *tls, void *ctid)
{
	bool counted;

	if ((flags & CLONE_THREAD) && (flags & CLONE_FILES))
		return real(fn, stack, flags, arg, ptid, tls, ctid);
	if (flags & CLONE_THREAD)
		rf_split_tables();
	if (flags & CLONE_VM)
		start_shares_memory = true;
	counted = before_fork();
	/* The child begins in fn. */
	return after_fork(real(fn, stack, flags, arg, ptid, tls, ctid), counted);
}

EXPORT(int, clone,
	(int (*fn)(void *), void *stack, int flags, void *arg, void *ptid, void *tls, void *ctid))
{
	return rf_clone(libc_clone, fn, stack, flags, arg, ptid, tls, ctid);
}

EXPORT(int, __clone,
	(int (*fn)(void *), void *stack, int flags, void *arg, void *ptid, void *tls, void *ctid))
{
	return rf_clone(libc___clone, fn, stack, flags, arg, ptid, tls, ctid);
}

/*
 * Law 8: a filter that the program installs does not know the shim's system calls. What is to be
 * said is said before; nothing is done afterwards.
 */
static const char sandboxed[] =
	"the program installs a seccomp filter: from here on its sockets are not watched";

/* Without a filter it is a question, what the kernel knows: libseccomp and others ask it that way. */
static bool installs(bool strict, bool filter, bool given)
{
	return (strict || (filter && given)) && watched(0) && start_ready();
}

int rf_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	bool active = option == PR_SET_SECCOMP &&
		installs(a == SECCOMP_MODE_STRICT, a == SECCOMP_MODE_FILTER, b != 0);
	int r;

	if (active)
		start_passive(sandboxed);
	r = libc_prctl(option, a, b, c, d);
	if (active && r != 0)
		start_resume();
	return r;
}

int rf_seccomp(unsigned operation, unsigned flags, void *args)
{
	bool active = installs(operation == SECCOMP_SET_MODE_STRICT,
		operation == SECCOMP_SET_MODE_FILTER, args != NULL);
	int r;

	if (active)
		start_passive(sandboxed);
	r = libc_seccomp(operation, flags, args);
	/* TSYNC names a thread that it failed for; NEW_LISTENER returns a descriptor. */
	if (active && (r < 0 || (r > 0 && !(flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))))
		start_resume();
	return r;
}

EXPORT(int, prctl, (int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d))
{
	return rf_prctl(option, a, b, c, d);
}

EXPORT(int, seccomp, (unsigned operation, unsigned flags, void *args))
{
	return rf_seccomp(operation, flags, args);
}
