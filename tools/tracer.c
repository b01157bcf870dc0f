/* SPDX-License-Identifier: MIT */
#include "tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool enable(const struct tracer *t, const char *what)
{
	char path[256];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", t->directory, what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, "1", 1) == 1;
	close(fd);
	return done;
}

bool tracer_open(struct tracer *t)
{
	int error;

	snprintf(t->directory, sizeof(t->directory), "/sys/kernel/tracing/instances/rstfix-%d",
		(int)getpid());
	if (mkdir(t->directory, 0700) != 0) {
		t->directory[0] = '\0';
		return false;
	}
	if (enable(t, "events/tcp/tcp_send_reset/enable") && enable(t, "tracing_on"))
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

static bool has_port(const char *address, uint16_t port)
{
	const char *colon = strrchr(address, ':');

	return colon && strtoul(colon + 1, NULL, 10) == port;
}

static bool parse_line(const char *line, uint16_t port, struct traced_reset *r)
{
	const char *event = strstr(line, "tcp_send_reset: ");

	if (!event)
		return false;
	word_after(event, " src=", r->source, sizeof(r->source));
	word_after(event, " dest=", r->destination, sizeof(r->destination));
	word_after(event, " state=", r->state, sizeof(r->state));
	word_after(event, " reason=", r->reason, sizeof(r->reason));
	return has_port(r->source, port) || has_port(r->destination, port);
}

size_t tracer_read(const struct tracer *t, uint16_t port, struct traced_reset *found, size_t max)
{
	char path[256], line[1024];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/trace", t->directory);
	file = fopen(path, "re");
	if (!file)
		return 0;
	while (count < max && fgets(line, sizeof(line), file))
		count += parse_line(line, port, &found[count]);
	fclose(file);
	return count;
}

void tracer_close(struct tracer *t)
{
	if (t->directory[0])
		rmdir(t->directory);
	t->directory[0] = '\0';
}
