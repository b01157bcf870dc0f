/* SPDX-License-Identifier: MIT */
/*
 * Servers that close with unread input, many times or at awkward moments. What is printed is the same
 * with the shim, but for the figures that only a mended close can have.
 */
#include "peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define REQUEST 100
#define ANSWER	2000
#define LARGE	65536 /* fits into what the two kernels hold, so that no write waits */

extern char **environ;
static char answer[1 << 20];

/* Where there is but one, it stays. */
static void use_processor(pid_t pid, int which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(which, &set);
	sched_setaffinity(pid, sizeof(set), &set);
}

static pid_t start_late_peer(int port, long bytes)
{
	char text[2][24];

	snprintf(text[0], 24, "%d", port);
	snprintf(text[1], 24, "%ld", bytes);
	return start_peer((char *[]){"peers", "late", text[0], text[1], NULL});
}

/* They stand for other machines: they must not take the server's processor from it. */
static pid_t start_peers(int port, unsigned count, long bytes, int silent)
{
	pid_t pid = start_asking_peers(port, count, bytes, silent);

	use_processor(pid, 1);
	return pid;
}

static void await_peers(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	say("peers", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
}

/* --- a single-threaded epoll server that rejects --- */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
	return *(const uint32_t *)a < *(const uint32_t *)b ? -1 : 1;
}

/* In nanoseconds, for the benchmark. */
static void tell_times(uint32_t *took, unsigned count)
{
	qsort(took, count, sizeof(*took), by_size);
	fprintf(stderr, "close ns: p50 %u p99 %u p99.9 %u max %u\n", took[count / 2],
		took[count - count / 100 - 1], took[count - count / 1000 - 1], took[count - 1]);
}

/* Each registration carries the turn in which its descriptor was accepted. */
static uint32_t reject_one(int ep, int listener, unsigned turn, unsigned *stale)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP, .data.u64 = turn}, got[8];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), n, i;
	bool readable = false;
	int64_t start;

	if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		err(1, "accept");
	while (!readable) {
		n = epoll_wait(ep, got, 8, 5000);
		if (n <= 0)
			errx(1, "nothing comes in turn %u", turn);
		for (i = 0; i < n; i++) {
			readable |= got[i].data.u64 == turn;
			*stale += got[i].data.u64 != turn;
		}
	}
	if (send(fd, answer, ANSWER, MSG_NOSIGNAL) != ANSWER)
		err(1, "send");
	start = now_ns();
	close(fd);
	return (uint32_t)(now_ns() - start);
}

static void epoll_server(char **args)
{
	unsigned count = (unsigned)atoi(args[0]), stale = 0, turn;
	int port, listener = listen_on(&port), ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event got[8];
	pid_t peers = start_peers(port, count, ANSWER, 0);
	uint32_t *took = calloc(count, sizeof(*took));

	use_processor(0, 0);
	for (turn = 0; took && turn < count; turn++)
		took[turn] = reject_one(ep, listener, turn, &stale);
	await_peers(peers);
	stale += (unsigned)epoll_wait(ep, got, 8, 50);
	say("events for closed descriptors", stale);
	tell_times(took, count);
	free(took);
}

/* --- many, of which a tenth never answers --- */

static long resident_kb(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long all, resident = 0;

	if (f && fscanf(f, "%ld %ld", &all, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return resident * 4;
}

/* Of the thread that has most: each may have a table of its own. */
static long most_descriptors(void)
{
	DIR *tasks = opendir("/proc/self/task"), *fds;
	struct dirent *task;
	char path[300];
	long most = 0, n;

	while (tasks && (task = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/fd", task->d_name);
		fds = *task->d_name == '.' ? NULL : opendir(path);
		for (n = 0; fds && readdir(fds);)
			n++;
		if (fds)
			closedir(fds);
		most = n > most ? n : most;
	}
	if (tasks)
		closedir(tasks);
	return most;
}

/* COUNT MOST: prints whether more than MOST descriptors were ever seen, and whether memory grew. */
static void many(char **args)
{
	unsigned count = (unsigned)atoi(args[0]), turn;
	int port, listener = listen_on(&port), fd;
	long most = 0, before = 0, grown;
	pid_t peers = start_peers(port, count, ANSWER, 1);

	for (turn = 0; turn < count; turn++) {
		char byte;

		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || recv(fd, &byte, 1, 0) != 1 ||
			send(fd, answer, ANSWER, MSG_NOSIGNAL) != ANSWER)
			err(1, "serve");
		close(fd);
		if (turn == count / 4)
			before = resident_kb();
		if (turn % (count / 20) == 0 && most_descriptors() > most)
			most = most_descriptors();
	}
	grown = resident_kb() - before;
	await_peers(peers);
	say("too many descriptors", most > atol(args[1]));
	say("memory has grown", grown > 1024);
	fprintf(stderr, "descriptors %ld, memory grew by %ld kB\n", most, grown);
}

/* --- a slow link --- */

/* HOW: four times what `answer` holds, and at once closed with the request unread, or read ("late"). */
static void slow(char **args)
{
	int port, listener = listen_on(&port), fd, i, late = !strcmp(args[0], "late");
	long all = 4L * (long)sizeof(answer);
	pid_t peers = late ? start_late_peer(port, all) : start_peers(port, 1, all, 0);
	struct pollfd p = {.events = POLLIN};

	fd = p.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0 || poll(&p, 1, 5000) != 1)
		err(1, "accept");
	if (late && recv(fd, (char[REQUEST]){0}, REQUEST, MSG_WAITALL) != REQUEST)
		err(1, "recv");
	for (i = 0; i < 4; i++)
		if (send(fd, answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
			err(1, "send");
	close(fd);
	if (late)
		kill(peers, SIGUSR1);
	await_peers(peers);
}

/* --- what a program does next --- */

/* One connection, answered and closed with its request unread. */
static void reject(int listener)
{
	struct pollfd p = {.events = POLLIN};
	int size = 4 << 20;

	p.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (p.fd < 0 || poll(&p, 1, 5000) != 1)
		err(1, "accept");
	setsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (send(p.fd, answer, LARGE, MSG_NOSIGNAL) != LARGE)
		err(1, "send");
	close(p.fd);
}

static int install_filter(unsigned flags)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_filter kill_recvfrom[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvfrom, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS), allow};
	struct sock_fprog program = {4, kill_recvfrom};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static void fork_and_wait(int listener)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		reject(listener); /* the child lingers on its own */
		exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "the child failed");
}

static void use_all_descriptors(void)
{
	unsigned n = 0;

	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		n++;
	say("descriptors to be had", n);
}

/* HOW: one mended close, and then that. Ends by itself, or prints what it came to. */
static void and_then(char **args)
{
	struct rlimit limit = {64, 64};
	int port, listener = listen_on(&port), twice = !strcmp(args[0], "fork");
	pid_t peers = start_peers(port, twice ? 2 : 1, LARGE, 0);

	if (!strcmp(args[0], "emfile")) /* of which the shim has its part from the beginning */
		setrlimit(RLIMIT_NOFILE, &limit);
	reject(listener);
	if (!strcmp(args[0], "exit"))
		exit(7);
	if (!strcmp(args[0], "_exit"))
		_exit(7);
	if (!strcmp(args[0], "quick_exit"))
		quick_exit(7);
	if (!strcmp(args[0], "exit_group"))
		syscall(SYS_exit_group, 7);
	if (!strcmp(args[0], "exec"))
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
	if (!strcmp(args[0], "fork"))
		fork_and_wait(listener);
	if (!strcmp(args[0], "seccomp"))
		say("filter", install_filter(0));
	if (!strcmp(args[0], "tsync"))
		say("filter", install_filter(SECCOMP_FILTER_FLAG_TSYNC));
	if (!strcmp(args[0], "unshare"))
		say("unshare", unshare(CLONE_NEWUSER));
	if (!strcmp(args[0], "setuid"))
		say("setuid", setuid(65534));
	if (!strcmp(args[0], "emfile"))
		use_all_descriptors();
	await_peers(peers);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"epoll", epoll_server},
		{"many", many},
		{"slow", slow},
		{"then", and_then},
	};

	(void)argc;
	closefrom(3); /* so that what can be opened can be counted */
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
