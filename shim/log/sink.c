/* SPDX-License-Identifier: MIT */
#include "sink.h"

#include "../base/fdhint.h"
#include "../base/format.h"
#include "../base/helper.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "sinkfd.h"
#include "sinkpath.h"
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct sinkfd_identity start_stderr;

/* The log as the program's threads have it, and as the helper thread has it in its own table. */
static struct handle {
	int fd;
	bool in_the_way; /* not high: the program's next number would be another than without it */
	struct sinkfd_identity identity;
} handles[2] = {{.fd = -1}, {.fd = -1}};
static uint32_t generation = 1;
static uint64_t lost, lost_told;
static bool kept; /* its path leads nowhere any more */

/* A descriptor of the program's, whichever thread asks; give_back() afterwards. */
static int program_fd(int fd)
{
	return helper_is_self() ? helper_borrow(fd, 0) : fd;
}

static void give_back(int fd)
{
	if (helper_is_self())
		sys1(SYS_close, fd);
}

static bool identify_program(int number, struct sinkfd_identity *id)
{
	int fd = program_fd(number);
	bool known = fd >= 0 && sinkfd_identify(fd, id);

	if (fd >= 0)
		give_back(fd);
	return known;
}

/* Two threads may open the log at a time. What is half of one is nobody's. */
static void remember(struct handle *h, const struct sinkfd_identity *id)
{
	__atomic_store_n(&h->identity.dev, id->dev, __ATOMIC_RELAXED);
	__atomic_store_n(&h->identity.ino, id->ino, __ATOMIC_RELAXED);
	__atomic_store_n(&h->identity.mode, id->mode, __ATOMIC_RELAXED);
}

static bool is_still(const struct handle *h, int fd)
{
	struct sinkfd_identity now,
		then = {__atomic_load_n(&h->identity.dev, __ATOMIC_RELAXED),
			__atomic_load_n(&h->identity.ino, __ATOMIC_RELAXED),
			__atomic_load_n(&h->identity.mode, __ATOMIC_RELAXED)};

	return sinkfd_identify(fd, &now) && sinkfd_same(&now, &then);
}

const char *sink_start(void)
{
	const char *why;

	if (!sinkfd_identify(STDERR_FILENO, &start_stderr))
		start_stderr.mode = 0;
	why = sinkpath_start();
	if (why)
		self.opt.log = LOG_STDERR;
	return why;
}

/*
 * Threads of the program's that may be about to write by a number that they have looked at: it must
 * not become another's before they have (law 9).
 */
static uint32_t writers;

static void begin_writing(void)
{
	__atomic_add_fetch(&writers, 1, __ATOMIC_SEQ_CST);
}

static void end_writing(void)
{
	__atomic_sub_fetch(&writers, 1, __ATOMIC_SEQ_CST);
}

/* False: one of them does not come to its end, the code that this very call has interrupted. */
static bool await_writers(unsigned own)
{
	struct timespec tick;

	for (unsigned tries = 0; __atomic_load_n(&writers, __ATOMIC_SEQ_CST) > own; tries++) {
		if (tries == 200)
			return false;
		tick = (struct timespec){0, 100000};
		sys5(SYS_ppoll, 0, 0, &tick, 0, 0);
	}
	return true;
}

void sink_forked(void)
{
	/* The parent's file, under its number: a %p in the name makes the child open its own. */
	if (sinkpath_forked() && !kept) {
		if (sink_owns(handles[0].fd))
			sys1(SYS_close, handles[0].fd);
		handles[0].fd = -1;
	}
	handles[1].fd = -1; /* was in the parent's helper */
	writers = 0;
	__atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
	lost = lost_told = 0;
}

static struct handle *handle(void)
{
	return &handles[helper_is_self()];
}

/* Takes the program's number away from the writers; `own` of them is the caller. */
static bool withdraw(int fd, unsigned own)
{
	int none = -1;

	if (!__atomic_compare_exchange_n(
		    &handles[0].fd, &fd, -1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	if (await_writers(own))
		return true;
	__atomic_compare_exchange_n(
		&handles[0].fd, &none, fd, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	return false;
}

/* By a writer. The next write opens it anew. */
static void close_log(struct handle *h, int was)
{
	if (h == &handles[1]) /* the helper's own */
		h->fd = -1;
	else if (!withdraw(was, 1))
		return;
	sys1(SYS_close, was);
}

/* Where the program has changed its root, the path leads elsewhere: the helper has the program's. */
static int new_descriptor(const struct handle *h)
{
	int fd = -1;

	if (h == &handles[0] || !__atomic_load_n(&kept, __ATOMIC_RELAXED))
		fd = sinkpath_open();
	if (fd >= 0 || h == &handles[0])
		return fd;
	fd = helper_borrow(__atomic_load_n(&handles[0].fd, __ATOMIC_SEQ_CST), 0);
	if (fd < 0 || (is_still(&handles[0], fd) && !sinkfd_is_deleted(fd)))
		return fd;
	sys1(SYS_close, fd);
	return -1;
}

/* Two threads may come here at once: the second one's descriptor is not needed. */
static int open_log(void)
{
	struct handle *h = handle();
	struct sinkfd_identity id;
	int was = __atomic_load_n(&h->fd, __ATOMIC_ACQUIRE), fd, high;

	if (was >= 0 && is_still(h, was)) {
		if (!sinkfd_is_deleted(was))
			return was;
		close_log(h, was);
		was = -1;
	}
	fd = new_descriptor(h);
	if (fd < 0)
		return -1;
	high = h == &handles[0] ? sinkfd_move_high(fd) : fd;
	if (high >= 0)
		fd = high;
	if (!sinkfd_identify(fd, &id)) {
		sys1(SYS_close, fd);
		return -1;
	}
	remember(h, &id);
	__atomic_store_n(&h->in_the_way, high < 0, __ATOMIC_RELAXED);
	if (!__atomic_compare_exchange_n(
		    &h->fd, &was, fd, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		sys1(SYS_close, fd);
		return was;
	}
	if (h == &handles[0] && fdhint_covers(fd))
		fdhint_begin(fd, HINT_OWN);
	__atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
	return fd;
}

/*
 * Standard error, if it is still what it was, is no internet socket, and is not where the
 * program's own output goes or its input comes from.
 */
static bool stderr_usable(int fd, struct sinkfd_identity *id)
{
	struct sinkfd_identity other;
	int other_fd;

	if (!start_stderr.mode || !sinkfd_identify(fd, id) || !sinkfd_same(id, &start_stderr))
		return false;
	if (!S_ISFIFO(id->mode) && !S_ISSOCK(id->mode))
		return true;
	if (S_ISSOCK(id->mode) && !sinkfd_is_unix(fd))
		return false;
	for (other_fd = STDIN_FILENO; other_fd <= STDOUT_FILENO; other_fd++)
		if (identify_program(other_fd, &other) && sinkfd_same(id, &other))
			return false;
	return true;
}

/* The helper has a descriptor of it only for as long as it writes: it must not hold a pipe open. */
static bool write_stderr(const char *buf, size_t len)
{
	int fd = program_fd(STDERR_FILENO);
	struct sinkfd_identity id;
	bool written;

	if (fd < 0)
		return false;
	written = stderr_usable(fd, &id) && sinkfd_write(fd, id.mode, buf, len);
	give_back(fd);
	return written;
}

/* The program has changed its root or its identity since the start: said once, where people look. */
static void tell_unopened(void)
{
	static bool told;
	char line[256];
	struct text t = text_on(line, sizeof(line) - 1);

	if (__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		return;
	text_str(&t, "rstfix: ");
	text_safe(&t, self.program);
	text_char(&t, '[');
	text_i64(&t, self.pid);
	text_str(&t, "]: the log cannot be opened any more, its lines are lost: ");
	text_safe(&t, sinkpath());
	line[t.len] = '\n';
	write_stderr(line, t.len + 1);
}

/* -1: not to be had; said once. */
static int open_or_tell(void)
{
	int fd = open_log();

	if (fd < 0)
		tell_unopened();
	return fd;
}

/* A daemon that was restarted has another socket: once more, there. */
static bool send_daemon(const char *buf, size_t len)
{
	int fd = open_or_tell();
	long n = fd >= 0 ? sinkfd_send(fd, buf, len) : 0;

	if (n == -ECONNREFUSED || n == -ENOTCONN || n == -ECONNRESET || n == -EPIPE) {
		close_log(handle(), fd);
		fd = open_or_tell();
		n = fd >= 0 ? sinkfd_send(fd, buf, len) : 0;
	}
	return n > 0;
}

static bool write_out(const char *buf, size_t len)
{
	int fd;

	switch (self.opt.log) {
	case LOG_STDERR:
		return write_stderr(buf, len);
	case LOG_FILE:
		fd = open_or_tell();
		return fd >= 0 &&
			sinkfd_write(fd,
				__atomic_load_n(&handle()->identity.mode, __ATOMIC_RELAXED), buf,
				len);
	case LOG_SYSLOG:
	case LOG_JOURNAL:
		return send_daemon(buf, len);
	default:
		return true;
	}
}

void sink_helper_began(void)
{
	handles[1].fd = -1;
}

bool sink_write(const char *buf, size_t len)
{
	bool written;
	int fd;

	begin_writing();
	written = write_out(buf, len);
	if (__atomic_load_n(&handle()->in_the_way, __ATOMIC_RELAXED) &&
		(fd = __atomic_load_n(&handle()->fd, __ATOMIC_ACQUIRE)) >= 0)
		close_log(handle(), fd);
	end_writing();
	if (!written)
		sink_lose();
	return written;
}

void sink_lose(void)
{
	stats_lost(__atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED));
}

uint64_t sink_lost(void)
{
	return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}

uint64_t sink_lost_since(void)
{
	uint64_t now = sink_lost();

	return now - __atomic_exchange_n(&lost_told, now, __ATOMIC_RELAXED);
}

void sink_prepare(void)
{
	if (self.opt.log != LOG_FILE && !sinkpath_is_daemon())
		return;
	begin_writing();
	open_log();
	end_writing();
}

void sink_keep(void)
{
	__atomic_store_n(
		&kept, __atomic_load_n(&handles[0].fd, __ATOMIC_SEQ_CST) >= 0, __ATOMIC_RELAXED);
}

uint32_t sink_generation(void)
{
	sink_prepare(); /* by the first write else: frames that go into it must be due by then */
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

bool sink_open(void)
{
	return __atomic_load_n(&handles[0].fd, __ATOMIC_RELAXED) >= 0;
}

bool sink_owns(int fd)
{
	return fd >= 0 && fd == __atomic_load_n(&handles[0].fd, __ATOMIC_RELAXED) &&
		is_still(&handles[0], fd);
}

void sink_yield(unsigned first, unsigned last)
{
	int fd = __atomic_load_n(&handles[0].fd, __ATOMIC_RELAXED);

	if (fd < 0 || (unsigned)fd < first || (unsigned)fd > last)
		return;
	__atomic_compare_exchange_n(
		&handles[0].fd, &fd, -1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	await_writers(0);
}

bool sink_give_way(void)
{
	int fd = __atomic_load_n(&handles[0].fd, __ATOMIC_RELAXED);

	if (!sink_owns(fd) || !withdraw(fd, 0))
		return false;
	fdhint_forget(fd);
	sys1(SYS_close, fd);
	return true;
}
