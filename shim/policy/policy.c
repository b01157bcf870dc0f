/* SPDX-License-Identifier: MIT */
#include "policy.h"

#include "../base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define VARIABLE "RSTFIX_POLICY"

static struct rules in_force;

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* A file's content, mapped; at is NULL, and why told, where it cannot be had. */
struct content {
	char *at;
	size_t len;
	const char *why;
};

static void read_whole(long fd, struct content *c)
{
	long n = 1;
	size_t got = 0;

	while (got < c->len && n > 0) {
		n = sys3(SYS_read, fd, c->at + got, c->len - got);
		got += n > 0 ? (size_t)n : 0;
	}
	c->len = got;
	if (n < 0)
		c->why = "cannot be read";
}

/* No FIFO is waited for, and nothing is read that another process could not read again. */
static struct content content_of(const char *path)
{
	struct content c = {.at = NULL};
	struct stat st;
	long fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);

	if (fd < 0) {
		c.why = fd == -ENOENT ? "does not exist" : "cannot be opened";
		return c;
	}
	if (sys4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) < 0 || !S_ISREG(st.st_mode))
		c.why = "is no file";
	else if (st.st_size > (off_t)POLICY_FILE_MAX)
		c.why = "is too large";
	else if (!(c.at = map((size_t)st.st_size + 1)))
		c.why = "does not fit into memory";
	c.len = (size_t)st.st_size;
	if (c.at)
		read_whole(fd, &c);
	sys1(SYS_close, fd);
	return c;
}

static void complain_of(const char *source, const char *what, rules_complain *complain, void *arg)
{
	struct rule_mistake m = {
		.source = source, .what = what, .allowed = "a regular file of up to 1 MiB"};

	complain(arg, &m);
}

static unsigned read_both(struct rules *r, struct span text, const char *path,
	const struct content *file, rules_complain *complain, void *arg)
{
	size_t len = text.len + file->len;
	void *room = map(rules_room(len, 2));
	unsigned mistakes;

	if (!room) {
		complain_of(path ? path : VARIABLE, "does not fit into memory", complain, arg);
		return 1;
	}
	rules_begin(r, room, len, 2);
	mistakes = rules_read(r, VARIABLE, text, complain, arg);
	if (file->at)
		mistakes += rules_read(r, path, (struct span){file->at, file->len}, complain, arg);
	if (mistakes)
		munmap(room, rules_room(len, 2));
	return mistakes;
}

unsigned policy_load(
	struct rules *r, const char *text, const char *path, rules_complain *complain, void *arg)
{
	struct content file = {.at = NULL};
	unsigned mistakes = 0;

	*r = (struct rules){.count = 0};
	if (path)
		file = content_of(path);
	if (file.why) {
		complain_of(path, file.why, complain, arg);
		mistakes++;
		file.len = 0;
	}
	mistakes += read_both(r, span_of(text ? text : ""), path, &file, complain, arg);
	if (file.at)
		munmap(file.at, file.len + 1);
	if (mistakes)
		*r = (struct rules){.count = 0};
	return mistakes;
}

unsigned policy_start(const char *text, const char *path, const char *program,
	rules_complain *complain, void *arg)
{
	static char kept[PATH_MAX]; /* rules are told by the name of their file */
	unsigned mistakes;

	if (path) {
		strncpy(kept, path, sizeof(kept) - 1);
		path = kept;
	}
	mistakes = policy_load(&in_force, text, path, complain, arg);
	rules_keep_program(&in_force, program);
	return mistakes;
}

const struct rules *policy_rules(void)
{
	return &in_force;
}
