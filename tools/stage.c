/* SPDX-License-Identifier: MIT */
#include "stage.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LOOK_EVERY_NS 200000

static struct stage *map(int fd)
{
	void *page = mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

struct stage *stage_make(int *fd)
{
	struct stage *s;

	*fd = memfd_create("rstfix-stage", 0);
	if (*fd < 0)
		return NULL;
	s = ftruncate(*fd, sizeof(struct stage)) == 0 ? map(*fd) : NULL;
	if (!s)
		close(*fd);
	return s;
}

struct stage *stage_map(int fd)
{
	struct stage *s = map(fd);
	int error = errno;

	close(fd);
	errno = error;
	return s;
}

void stage_unmap(struct stage *s)
{
	munmap(s, sizeof(*s));
}

int64_t stage_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool stage_await_that(bool (*holds)(void *arg), void *arg, int ms)
{
	const struct timespec pause = {.tv_nsec = LOOK_EVERY_NS};
	int64_t end = stage_now_ms() + ms;

	while (!holds(arg)) {
		if (stage_now_ms() >= end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

struct mark {
	const _Atomic int *progress;
	int least;
};

static bool mark_reached(void *arg)
{
	const struct mark *m = arg;

	return *m->progress >= m->least;
}

bool stage_await(const _Atomic int *progress, int least, int ms)
{
	struct mark m = {progress, least};

	return stage_await_that(mark_reached, &m, ms);
}
