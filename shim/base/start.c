/* SPDX-License-Identifier: MIT */
#include "start.h"

#include "../detect/facts.h"
#include "../detect/family.h"
#include "../detect/holders.h"
#include "../detect/in_flight.h"
#include "../detect/owner.h"
#include "../fix/linger.h"
#include "../log/event.h"
#include "../log/sink.h"
#include "../log/stats.h"
#include "../log/unwind.h"
#include "../policy/follow.h"
#include "../policy/policy.h"
#include "complaints.h"
#include "fdhint.h"
#include "format.h"
#include "helper.h"
#include "libc.h"
#include "readable.h"
#include "sandbox.h"
#include "sys.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct self self;
HOT_DATA bool start_shares_memory, start_fix, start_late, start_takes, start_every;
uint32_t start_waiting;

/* 1; the kernel makes it 0 in a child that got a copy of this memory (Linux 4.14). */
static uint32_t *not_forked;

static uint32_t busy; /* threads between start_busy_enter() and _leave() */
static bool stopping;

/* Sockets that were there before the program: inetd, socket activation, an exec. */
#define INHERITED_FDS 1024

void start_found(int fd)
{
	struct fdrec *rec = fdhint_begin(fd, HINT_STREAM);

	rec->pid = self.pid;
	rec->forks = owner_mark().forks;
	if (start_takes)
		rec->cookie = facts_cookie(fd);
}

/* True: what was not known before is this process's own, not a parent's. */
static void find_inherited(bool own)
{
	struct pollfd p[128];
	struct rlimit lim = {128, 128};
	struct timespec now = {0};
	unsigned first, i, chunk;

	sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, &lim); /* ppoll takes no more than that at once */
	chunk = lim.rlim_cur < 128 ? (unsigned)lim.rlim_cur : 128;
	for (first = 0; chunk && first < INHERITED_FDS; first += chunk) {
		for (i = 0; i < chunk; i++)
			p[i] = (struct pollfd){.fd = (int)(first + i)};
		if (sys5(SYS_ppoll, p, chunk, &now, 0, 0) < 0)
			return;
		for (i = 0; i < chunk; i++) {
			if ((p[i].revents & POLLNVAL) || fdhint_get(p[i].fd) ||
				!facts_is_tcp(p[i].fd))
				continue;
			start_found(p[i].fd);
			if (!own)
				fdhint_record(p[i].fd)->pid = 0;
		}
	}
}

/* A forked child: new pid, nothing proven, nothing told yet. */
static void forked(void)
{
	__atomic_store_n(not_forked, 1, __ATOMIC_RELAXED);
	self.pid = (pid_t)sys0(SYS_getpid);
	busy = 0;
	start_waiting = 0;
	linger_forked();
	in_flight_forked();
	/* A door in flight is copied with it. Without one nobody has counted this child. */
	if (!owner_vfork_running())
		family_void();
	owner_forked();
	family_forked();
	sink_forked();
	event_forked();
	if (self.threaded_at_fork) {
		unwind_caller_only();
		find_inherited(false);
	}
}

HOT bool start_ready(void)
{
	if (!__atomic_load_n(not_forked, __ATOMIC_RELAXED))
		forked();
	if (!owner_vfork_running() && !start_shares_memory)
		return true;
	return sys0(SYS_getpid) == self.pid;
}

/*
 * Without /proc (chroot). It does nothing where there is one thread, and is refused where there are more
 * (Linux, check_unshare_flags()): the reaper's as well.
 */
static bool has_one_thread(void)
{
	return self.unshare && sys1(SYS_unshare, CLONE_THREAD) == 0;
}

unsigned start_threads(void)
{
	struct stat st;

	if (sys4(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) < 0 || st.st_nlink < 3)
		return has_one_thread();
	return (unsigned)st.st_nlink - 2 - helper_running();
}

HOT uint32_t start_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

int64_t start_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

bool start_busy_enter(void)
{
	__atomic_add_fetch(&busy, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&stopping, __ATOMIC_SEQ_CST))
		return true;
	start_busy_leave();
	return false;
}

/* A child forked by a handler in between comes back here with nothing counted. */
void start_busy_leave(void)
{
	uint32_t n = __atomic_load_n(&busy, __ATOMIC_SEQ_CST);

	while (n &&
		!__atomic_compare_exchange_n(
			&busy, &n, n - 1, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

bool start_busy(void)
{
	return __atomic_load_n(&busy, __ATOMIC_SEQ_CST);
}

bool start_stopping(void)
{
	return __atomic_load_n(&stopping, __ATOMIC_SEQ_CST);
}

/* Bounded: what is counted may be the code that this very call has interrupted. */
static void wait_for_busy(void)
{
	unsigned tries;

	for (tries = 0; tries < 500 && __atomic_load_n(&busy, __ATOMIC_SEQ_CST); tries++) {
		struct timespec tick = {0, 1000000}; /* ppoll writes what is left of it */

		sys5(SYS_ppoll, 0, 0, &tick, 0, 0);
	}
}

void start_passive(const char *why)
{
	fdhint_shut();
	__atomic_store_n(&stopping, true, __ATOMIC_SEQ_CST);
	wait_for_busy();
	linger_settle(true);
	if (event_any() || fdhint_high() > 0)
		event_notice("sandbox", why);
	event_summary();
}

void start_resume(void)
{
	/* What was duplicated meanwhile was not seen. */
	owner_enter(DOOR_FORK);
	owner_leave(DOOR_FORK);
	family_void();
	__atomic_store_n(&stopping, false, __ATOMIC_SEQ_CST);
	linger_resume();
	fdhint_open();
}

/* A mistake never enforces anything: not the rules that could be read either. */
static void read_policy(struct complaints *c)
{
	struct options *o = &self.opt;

	if ((o->policy || o->policy_file) &&
		policy_start(o->policy, o->policy_file, self.program, complaints_rule, c) > 0)
		o->mode = MODE_AUDIT;
	o->policy = o->policy_file = NULL; /* the program may write over its environment */
}

static void name_program(const char *argv0)
{
	const char *slash = argv0 ? strrchr(argv0, '/') : NULL;
	struct text t = text_on(self.program, sizeof(self.program));

	text_str(&t, slash ? slash + 1 : argv0 ? argv0 : "?");
	text_end(&t);
}

/* RSTFIX_FOLLOW=0: LD_PRELOAD without this library, for what is executed from here. */
static void unfollow(char **envp)
{
	static const char key[] = "LD_PRELOAD=";
	char *list = NULL, *from, *to, *end;
	bool ours;

	for (; *envp && !list; envp++)
		if (strncmp(*envp, key, sizeof(key) - 1) == 0)
			list = *envp + sizeof(key) - 1;
	if (!list)
		return;
	for (from = to = list; *from; from = end) {
		end = from + strcspn(from, ": ");
		ours = memmem(from, (size_t)(end - from), "librstfix.so", 12) != NULL;
		if (*end)
			end++;
		if (!ours) {
			memmove(to, from, (size_t)(end - from));
			to += end - from;
		}
	}
	*to = 0;
}

/*
 * Also where the shim does not act in this program (RSTFIX_PROGRAMS), but not in mode off. Another
 * constructor may have made `environ` another array already.
 */
static void hand_on(char **envp)
{
	if (environ != envp && environ)
		follow_hide(environ);
	if (self.opt.mode == MODE_OFF)
		follow_hide(envp);
	else
		follow_start(self.opt.follow, envp);
	if (!self.opt.follow)
		unfollow(envp);
}

static bool map_fork_detector(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || madvise(p, 4096, MADV_WIPEONFORK) != 0)
		return false;
	not_forked = p;
	*not_forked = 1;
	return true;
}

/* The log, the tables, the stacks. False: no memory for them, and the shim stays out. */
static bool build(struct complaints *c)
{
	complaints_log(c, self.opt.log_path, sink_start());
	complaints_stats(c, self.opt.stats, stats_start());
	if (map_fork_detector() && fdhint_start() && event_start())
		return true;
	event_notice("memory", "no memory for its tables: nothing of this program is seen");
	sink_give_way();
	return false;
}

void start(int argc, char **argv, char **envp)
{
	struct complaints c = {.n = 0};
	const char *why;
	struct sandbox sandbox;

	if (libc_resolve() || getauxval(AT_SECURE))
		return;
	name_program(argc > 0 ? argv[0] : NULL);
	options_read(&self.opt, envp, complaints_option, &c);
	hand_on(envp);
	if (self.opt.mode == MODE_OFF || !options_program_matches(self.opt.programs, self.program))
		return;
	if (!sandbox_allows_us(&sandbox))
		return;
	self.pid = (pid_t)sys0(SYS_getpid);
	self.start_s = start_now_us() / 1000000;
	self.filtered = sandbox.filtered;
	self.exec_check = sandbox.exec_check;
	self.kcmp = sandbox.kcmp;
	self.unshare = sandbox.unshare;
	if (!sandbox.reaper)
		linger_forbid();
	read_policy(&c);
	start_fix = self.opt.mode == MODE_FIX;
	self.opt.watch &= !start_fix;
	start_takes = start_fix || self.opt.watch;
	start_every = self.opt.closes || self.opt.watch;
	start_late = start_fix && rules_name_to_fix(policy_rules(), PATTERN_LATE_DATA);
	if (!build(&c))
		return;
	holders_start();
	readable_start();
	complaints_tell(&c);
	if (sandbox.denies)
		event_notice("sandbox",
			"a seccomp filter that was there before denies some of the system calls "
			"that sockets are judged by: not all is seen, nor mended");
	find_inherited(true);
	fdhint_open();
	python_start();
	why = unwind_start();
	if (why)
		event_notice("unwinder", why);
}
