/* SPDX-License-Identifier: MIT */
#ifndef FAULTED_H
#define FAULTED_H

/* The peer of faulted.c: a process without the library, which does what its program asks for. */

#include "victim.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define CONTROL_FD 3
#define PEERS	   16

/* READ_SOON: the program ends, or is replaced, without another word. */
enum { CONNECT = 'c', SEND = 's', RESET = 'r', CLOSE = 'f', READ = 'g', READ_SOON = 'x' };

struct request {
	char what;
	int port, bytes;
};

static struct {
	int fd;
	long got;
	int error;
	int open;
} faulted_peers[PEERS];
static int faulted_peer_count;

static inline long faulted_allow_all(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {1, &allow};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static inline void faulted_connect(int port, int bytes)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), small = 8192;
	static char request[65536];

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (faulted_peer_count == PEERS || connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
		send(fd, request, (size_t)bytes, MSG_NOSIGNAL) != bytes)
		err(1, "the peer");
	faulted_peers[faulted_peer_count].open = 1;
	faulted_peers[faulted_peer_count++].fd = fd;
}

static inline void faulted_do(const struct request *r)
{
	struct linger reset = {.l_onoff = 1};
	static char late[65536];

	if (r->what == CONNECT)
		faulted_connect(r->port, r->bytes);
	for (int i = 0; i < faulted_peer_count && r->what != CONNECT; i++) {
		if (!faulted_peers[i].open)
			continue;
		if (r->what == SEND)
			send(faulted_peers[i].fd, late, (size_t)r->bytes,
				MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r->what == RESET)
			setsockopt(
				faulted_peers[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		if (r->what == RESET || r->what == CLOSE) {
			close(faulted_peers[i].fd);
			faulted_peers[i].open = 0;
		}
	}
}

static inline void faulted_receive(int i)
{
	static char buf[65536];
	ssize_t n = recv(faulted_peers[i].fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n > 0)
		faulted_peers[i].got += n;
	else if (n == 0 || errno != EAGAIN) {
		faulted_peers[i].error = n ? errno : 0;
		faulted_peers[i].open = 0;
		close(faulted_peers[i].fd);
	}
}

/* Until the program has let go of its end, and every connection has come to its own. */
static inline void faulted_serve(int control)
{
	struct pollfd p[PEERS + 1];
	int reading = 0, wait_ms = -1, still;
	struct request r;

	for (;;) {
		p[0] = (struct pollfd){.fd = control, .events = POLLIN};
		still = control >= 0;
		for (int i = 0; i < faulted_peer_count; i++) {
			int watched = reading && faulted_peers[i].open;

			p[i + 1] = (struct pollfd){watched ? faulted_peers[i].fd : -1, POLLIN, 0};
			still |= watched;
		}
		if (!still)
			return;
		if (poll(p, (nfds_t)faulted_peer_count + 1, reading ? 3000 : wait_ms) == 0) {
			if (reading)
				return;
			reading = 1;
		}
		for (int i = 0; i < faulted_peer_count; i++)
			if (p[i + 1].revents)
				faulted_receive(i);
		if (!p[0].revents)
			continue;
		if (recv(control, &r, sizeof(r), MSG_WAITALL) != sizeof(r)) {
			control = -1;
			reading = 1;
			continue;
		}
		reading = r.what == READ;
		wait_ms = r.what == READ_SOON ? 20 : -1;
		faulted_do(&r);
		send(control, "", 1, MSG_NOSIGNAL);
	}
}

static inline void faulted_limit(int which, rlim_t value)
{
	struct rlimit limit = {value, value};

	if (setrlimit(which, &limit))
		_exit(94);
}

/* That system call fails for everybody; where `flag` is given, only with that bit in an argument. */
static inline void faulted_deny(unsigned number, unsigned argument, unsigned flag, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, args) + 8 * argument),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	if (!flag)
		code[3] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
		_exit(95);
}

/* A pipe that nobody reads any more. */
static inline void faulted_break(int fd)
{
	int ends[2];

	if (pipe(ends) || dup2(ends[1], fd) != fd)
		_exit(99);
	close(ends[0]);
	close(ends[1]);
}

static inline void faulted_hide(const char *folder)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
		mount("none", folder, "tmpfs", 0, NULL))
		_exit(96);
}

/* The clock of milliseconds that the shim uses begins again at 0 while the program runs. */
static inline void faulted_wrap_clock(void)
{
	struct timespec now;
	long long ms, until;
	FILE *file;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ms = now.tv_sec * 1000LL + now.tv_nsec / 1000000;
	until = (1LL << 32) - ms % (1LL << 32) - 8;
	if (unshare(CLONE_NEWTIME))
		_exit(97);
	file = fopen("/proc/self/timens_offsets", "w");
	if (!file ||
		fprintf(file, "monotonic %lld %lld\n", until / 1000, until % 1000 * 1000000) < 0 ||
		fclose(file))
		_exit(97);
	if (fork() > 0) { /* the child has the new clock; this one stands for it */
		int status = 0;

		wait(&status);
		if (WIFSIGNALED(status))
			kill(getpid(), WTERMSIG(status));
		_exit(WEXITSTATUS(status));
	}
}

/* What surrounds the program: its value decides. A word of the form deny:CALL:ARGUMENT:FLAG:ERRNO, in numbers. */
static inline void faulted_surround(const char *what)
{
	unsigned number, argument, flag, error;

	if (!what)
		return;
	if (sscanf(what, "deny:%u:%u:%u:%u", &number, &argument, &flag, &error) == 4)
		faulted_deny(number, argument, flag, error);
	else if (!strcmp(what, "filter"))
		faulted_allow_all();
	else if (!strcmp(what, "no-proc"))
		faulted_hide("/proc");
	else if (!strcmp(what, "few-files"))
		faulted_limit(RLIMIT_NOFILE, 16);
	else if (!strcmp(what, "little-memory"))
		faulted_limit(RLIMIT_AS, 24 << 20);
	else if (!strcmp(what, "small-files"))
		faulted_limit(RLIMIT_FSIZE, 4096);
	else if (!strcmp(what, "broken-stderr"))
		faulted_break(STDERR_FILENO);
	else if (!strcmp(what, "clock-wraps"))
		faulted_wrap_clock();
	else
		_exit(98);
}

/* argv: this program, the case, and the environment of the one under test. */
static inline int faulted_peer(char **argv)
{
	int ends[2], status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		err(1, "socketpair");
	child = fork();
	if (child == 0) {
		dup2(ends[1], CONTROL_FD); /* is the other end's number */
		for (char **setting = argv + 2; *setting; setting++)
			putenv(*setting);
		faulted_surround(getenv("FAULTED"));
		execl(argv[0], argv[0], "-", argv[1], NULL);
		_exit(93);
	}
	close(ends[1]);
	faulted_serve(ends[0]);
	if (waitpid(child, &status, 0) != child)
		err(1, "waitpid");
	printf("status: %#x\n", (unsigned)status);
	for (int i = 0; i < faulted_peer_count; i++)
		printf("peer: %ld %s\n", faulted_peers[i].got,
			faulted_peers[i].open		 ? "still open"
				: faulted_peers[i].error ? strerrorname_np(faulted_peers[i].error)
							 : "FIN");
	return 0;
}

#endif
