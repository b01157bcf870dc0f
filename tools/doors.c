/* SPDX-License-Identifier: MIT */
#include "doors.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TAIL "tail"

/* Exported by glibc for libraries of its own, used by others too. */
int __close(int fd);
int __dup2(int fd, int target);

static bool pass_close(int fd)
{
	return close(fd) == 0;
}

static bool pass_alias(int fd)
{
	return __close(fd) == 0;
}

static bool pass_syscall_close(int fd)
{
	return syscall(SYS_close, fd) == 0;
}

/* Whatever took the number is closed again: the door was the duplication. */
static bool replaced(int fd, int with, int result)
{
	close(with);
	return result == fd && close(fd) == 0;
}

static bool pass_dup2(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && replaced(fd, null, dup2(null, fd));
}

static bool pass_dup2_alias(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && replaced(fd, null, __dup2(null, fd));
}

#ifdef SYS_dup2
static bool pass_syscall_dup2(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && replaced(fd, null, (int)syscall(SYS_dup2, null, fd));
}
#endif

static bool pass_dup3(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && replaced(fd, null, dup3(null, fd, O_CLOEXEC));
}

static bool pass_syscall_dup3(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null >= 0 && replaced(fd, null, (int)syscall(SYS_dup3, null, fd, 0));
}

static bool pass_close_range(int fd)
{
	return close_range((unsigned)fd, (unsigned)fd, 0) == 0;
}

static bool pass_syscall_close_range(int fd)
{
	return syscall(SYS_close_range, fd, fd, 0) == 0;
}

/* One thread has the table for itself already: nothing is copied, and this is the last close. */
static bool pass_close_range_unshare(int fd)
{
	return close_range((unsigned)fd, (unsigned)fd, CLOSE_RANGE_UNSHARE) == 0;
}

static bool pass_closefrom(int fd)
{
	closefrom(fd);
	return true;
}

/* With output still in the stream's buffer: it is due before the socket goes. */
static bool pass_fclose(int fd)
{
	FILE *stream = fdopen(fd, "w");

	bool written = stream && fputs(TAIL, stream) >= 0;

	return stream && fclose(stream) == 0 && written;
}

static bool pass_fclose_of_a_reader(int fd)
{
	FILE *stream = fdopen(fd, "r");

	return stream && fclose(stream) == 0;
}

/* The stream that takes its place has the same number. */
static bool reopened(int fd, FILE *stream)
{
	stream = freopen("/dev/null", "r+", stream);
	return stream && fileno(stream) == fd && fclose(stream) == 0;
}

static bool pass_freopen(int fd)
{
	FILE *stream = fdopen(fd, "w");
	bool written;

	if (!stream)
		return false;
	written = fputs(TAIL, stream) >= 0;
	return reopened(fd, stream) && written;
}

static bool pass_freopen_of_a_reader(int fd)
{
	FILE *stream = fdopen(fd, "r");

	return stream && reopened(fd, stream);
}

const struct door doors[] = {
	{"close", "close", 0, pass_close},
	{"__close", "close", 0, pass_alias},
	{"syscall-close", "close", 0, pass_syscall_close},
	{"dup2", "dup2", 0, pass_dup2},
	{"__dup2", "dup2", 0, pass_dup2_alias},
#ifdef SYS_dup2
	{"syscall-dup2", "dup2", 0, pass_syscall_dup2},
#endif
	{"dup3", "dup3", 0, pass_dup3},
	{"syscall-dup3", "dup3", 0, pass_syscall_dup3},
	{"close_range", "close_range", 0, pass_close_range},
	{"syscall-close_range", "close_range", 0, pass_syscall_close_range},
	{"close_range-unshare", "close_range", 0, pass_close_range_unshare},
	{"closefrom", "closefrom", 0, pass_closefrom},
	{"fclose", "fclose", sizeof(TAIL) - 1, pass_fclose},
	{"fclose-reader", "fclose", 0, pass_fclose_of_a_reader},
	{"freopen", "freopen", sizeof(TAIL) - 1, pass_freopen},
	{"freopen-reader", "freopen", 0, pass_freopen_of_a_reader},
};

const size_t doors_count = sizeof(doors) / sizeof(doors[0]);

const struct door *door_named(const char *name)
{
	for (size_t i = 0; i < doors_count; i++) {
		if (strcmp(doors[i].name, name) == 0)
			return &doors[i];
	}
	return NULL;
}
