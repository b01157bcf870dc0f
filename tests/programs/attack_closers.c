/* SPDX-License-Identifier: MIT */
/*
 * Closes with unread input beside what makes a lingering close go wrong: threads, epolls, identities.
 * A close that takes as long as a limit of RSTFIX_LINGER is told as slow: bare none does.
 */
#include "victim.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>

#define SLOW_MS 1500 /* the limit in these tests is 2 s without progress */

static char block[1 << 20];

/*
 * With a filter of the program's own the shim cannot leave the socket to the kernel: what does not get
 * to linger waits inside its close, and is seen to be slow.
 */
static void unread_and_filtered_pair(int fds[2])
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
	struct sock_fprog program = {1, &all};

	unread_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool slow_close(int fd)
{
	long start = now_ms();

	return close(fd) != 0 || now_ms() - start > SLOW_MS;
}

/* --- another thread stands in a write --- */

static int shared_fd;
static long wrote;

static void *write_on(void *unused)
{
	ssize_t n;

	(void)unused;
	while ((n = write(shared_fd, block, 4096)) > 0)
		wrote += n;
	return strerrorname_np(errno) ? (void *)strerrorname_np(errno) : "";
}

/* The writer's call goes through, its next one finds the number closed, and SIGPIPE kills nobody. */
static void writer(char **args)
{
	struct pollfd room = {.events = POLLOUT};
	pthread_t thread;
	void *error;
	long got = 0;
	ssize_t n;
	int fds[2];

	(void)args;
	unread_pair(fds);
	shared_fd = room.fd = fds[0];
	pthread_create(&thread, NULL, write_on, NULL);
	while (poll(&room, 1, 100) == 1) /* until it stands */
		usleep(20000);
	close(fds[0]);
	usleep(100000);
	while ((n = read(fds[1], block, sizeof(block))) > 0)
		got += n;
	pthread_join(thread, &error);
	printf("the writer ends with %s, the peer got what it wrote: %d\n", (char *)error,
		got == wrote);
}

/* --- epolls --- */

static int registered(int fds[2], int *ep)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT};

	unread_and_filtered_pair(fds);
	*ep = epoll_create1(EPOLL_CLOEXEC);
	return epoll_ctl(*ep, EPOLL_CTL_ADD, fds[0], &ev);
}

static void closed_epoll(char **args)
{
	int fds[2], ep;

	(void)args;
	say("registered", registered(fds, &ep));
	close(ep);
	say("slow", slow_close(fds[0]));
}

/* It lives on under another number, and another epoll has its own. */
static void renamed_epoll(char **args)
{
	int fds[2], ep, other, stale = 0;
	struct epoll_event ev;

	(void)args;
	say("registered", registered(fds, &ep));
	other = dup(ep);
	close(ep);
	if (epoll_create1(EPOLL_CLOEXEC) != ep)
		err(1, "epoll_create1");
	close(fds[0]);
	for (int i = 0; i < 5; i++)
		stale += epoll_wait(other, &ev, 1, 10) > 0;
	say("events for a closed descriptor", stale);
}

/* --- SO_LINGER {1, n} with unread input: the kernel resets, and does not wait --- */

static void seconds(char **args)
{
	struct linger five = {1, 5};
	int fds[2];

	(void)args;
	unread_and_filtered_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &five, sizeof(five));
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (write(fds[0], block, sizeof(block)) > 0)
		;
	say("slow", slow_close(fds[0]));
}

/* --- SO_LINGER {1, n} with output under way: the kernel waits, and what interrupts that has closed --- */

static sigjmp_buf before_close;

static void jump(int signo)
{
	(void)signo;
	siglongjmp(before_close, 1);
}

static void come_back(int signo)
{
	(void)signo;
}

/* In the middle of a close that takes a second. */
static void signal_soon(int signo, void (*handler)(int))
{
	struct sigevent how = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = signo};
	struct itimerspec when = {.it_value.tv_nsec = 100000000};
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	timer_t timer;

	if (sigaction(signo, &action, NULL) || timer_create(CLOCK_MONOTONIC, &how, &timer) ||
		timer_settime(timer, 0, &when, NULL))
		err(1, "timer");
}

static int full_end(void)
{
	struct linger one = {1, 1};
	int fds[2];

	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &one, sizeof(one));
	while (send(fds[0], block, sizeof(block), MSG_DONTWAIT) > 0)
		;
	return fds[0];
}

static void interrupted(const char *by, int fd)
{
	long start = now_ms();

	if (close(fd) == 0)
		printf("%s: %s\n", by, now_ms() - start < 800 ? "at once" : "after its time");
}

static void seconds_interrupted(char **args)
{
	volatile int fd = full_end();
	sigset_t set;

	(void)args;
	signal_soon(SIGALRM, jump);
	if (!sigsetjmp(before_close, 1))
		interrupted("no jump", fd);
	say("after a jump", fcntl(fd, F_GETFD));
	signal_soon(SIGALRM, come_back);
	interrupted("a handler", full_end());
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_soon(SIGUSR1, come_back);
	signal_soon(SIGWINCH, SIG_DFL);
	interrupted("blocked and ignored", full_end());
	sigprocmask(SIG_SETMASK, NULL, &set);
	say("blocked", sigismember(&set, SIGUSR1) && !sigismember(&set, SIGALRM));
}

/* --- the first thread ends, the others go on --- */

static void *close_three(void *unused)
{
	unsigned slow = 0;

	usleep(50000);
	for (int i = 0; i < 3; i++) {
		int fds[2];

		unread_and_filtered_pair(fds);
		slow += slow_close(fds[0]);
	}
	say("slow", slow);
	return unused;
}

static void main_ends(char **args)
{
	pthread_t thread;

	(void)args;
	pthread_create(&thread, NULL, close_three, NULL);
	pthread_exit(NULL);
}

/* --- closes in three threads beside what ends, or asks something of, the reaper --- */

static volatile bool over;

static void *close_on(void *unused)
{
	unsigned long slow = 0;

	(void)unused;
	while (!over) {
		int fds[2];

		unread_and_filtered_pair(fds);
		slow += slow_close(fds[0]);
		close(fds[1]);
	}
	return (void *)slow;
}

static void beside(char **args)
{
	long end = now_ms() + 1500;
	pthread_t threads[3];
	unsigned long slow = 0;
	bool groups = !strcmp(args[0], "initgroups");

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, close_on, NULL);
	while (now_ms() < end) {
		if (groups)
			initgroups("root", 0);
		else
			seteuid(0);
		usleep(3000);
	}
	over = true;
	for (int i = 0; i < 3; i++) {
		void *count;

		pthread_join(threads[i], &count);
		slow += (unsigned long)count;
	}
	say("slow", (long)slow);
}

/* --- an identity is given up while a slow reader lingers --- */

static void identity(char **args)
{
	long start, other = 0;
	char line[300];
	int fds[2];
	FILE *f;

	(void)args;
	unread_and_filtered_pair(fds);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	while (write(fds[0], block, sizeof(block)) > 0)
		;
	close(fds[0]);
	start = now_ms();
	say("setuid", setuid(65534));
	say("at once", now_ms() - start < 800);
	f = popen("cat /proc/$PPID/task/*/status", "r");
	while (f && fgets(line, sizeof(line), f))
		other += !strncmp(line, "Uid:", 4) &&
			strcmp(line, "Uid:\t65534\t65534\t65534\t65534\n");
	say("threads that are somebody else", other);
}

/* Of a connection that is moved elsewhere the peer hears nothing. */
static void in_repair(char **args)
{
	struct pollfd peer = {.events = POLLRDHUP};
	int fds[2], on = 1;

	(void)args;
	unread_pair(fds);
	peer.fd = fds[1];
	say("repair", setsockopt(fds[0], IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)));
	say("close", close(fds[0]));
	say("the peer hears", poll(&peer, 1, 100));
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"writer", writer},
		{"closed-epoll", closed_epoll},
		{"renamed-epoll", renamed_epoll},
		{"seconds", seconds},
		{"seconds-interrupted", seconds_interrupted},
		{"main-ends", main_ends},
		{"beside", beside},
		{"identity", identity},
		{"repair", in_repair},
	};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
