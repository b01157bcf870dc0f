/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <linux/mount.h> has these since Linux 5.2, and does not go with an older libc's <sys/mount.h>. */
#define CLOSED_AT_EXEC 1
#define CREATE	       6

static int mount_detached(void)
{
#ifdef SYS_fsopen
	int context = (int)syscall(SYS_fsopen, "tracefs", CLOSED_AT_EXEC), root = -1;

	if (context < 0)
		return -1;
	if (syscall(SYS_fsconfig, context, CREATE, NULL, NULL, 0) == 0)
		root = (int)syscall(SYS_fsmount, context, CLOSED_AT_EXEC, 0);
	close(context);
	return root;
#else
	errno = ENOSYS;
	return -1;
#endif
}

/*
 * For as long as this process lives. `ip netns exec` shows another /sys, with nothing on it, and many
 * machines mount tracefs only when somebody asks: a mount of our own, which is seen nowhere, does as well.
 */
static int tracefs(void)
{
	static int root = -1;

	if (root >= 0)
		return root;
	root = open("/sys/kernel/tracing", O_DIRECTORY | O_PATH | O_CLOEXEC);
	if (root < 0 || faccessat(root, "instances", X_OK, 0) != 0) {
		if (root >= 0)
			close(root);
		root = mount_detached();
	}
	return root;
}

static bool put(const struct tracer *t, const char *what, const char *text)
{
	char path[256];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", t->directory, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

static bool follow_children(const struct tracer *t)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	return put(t, "options/event-fork", "1") && put(t, "set_event_pid", pid);
}

bool tracer_open(struct tracer *t, bool children)
{
	int error, root = tracefs();

	snprintf(t->directory, sizeof(t->directory), "/proc/self/fd/%d/instances/rstfix-%d%s", root,
		(int)getpid(), children ? "-children" : "");
	if (root < 0 || mkdir(t->directory, 0700) != 0) {
		t->directory[0] = '\0';
		return false;
	}
	put(t, "buffer_size_kb", "4096"); /* some 40,000 for each processor */
	if ((!children || follow_children(t)) && put(t, "trace_clock", "mono") &&
		put(t, "events/tcp/tcp_send_reset/enable", "1") && put(t, "tracing_on", "1"))
		return true;
	error = errno;
	tracer_close(t);
	errno = error;
	return false;
}

/* Copies the word after `key` in line; empty if there is none. */
static void word_after(const char *line, const char *key, char *out, size_t size)
{
	const char *at = strstr(line, key);
	size_t len;

	*out = '\0';
	if (!at)
		return;
	at += strlen(key);
	len = strcspn(at, " \n");
	snprintf(out, size, "%.*s", (int)len, at);
}

/* [::ffff:127.0.0.1]:80, as a socket of IPv6 has it, is 127.0.0.1:80. */
static void unmap(char *address)
{
	static const char mapped[] = "[::ffff:";
	char *end = strchr(address, ']');

	if (strncmp(address, mapped, sizeof(mapped) - 1) != 0 || !end || !strchr(address, '.'))
		return;
	memmove(end, end + 1, strlen(end));
	memmove(address, address + sizeof(mapped) - 1, strlen(address + sizeof(mapped) - 1) + 1);
}

/* The last one: a program may have any name, that of a processor among them. */
static const char *last_of(const char *from, const char *end, const char *what)
{
	const char *found = NULL, *at = from;

	while ((at = memmem(at, (size_t)(end - at), what, strlen(what))) != NULL)
		found = at++;
	return found;
}

/* "          python3-123     [001] ..s1.  12.345678: " in front of the event. */
static void parse_head(const char *line, const char *event, struct traced_reset *r)
{
	const char *cpu = last_of(line, event, " [");
	const char *dash = cpu ? memrchr(line, '-', (size_t)(cpu - line)) : NULL;
	const char *flags = cpu ? memmem(cpu, (size_t)(event - cpu), "] ", 2) : NULL;
	const char *time = memrchr(line, ' ', (size_t)(event - line) - 1);
	unsigned long seconds = 0, fraction = 0;

	r->pid = dash ? (int)strtol(dash + 1, NULL, 10) : 0;
	/* irqs-off, need-resched, then: hard or soft interrupt */
	r->interrupted = flags && event - flags > 5 && flags[4] != '.';
	line += strspn(line, " ");
	snprintf(r->program, sizeof(r->program), "%.*s",
		dash && dash > line ? (int)(dash - line) : 0, line);
	if (time && sscanf(time, " %lu.%6lu", &seconds, &fraction) == 2)
		r->time_us = (int64_t)seconds * 1000000 + (int64_t)fraction;
}

bool tracer_parse(const char *line, struct traced_reset *r)
{
	const char *event = strstr(line, "tcp_send_reset: ");

	memset(r, 0, sizeof(*r));
	if (!event || event == line)
		return false;
	parse_head(line, event, r);
	word_after(event, " src=", r->source, sizeof(r->source));
	word_after(event, " dest=", r->destination, sizeof(r->destination));
	word_after(event, " state=", r->state, sizeof(r->state));
	word_after(event, " reason=", r->reason, sizeof(r->reason));
	unmap(r->source);
	unmap(r->destination);
	return *r->source && *r->destination;
}

bool tracer_each(
	const struct tracer *t, bool (*fn)(void *arg, const struct traced_reset *r), void *arg)
{
	char path[256], line[1024];
	struct traced_reset r;
	FILE *file;
	bool go_on = true;

	snprintf(path, sizeof(path), "%s/trace", t->directory);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (go_on && fgets(line, sizeof(line), file))
		go_on = !tracer_parse(line, &r) || fn(arg, &r);
	fclose(file);
	return true;
}

struct search {
	uint16_t port;
	struct traced_reset *found;
	size_t count, max;
};

static bool has_port(const char *address, uint16_t port)
{
	const char *colon = strrchr(address, ':');

	return colon && strtoul(colon + 1, NULL, 10) == port;
}

static bool take_port(void *arg, const struct traced_reset *r)
{
	struct search *s = arg;

	if (s->count == s->max)
		return false;
	if (has_port(r->source, s->port) || has_port(r->destination, s->port))
		s->found[s->count++] = *r;
	return true;
}

size_t tracer_read(const struct tracer *t, uint16_t port, struct traced_reset *found, size_t max)
{
	struct search s = {.port = port, .found = found, .max = max};

	tracer_each(t, take_port, &s);
	return s.count;
}

static uint64_t overrun_of(const char *path)
{
	char line[128];
	unsigned long long lost = 0, n;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "overrun: %llu", &n) == 1 ||
			sscanf(line, "dropped events: %llu", &n) == 1)
			lost += n;
	}
	if (file)
		fclose(file);
	return lost;
}

uint64_t tracer_lost(const struct tracer *t)
{
	char path[320];
	uint64_t lost = 0;

	for (long cpu = 0, cpus = sysconf(_SC_NPROCESSORS_CONF); cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), "%s/per_cpu/cpu%ld/stats", t->directory, cpu);
		lost += overrun_of(path);
	}
	return lost;
}

void tracer_close(struct tracer *t)
{
	if (t->directory[0])
		rmdir(t->directory);
	t->directory[0] = '\0';
}
