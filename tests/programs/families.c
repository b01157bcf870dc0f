/* SPDX-License-Identifier: MIT */
/*
 * Servers that close with unread input, whose connections pass through several processes. The last line
 * says how many of the processes of peers were cut short.
 * usage: families SERVER COUNT [HOW]
 */
#include "peers.h"
#include "rights.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define ANSWER	2000
#define PEERS	4
#define WORKERS 4

extern char **environ;
static const char *myself, *how, *later;
static pid_t peers[PEERS];
static int peers_cut;

/* --- the peers --- */

/* The peers say on standard error how many of them were cut short. */
static int serve_begin(unsigned count)
{
	int port, listener = listen_on(&port), i;

	for (i = 0; i < PEERS; i++)
		peers[i] = start_asking_peers(
			port, count / PEERS + ((unsigned)i < count % PEERS), ANSWER, 0);
	return listener;
}

/* The children that have ended, or all; some of them are peers. */
static void reap(int flags)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, flags)) > 0)
		for (i = 0; i < PEERS; i++)
			peers_cut += pid == peers[i] && status != 0;
}

static void serve_end(void)
{
	reap(0);
	say("peers", peers_cut);
}

/* --- what all servers do with a connection --- */

/* Answers, with one byte of the request read, or the whole of it where it is to end cleanly. */
static void answer(int in, int out)
{
	static char bytes[ANSWER];
	size_t want = how && !strcmp(how, "clean") ? 100 : 1;

	if (recv(in, bytes, want, MSG_WAITALL) != (ssize_t)want ||
		write(out, bytes, ANSWER) != ANSWER)
		err(1, "answer");
}

static int accept_one(int listener, int flags)
{
	int fd = accept4(listener, NULL, NULL, flags);

	if (fd < 0)
		err(1, "accept");
	return fd;
}

static void drop_privilege(void)
{
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534))
		err(1, "setuid");
}

/* As stdio servers have it: a stream for each direction, on a descriptor each. */
static void answer_by_streams(int fd)
{
	static char bytes[ANSWER];
	FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

	setvbuf(in, NULL, _IONBF, 0);
	if (!in || !out || fgetc(in) == EOF || fwrite(bytes, 1, ANSWER, out) != ANSWER)
		err(1, "streams");
	if (how && !strcmp(how, "left")) {
		usleep(50000); /* the parent has closed its own by then */
		exit(0);       /* libc flushes */
	}
	if (fclose(in) || fclose(out))
		err(1, "fclose");
}

static void answer_as_child(int listener, int fd)
{
	close(listener);
	if (how && !strcmp(how, "setuid"))
		drop_privilege();
	if (how && (!strcmp(how, "streams") || !strcmp(how, "left"))) {
		answer_by_streams(fd);
	} else if (how && !strncmp(how, "stdin", 5)) {
		dup2(fd, 0);
		dup2(fd, 1);
		close(fd);
		answer(0, 1);
		if (how && !strcmp(how, "stdin-left"))
			_exit(0);
		close(0);
		close(1);
	} else {
		answer(fd, fd);
		close(fd);
	}
	_exit(0);
}

/* A process for each connection; the parent closes its own number at once. */
static void fork_each(unsigned count)
{
	int listener = serve_begin(count), fd;
	unsigned i;

	for (i = 0; i < count; i++) {
		fd = accept_one(listener, SOCK_CLOEXEC);
		if (fork() == 0)
			answer_as_child(listener, fd);
		close(fd);
		reap(WNOHANG);
	}
	serve_end();
}

/* The other way round: a child of the server holds each connection for a moment, then ends. */
static void answer_beside_child(unsigned count)
{
	int listener = serve_begin(count), fd, ends[2];
	unsigned i;
	pid_t pid;

	for (i = 0; i < count; i++) {
		fd = accept_one(listener, SOCK_CLOEXEC);
		if (pipe2(ends, O_CLOEXEC))
			err(1, "pipe2");
		pid = fork();
		if (pid == 0 && how && !strcmp(how, "exec")) {
			execl("/bin/true", "true", NULL);
			_exit(1);
		}
		if (pid == 0 && how && !strcmp(how, "kill"))
			pause();
		if (pid == 0)
			_exit(0);
		if (how && !strcmp(how, "kill"))
			kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		answer(fd, fd);
		close(fd);
		close(ends[0]);
		close(ends[1]);
	}
	serve_end();
}

static void prefork(unsigned count)
{
	int listener = serve_begin(count), fd;
	unsigned worker, i;

	for (worker = 0; worker < WORKERS; worker++) {
		if (fork())
			continue;
		if (how && !strcmp(how, "setuid"))
			drop_privilege();
		for (i = 0; i < count / WORKERS; i++) {
			fd = accept_one(listener, 0);
			answer(fd, fd);
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	serve_end();
}

/* --- descriptors that travel --- */

/* The master accepts, sends the connection to a worker, and closes it at once. */
static void pass_each(unsigned count)
{
	int listener = serve_begin(count), over[2], fd;
	unsigned i;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, over))
		err(1, "socketpair");
	if (fork() == 0) {
		close(over[1]);
		while ((fd = receive_descriptor(over[0], true)) >= 0) {
			answer(fd, fd);
			close(fd);
		}
		_exit(0);
	}
	close(over[0]);
	for (i = 0; i < count; i++) {
		fd = accept_one(listener, SOCK_CLOEXEC);
		send_descriptor(over[1], fd);
		close(fd);
	}
	close(over[1]);
	serve_end();
}

/* --- programs that are executed --- */

/* What inetd has started. */
static void service(void)
{
	answer(0, 1);
	close(0);
	close(1);
	close(2);
}

static void inetd(unsigned count)
{
	int listener = serve_begin(count), fd, i;

	for (; count; count--) {
		fd = accept_one(listener, 0);
		if (fork() == 0) {
			for (i = 0; i < 3; i++)
				dup2(fd, i);
			close(fd);
			close(listener);
			execl(myself, myself, "service", "0", how, NULL);
			_exit(1);
		}
		close(fd);
		reap(WNOHANG);
	}
	serve_end();
}

static void execute_true(const char *by)
{
	char *argv[] = {"true", NULL};
	pid_t pid = 0;

	if (!strcmp(by, "system")) {
		if (system("/bin/true"))
			err(1, "system");
	} else if (!strcmp(by, "popen")) {
		pclose(popen("/bin/true", "r"));
	} else if (!strcmp(by, "vfork")) {
		pid = vfork();
		if (pid == 0) {
			execv("/bin/true", argv);
			_exit(1);
		}
	} else if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ)) {
		errx(1, "posix_spawn");
	}
	if (pid)
		waitpid(pid, NULL, 0);
}

/* HOW: the door by which a program is executed while the connection is open. */
/* `later`: the call that makes it close-on-exec, when it is there already. */
static void execute_each(unsigned count)
{
	int listener = serve_begin(count), fd;

	for (; count; count--) {
		fd = accept_one(listener, later ? 0 : SOCK_CLOEXEC);
		if (later && !strcmp(later, "fcntl"))
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		else if (later)
			ioctl(fd, FIOCLEX);
		execute_true(how ? how : "posix_spawn");
		answer(fd, fd);
		close(fd);
	}
	serve_end();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*serve)(unsigned count);
	} servers[] = {{"fork", fork_each}, {"beside", answer_beside_child}, {"prefork", prefork},
		{"pass", pass_each}, {"inetd", inetd}, {"execute", execute_each}};

	if (argc < 3)
		errx(2, "usage: families SERVER COUNT [HOW]");
	myself = argv[0];
	how = argv[3];
	later = how ? argv[4] : NULL;
	signal(SIGPIPE, SIG_DFL);
	if (!strcmp(argv[1], "service")) {
		service();
		return 0;
	}
	for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
		if (!strcmp(argv[1], servers[i].name)) {
			servers[i].serve((unsigned)atoi(argv[2]));
			return 0;
		}
	}
	errx(2, "no server %s", argv[1]);
}
