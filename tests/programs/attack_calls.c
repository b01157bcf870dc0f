/* SPDX-License-Identifier: MIT */
/*
 * A socket is closed while another thread stands in a call on it, which holds it. The call ends as it
 * does bare: it gets what comes, and what it writes arrives.
 * usage: attack_calls CASE [syscall]
 */
#include "victim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#define FILE_SIZE (32 << 20) /* more than the two kernels hold */

static int fds[2], ends[2], file;
static bool by_syscall;
static int tid;

static char block[1 << 20];

static void await_standing(long number)
{
	char path[64], line[64];
	long in;

	for (int tries = 0; tries < 5000; tries++) {
		FILE *f;

		usleep(1000);
		snprintf(path, sizeof(path), "/proc/self/task/%d/syscall",
			__atomic_load_n(&tid, __ATOMIC_ACQUIRE));
		f = fopen(path, "r");
		in = f && fgets(line, sizeof(line), f) && *line != 'r' ? strtol(line, NULL, 10)
								       : -1;
		if (f)
			fclose(f);
		if (in == number)
			return;
	}
	errx(1, "nobody stands in call %ld", number);
}

static pthread_t start(void *(*function)(void *), long number)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, function, NULL))
		errx(1, "pthread_create");
	await_standing(number);
	return thread;
}

static void *began(void)
{
	__atomic_store_n(&tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
	return NULL;
}

static void close_and_wait(void)
{
	close(fds[0]);
	usleep(50000);
}

static long read_to_end(int fd)
{
	long all = 0;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0)
		all += n;
	return all;
}

static void end(pthread_t thread, const char *what)
{
	void *result;

	pthread_join(thread, &result);
	say(what, (long)result);
}

/* --- from a pipe into a socket that has room --- */

static void *splice_out(void *unused)
{
	(void)unused;
	began();
	if (by_syscall)
		return (void *)syscall(SYS_splice, ends[0], NULL, fds[0], NULL, 4096, 0);
	return (void *)splice(ends[0], NULL, fds[0], NULL, 4096, 0);
}

static void stand_in_output(int flags)
{
	pthread_t thread;

	unread_pair(fds);
	fcntl(fds[0], F_SETFL, flags);
	thread = start(splice_out, SYS_splice);
	close_and_wait();
	if (write(ends[1], "DATA", 4) != 4)
		err(1, "write");
	end(thread, "splice");
	say("the peer gets", read_to_end(fds[1]));
	close(fds[1]);
}

static void output(char **args)
{
	by_syscall = args[0] != NULL;
	stand_in_output(0);
	stand_in_output(O_NONBLOCK);
}

/* --- from a file into a socket that became non-blocking when it was full --- */

static void *send_file(void *unused)
{
	(void)unused;
	began();
	if (by_syscall)
		return (void *)syscall(SYS_sendfile, fds[0], file, NULL, FILE_SIZE);
	return (void *)sendfile(fds[0], file, NULL, FILE_SIZE);
}

static void from_file(char **args)
{
	struct pollfd room = {.events = POLLOUT};
	pthread_t thread;
	void *sent;

	by_syscall = args[0] != NULL;
	file = memfd_create("file", MFD_CLOEXEC);
	if (ftruncate(file, FILE_SIZE))
		err(1, "ftruncate");
	unread_pair(fds);
	thread = start(send_file, SYS_sendfile);
	room.fd = fds[0];
	while (poll(&room, 1, 100) == 1)
		usleep(20000);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	close_and_wait();
	say("the peer gets what was sent", read_to_end(fds[1]) > 0);
	pthread_join(thread, &sent);
	say("sendfile", (long)sent > 0);
}

/* --- from a socket into a pipe that is full --- */

static void *splice_in(void *unused)
{
	(void)unused;
	began();
	if (by_syscall)
		return (void *)syscall(SYS_splice, fds[0], NULL, ends[1], NULL, 4096, 0);
	return (void *)splice(fds[0], NULL, ends[1], NULL, 4096, 0);
}

static void fill_pipe(void)
{
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], block, 4096) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
}

static void empty_pipe(void)
{
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	read_to_end(ends[0]);
	fcntl(ends[0], F_SETFL, 0);
}

static void input(char **args)
{
	pthread_t thread;

	by_syscall = args[0] != NULL;
	unread_pair(fds);
	fill_pipe();
	thread = start(splice_in, SYS_splice);
	close_and_wait();
	empty_pipe();
	end(thread, "splice");
}

/* --- from a socket that nothing has come to, whose close is to reset --- */

static void linger_zero(char **args)
{
	struct linger zero = {1, 0};
	struct pollfd peer = {.events = POLLRDHUP};
	pthread_t thread;

	(void)args;
	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &zero, sizeof(zero));
	if (write(fds[0], "answer", 6) != 6)
		err(1, "write");
	thread = start(splice_in, SYS_splice);
	close(fds[0]);
	peer.fd = fds[1];
	say("the peer hears", poll(&peer, 1, 100));
	send(fds[1], "more", 4, MSG_NOSIGNAL);
	end(thread, "splice");
}

/* --- less than what SO_RCVLOWAT wants --- */

static void *receive(void *unused)
{
	(void)unused;
	began();
	return (void *)recv(fds[0], block, sizeof(block), 0);
}

static void low_water(char **args)
{
	pthread_t thread;
	int wanted = 20;

	(void)args;
	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_RCVLOWAT, &wanted, sizeof(wanted));
	thread = start(receive, SYS_recvfrom);
	if (write(fds[1], "hello world", 11) != 11)
		err(1, "write");
	usleep(20000);
	close_and_wait();
	send(fds[1], "hello world", 11, MSG_NOSIGNAL);
	end(thread, "recv");
}

/* --- a thread was cancelled in it, and holds nothing any more --- */

static void cancelled(char **args)
{
	struct pollfd peer = {.events = POLLRDHUP};
	pthread_t thread;

	(void)args;
	unread_pair(fds);
	thread = start(splice_out, SYS_splice);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	close(fds[0]);
	peer.fd = fds[1];
	say("the peer hears at once", poll(&peer, 1, 1000));
	usleep(50000);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {
		{"output", output},
		{"file", from_file},
		{"input", input},
		{"linger-zero", linger_zero},
		{"low-water", low_water},
		{"cancelled", cancelled},
	};

	(void)argc;
	if (pipe(ends))
		err(1, "pipe");
	return attack(argv, table, sizeof(table) / sizeof(table[0]));
}
