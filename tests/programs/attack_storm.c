/* SPDX-License-Identifier: MIT */
/*
 * Closes with unread input from a timer's handler, wherever it strikes: in the main program's own such
 * closes, while they linger, while they are told.
 * usage: attack_storm storm CONNECTIONS MICROSECONDS
 *        attack_storm threads THREADS
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>

#include "victim.h"

enum { WAITING = 64, WAVE = 400, OURS = 900 /* the shim's own numbers are above */ };

static struct waiting {
	int state; /* FREE, FILLED, or TAKEN by whoever closes it */
	int fds[2];
} waiting[WAITING];

enum { FREE, FILLED, TAKEN };

static long by_handler;

static int take(struct waiting *w)
{
	int filled = FILLED;

	return __atomic_compare_exchange_n(
		&w->state, &filled, TAKEN, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void close_both(struct waiting *w)
{
	if (close(w->fds[0]) || close(w->fds[1]))
		abort();
	__atomic_store_n(&w->state, FREE, __ATOMIC_SEQ_CST);
}

static void on_timer(int number)
{
	int saved = errno;

	(void)number;
	for (struct waiting *w = waiting; w < waiting + WAITING; w++) {
		if (take(w)) {
			close_both(w);
			by_handler++;
			break;
		}
	}
	errno = saved;
}

static long open_numbers(void)
{
	long n = 0;

	for (int fd = 0; fd < OURS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* A signal may end any wait. */
static void await_input(int fd)
{
	int n = 0;

	while (ioctl(fd, FIONREAD, &n) == 0 && n == 0)
		;
}

static void fill(struct waiting *w)
{
	tcp_pair(w->fds);
	if (write(w->fds[1], "hello world", 11) != 11)
		err(1, "write");
	await_input(w->fds[0]);
	__atomic_store_n(&w->state, FILLED, __ATOMIC_SEQ_CST);
}

static void set_timer(timer_t timer, long us)
{
	struct itimerspec every = {{0, us * 1000}, {0, us * 1000}};

	if (timer_settime(timer, 0, &every, NULL))
		err(1, "timer_settime");
}

/* The half of them is closed here, the other half by whoever comes first. */
static void storm(char **args)
{
	struct sigaction action = {.sa_handler = on_timer, .sa_flags = SA_RESTART | SA_NODEFER};
	long connections = atol(args[0]), open_before, mine = 0;
	timer_t timer;

	reset_one(); /* what is opened once is open */
	open_before = open_numbers();
	if (sigaction(SIGALRM, &action, NULL) || timer_create(CLOCK_MONOTONIC, NULL, &timer))
		err(1, "timer");
	set_timer(timer, atol(args[1]));
	for (long i = 0; i < connections; i++) {
		struct waiting *w = &waiting[i % WAITING];

		while (__atomic_load_n(&w->state, __ATOMIC_SEQ_CST) != FREE)
			if (take(w))
				close_both(w);
		fill(w);
		if (i % 2 && take(w)) {
			close_both(w);
			mine++;
		}
	}
	set_timer(timer, 0);
	for (struct waiting *w = waiting; w < waiting + WAITING; w++)
		if (take(w))
			close_both(w);
	timer_delete(timer);
	say("both have closed", mine > 0 && by_handler > 0);
	say("more open", open_numbers() - open_before);
}

static void *open_and_close(void *unused)
{
	reset_one();
	return unused;
}

/* As many at once as a wave holds; those that this machine does not allow are tried again. */
static void many_threads(char **args)
{
	long wanted = atol(args[0]), open_before, made = 0;
	pthread_t wave[WAVE];
	pthread_attr_t attr;
	int n;

	reset_one();
	open_before = open_numbers();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (; made < wanted; made += n) {
		for (n = 0; n < WAVE && made + n < wanted; n++)
			if (pthread_create(&wave[n], &attr, open_and_close, NULL) != 0)
				break;
		for (int i = 0; i < n; i++)
			pthread_join(wave[i], NULL);
	}
	say("threads", made);
	say("more open", open_numbers() - open_before);
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"storm", storm}, {"threads", many_threads}};

	(void)argc;
	return attack(argv, table, sizeof(table) / sizeof(*table));
}
