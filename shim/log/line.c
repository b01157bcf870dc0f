/* SPDX-License-Identifier: MIT */
#include "line.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "sink.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#define BUFFERS	    8
#define BUFFER_SIZE 49152

enum { UNKNOWN, BEING_KEPT, KEPT };

static char (*buffers)[BUFFER_SIZE];
static char notice_of_none[1024]; /* without memory for them, a notice can still be told */
static uint32_t buffer_busy[BUFFERS];
static char host[65];
static char boot_id[37];
static uint32_t boot_id_is; /* enum */

bool line_start(void)
{
	struct utsname uts;
	void *p = mmap(NULL, BUFFERS * BUFFER_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (sys1(SYS_uname, &uts) == 0)
		memcpy(host, uts.nodename, sizeof(uts.nodename) < 64 ? sizeof(uts.nodename) : 64);
	if (p == MAP_FAILED)
		return false;
	buffers = p;
	return true;
}

void line_forked(void)
{
	memset(buffer_busy, 0, sizeof(buffer_busy));
	if (boot_id_is == BEING_KEPT)
		boot_id_is = UNKNOWN;
}

struct text line_take(unsigned *index)
{
	unsigned i;

	*index = 0;
	if (!buffers)
		return text_on(notice_of_none, sizeof(notice_of_none));
	for (i = 0; i < BUFFERS; i++) {
		*index = i;
		if (!__atomic_exchange_n(&buffer_busy[i], 1, __ATOMIC_ACQUIRE))
			return text_on(buffers[i], BUFFER_SIZE);
	}
	sink_lose();
	return text_on(NULL, 0);
}

void line_release(unsigned index)
{
	__atomic_store_n(&buffer_busy[index], 0, __ATOMIC_RELEASE);
}

static bool read_boot_id(char to[sizeof(boot_id)])
{
	long fd, n;

	fd = sys4(SYS_openat, AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	n = sys3(SYS_read, fd, to, sizeof(boot_id) - 1);
	sys1(SYS_close, fd);
	return n == (long)sizeof(boot_id) - 1;
}

/*
 * Read at the first event: a process without events opens nothing. Threads that come meanwhile read
 * it for themselves.
 */
static void copy_boot_id(char to[sizeof(boot_id)])
{
	uint32_t was = __atomic_load_n(&boot_id_is, __ATOMIC_ACQUIRE);

	memset(to, 0, sizeof(boot_id));
	if (was == KEPT) {
		memcpy(to, boot_id, sizeof(boot_id));
	} else if (!read_boot_id(to)) {
		to[0] = '\0';
	} else if (was == UNKNOWN &&
		__atomic_compare_exchange_n(
			&boot_id_is, &was, BEING_KEPT, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		memcpy(boot_id, to, sizeof(boot_id));
		__atomic_store_n(&boot_id_is, KEPT, __ATOMIC_RELEASE);
	}
}

struct origin line_origin(uint64_t number, int tid)
{
	struct origin o = {
		.time_us = start_now_us(),
		.program = self.program,
		.host = host,
		.pid = self.pid,
		.tid = tid ? tid : (int)sys0(SYS_gettid),
		.start_s = self.start_s,
		.seq = number,
	};

	copy_boot_id(o.boot_id);
	return o;
}

bool line_json(void)
{
	return self.opt.format == FORMAT_JSON;
}

static void tell_lost(void);

size_t line_begin(struct text *t, const struct origin *o, const struct framed *f)
{
	return framing_begin(t, self.opt.log, o, f);
}

bool line_put(struct text *t, size_t body)
{
	if (t->cut && t->len == t->cap)
		t->at[t->len - 1] = '\n';
	framing_end(t, self.opt.log, body);
	return sink_write(t->at, t->len);
}

void line_write(struct text *t, size_t body)
{
	if (line_put(t, body))
		tell_lost();
}

/* After a line went through again: how many before it did not. */
static void tell_lost(void)
{
	char buf[128];
	struct text t;
	uint64_t n = sink_lost_since();

	if (n == 0)
		return;
	t = text_on(buf, sizeof(buf));
	text_u64(&t, n);
	text_str(&t, n == 1 ? " line was lost before this" : " lines were lost before this");
	text_end(&t);
	event_notice("lost", buf);
}
