/* SPDX-License-Identifier: MIT */
/*
 * How deep a call goes below its caller, with whatever is preloaded: made on a stack of a pattern, 40
 * frames deep, by a child, so that an exit and an exec can be looked at as well.
 * usage: stacks CALL: prints the bytes. stacks thread CALL, stacks signal CALL: made on a small stack,
 * with a page below it that nobody may touch; prints what it came to. stacks: lists the calls
 */
#include "victim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>

#define SIZE	(256 << 10)
#define DEPTH	40
#define PATTERN 0x5a

/* What the call is made with, prepared on another stack. */
static int fd, other;
static FILE *stream;
static struct sockaddr_in nowhere = {.sin_family = AF_INET};
static char byte[100];

static void unread(void)
{
	int fds[2];

	unread_pair(fds);
	fd = fds[0];
	other = fds[1];
}

/* What is cached of frames is not used any more then. */
static void unread_and_unloaded(void)
{
	void *library = dlopen("libresolv.so.2", RTLD_NOW);

	if (!library || dlclose(library))
		errx(1, "libresolv");
	unread();
}

static void unread_stream(void)
{
	unread();
	stream = fdopen(fd, "w");
	fputs("buffered", stream);
}

static void unread_to_inherit(void)
{
	unread();
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void armed(void)
{
	int fds[2];

	tcp_pair(fds);
	fd = fds[0];
	other = fds[1];
}

static void reset(void)
{
	struct linger linger = {.l_onoff = 1};
	struct pollfd p = {.events = POLLIN};

	armed();
	setsockopt(other, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(other);
	p.fd = fd;
	poll(&p, 1, 1000);
}

static void listening(void)
{
	socklen_t len = sizeof(nowhere);
	int client = socket(AF_INET, SOCK_STREAM, 0);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&nowhere, len) || listen(fd, 4) ||
		getsockname(fd, (struct sockaddr *)&nowhere, &len) ||
		connect(client, (struct sockaddr *)&nowhere, len))
		err(1, "a listener");
}

static void unconnected(void)
{
	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	nowhere.sin_port = htons(9);
	fd = socket(AF_INET, SOCK_STREAM, 0);
}

static void shut(void)
{
	armed();
	shutdown(fd, SHUT_RDWR);
}

static long by_close(void)
{
	return close(fd);
}

/* Its frames are told from where no stack is, and no memory either. */
static long by_close_at_the_end_of_memory(void)
{
#if defined(__x86_64__)
	char *page = mmap(NULL, SIZE + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long r;

	if (page == MAP_FAILED || mprotect(page, SIZE, PROT_READ | PROT_WRITE))
		err(1, "mmap");
	__asm__ volatile(
		"mov %%rsp, %%rbx\n\t"
		"mov %%rbp, %%r12\n\t"
		"mov %2, %%rsp\n\t"
		"mov $0xdeadbeef, %%ebp\n\t"
		"call close@PLT\n\t"
		"mov %%rbx, %%rsp\n\t"
		"mov %%r12, %%rbp"
		: "=a"(r)
		: "D"((long)fd), "r"(page + SIZE)
		: "rbx", "r12", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	return (int)r;
#else
	return close(fd);
#endif
}

static long by_fclose(void)
{
	return fclose(stream);
}

static long by_dup2(void)
{
	return dup2(STDERR_FILENO, fd) < 0;
}

static long by_close_range(void)
{
	return close_range((unsigned)fd, (unsigned)fd, 0);
}

static long by_shutdown(void)
{
	return shutdown(fd, SHUT_RDWR);
}

static long by_read(void)
{
	return read(fd, byte, sizeof(byte)) > 0;
}

static long by_poll(void)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) < 0;
}

static long by_connect(void)
{
	return connect(fd, (struct sockaddr *)&nowhere, sizeof(nowhere)) == 0;
}

static long by_disconnect(void)
{
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	return connect(fd, &none, sizeof(none));
}

static long by_setsockopt(void)
{
	struct linger linger = {.l_onoff = 1};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static long by_exit(void)
{
	exit(0);
}

static long by_exit_at_once(void)
{
	_exit(0);
}

static long by_exec(void)
{
	execl("/bin/true", "true", NULL);
	return -1;
}

static long by_spawn(void)
{
	char *argv[] = {"true", NULL}, *env[] = {NULL};
	pid_t child;

	return posix_spawn(&child, "/bin/true", NULL, NULL, argv, env) ||
		waitpid(child, NULL, 0) != child;
}

static const struct {
	const char *name;
	void (*prepare)(void);
	long (*call)(void);
} calls[] = {{"close", unread, by_close}, {"fclose", unread_stream, by_fclose},
	{"close-after-dlclose", unread_and_unloaded, by_close},
	{"close-at-the-end-of-memory", unread, by_close_at_the_end_of_memory},
	{"dup2", unread, by_dup2}, {"close_range", unread, by_close_range},
	{"close-after-shutdown", shut, by_close}, {"shutdown", armed, by_shutdown},
	{"wait-after-shutdown", shut, by_poll}, {"listener", listening, by_close},
	{"read", reset, by_read}, {"connect", unconnected, by_connect},
	{"disconnect", unread, by_disconnect}, {"setsockopt", armed, by_setsockopt},
	{"spawn", unread_to_inherit, by_spawn}, {"exec", unread_to_inherit, by_exec},
	{"_exit", unread, by_exit_at_once}, {"exit", unread, by_exit}};

static long (*call)(void);
static long result;
static uintptr_t *called_at; /* in the shared part */
static ucontext_t back, there;

__attribute__((noinline)) static void descend(int depth)
{
	if (depth > 0) {
		descend(depth - 1);
	} else {
		*called_at = (uintptr_t)__builtin_frame_address(0);
		result = call();
	}
	__asm__ volatile("");
}

static void on_the_stack(void)
{
	descend(DEPTH);
}

static void *shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

static int measure(void (*prepare)(void))
{
	unsigned char *stack = shared(SIZE), *low = stack;
	int status = 0;
	pid_t child;

	called_at = shared(sizeof(*called_at));
	memset(stack, PATTERN, SIZE);
	child = fork();
	if (child == 0) {
		prepare();
		getcontext(&there);
		there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = SIZE};
		there.uc_link = &back;
		makecontext(&there, on_the_stack, 0);
		swapcontext(&back, &there);
		_exit(result != 0);
	}
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "the call ended with %#x", (unsigned)status);
	while (*low == PATTERN)
		low++;
	printf("%ld\n", (long)(*called_at - (uintptr_t)low));
	return 0;
}

/* --- small stacks --- */

static void *guarded(size_t size)
{
	char *p =
		mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p, 4096, PROT_NONE))
		err(1, "mmap");
	return p + 4096;
}

static void *in_thread(void *arg)
{
	(void)arg;
	result = call();
	return NULL;
}

static void on_small_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, guarded(PTHREAD_STACK_MIN), PTHREAD_STACK_MIN);
	if (pthread_create(&thread, &attr, in_thread, NULL))
		errx(1, "pthread_create");
	pthread_join(thread, NULL);
}

static void handler(int number)
{
	(void)number;
	result = call();
}

/* SIGSTKSZ of old, which most programs have. */
static void on_signal_stack(void)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_sp = guarded(8192), .ss_size = 8192};

	if (sigaltstack(&stack, NULL) || sigaction(SIGUSR1, &action, NULL))
		err(1, "sigaltstack");
	raise(SIGUSR1);
}

static int on_small_stack(const char *how, void (*prepare)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		prepare();
		if (!strcmp(how, "thread"))
			on_small_thread();
		else
			on_signal_stack();
		_exit(result != 0);
	}
	waitpid(child, &status, 0);
	printf("%#x\n", (unsigned)status);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		call = calls[i].call;
		if (argc == 1)
			puts(calls[i].name);
		else if (argc == 2 && !strcmp(argv[1], calls[i].name))
			return measure(calls[i].prepare);
		else if (argc == 3 && !strcmp(argv[2], calls[i].name))
			return on_small_stack(argv[1], calls[i].prepare);
	}
	return argc > 1;
}
