/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include "sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* "Seccomp:\t2" in /proc/self/status; asking by prctl might be what the filter kills for. */
static bool filtered(void)
{
	char buf[4096], *line;
	long fd = sys4(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC, 0), n;

	if (fd < 0)
		return true; /* not to be known: it is tried */
	n = sys3(SYS_read, fd, buf, sizeof(buf) - 1);
	sys1(SYS_close, fd);
	buf[n > 0 ? n : 0] = 0;
	line = strstr(buf, "\nSeccomp:\t");
	return line && line[10] != '0';
}

static const short needed[] = {SYS_getsockopt, SYS_setsockopt, SYS_ioctl, SYS_shutdown,
	SYS_recvfrom, SYS_sendto, SYS_socket, SYS_getsockname, SYS_getpeername, SYS_ppoll,
	SYS_fcntl, SYS_newfstatat, SYS_pwritev2, SYS_openat, SYS_faccessat, SYS_readlinkat,
	SYS_gettid, SYS_getcwd, SYS_prlimit64, SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait,
	SYS_rt_sigprocmask, SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_rt_sigaction, SYS_madvise,
	SYS_mincore, SYS_uname, SYS_geteuid, SYS_getpid, SYS_sigaltstack, SYS_write, SYS_futex};

static const short for_the_reaper[] = {SYS_mmap, SYS_mprotect, SYS_socketpair, SYS_sendmsg,
	SYS_recvmsg, SYS_tgkill, SYS_prctl, SYS_close_range, SYS_pidfd_open, SYS_pidfd_getfd,
	SYS_sched_getscheduler, SYS_sched_setscheduler, SYS_accept4, SYS_getdents64};

static const short for_stats[] = {SYS_mmap, SYS_madvise, SYS_statfs, SYS_fstatfs, SYS_fallocate,
	SYS_ftruncate, SYS_getrandom, SYS_unlinkat, SYS_clock_gettime};

static const short for_exec[] = {SYS_execveat, SYS_pread64};

static const short for_kcmp[] = {SYS_kcmp, SYS_getppid};

static const short for_unshare[] = {SYS_unshare};

enum answer { KILLED, DENIED, ALLOWED };

/* Each with arguments that do nothing, and that no kernel answers so: does it come back, and how? */
static enum answer try_all(const short *calls, unsigned n)
{
	uint64_t no_core[2] = {0, 0};
	enum answer all = ALLOWED;
	unsigned i;
	long r;

	sys4(SYS_prlimit64, 0, RLIMIT_CORE, no_core, 0);
	for (i = 0; i < n; i++) {
		r = sys_call(calls[i], -1, -1, -1, -1, -1, -1);
		if (r == -EPERM || (r == -ENOSYS && calls[i] != SYS_futex)) /* of no operation */
			all = DENIED;
	}
	return all;
}

/*
 * Exit signal 0 and __WALL: the program's SIGCHLD handler and wait() see nothing of it. For the
 * reaper it ends as a thread does, which a filter may kill for as well.
 */
static enum answer answer_to(const short *calls, unsigned n)
{
	int status = 0;
	long child, r;

	child = sys_call(SYS_clone, 0, 0, 0, 0, 0, 0);
	if (child == 0)
		sys1(calls == for_the_reaper ? SYS_exit : SYS_exit_group, try_all(calls, n));
	if (child < 0)
		return KILLED;
	do
		r = sys4(SYS_wait4, child, &status, __WALL, 0);
	while (r == -EINTR);
	return r == child && WIFEXITED(status) ? (enum answer)WEXITSTATUS(status) : KILLED;
}

static bool survived(const short *calls, unsigned n)
{
	return answer_to(calls, n) != KILLED;
}

#define SURVIVED(calls) survived(calls, sizeof(calls) / sizeof((calls)[0]))

bool sandbox_allows_us(struct sandbox *s)
{
	enum answer answer;

	*s = (struct sandbox){.reaper = true, .exec_check = true, .kcmp = true, .unshare = true};
	if (!filtered())
		return true;
	s->filtered = true;
	answer = answer_to(needed, sizeof(needed) / sizeof(needed[0]));
	if (answer == KILLED)
		return false;
	s->denies = answer == DENIED;
	s->reaper = SURVIVED(for_the_reaper);
	s->exec_check = SURVIVED(for_exec);
	s->kcmp = SURVIVED(for_kcmp);
	s->unshare = SURVIVED(for_unshare);
	return true;
}

bool sandbox_allows_stats(void)
{
	return !filtered() || SURVIVED(for_stats);
}

bool sandbox_allows_connect(void)
{
	static const short calls[] = {SYS_connect};

	return !filtered() || survived(calls, 1);
}

bool sandbox_allows_peek(void)
{
	static const short calls[] = {SYS_process_vm_writev};

	return !filtered() || survived(calls, 1);
}
