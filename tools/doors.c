/* SPDX-License-Identifier: MIT */
#include "doors.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
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

static bool pass_exit(int fd)
{
	(void)fd;
	exit(0);
}

static bool pass_exit_nonzero(int fd)
{
	(void)fd;
	exit(3);
}

static bool pass_return(int fd)
{
	(void)fd;
	return true;
}

static bool pass_quick_exit(int fd)
{
	(void)fd;
	quick_exit(0);
}

static bool pass__exit(int fd)
{
	(void)fd;
	_exit(0);
}

static bool pass__exit_nonzero(int fd)
{
	(void)fd;
	_exit(3);
}

static bool pass__Exit(int fd)
{
	(void)fd;
	_Exit(0);
}

static bool pass_syscall_exit_group(int fd)
{
	(void)fd;
	return syscall(SYS_exit_group, 0) == 0;
}

static bool pass_syscall_exit(int fd)
{
	(void)fd;
	return syscall(SYS_exit, 0) == 0;
}

static bool pass_exec(int fd)
{
	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && execlp("true", "true", NULL) == 0;
}

static bool pass_syscall_execve(int fd)
{
	char name[] = "true", *argv[] = {name, NULL};

	return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 &&
		syscall(SYS_execve, "/bin/true", argv, environ) == 0;
}

/* With output still in the stream's buffer, which exit() flushes. */
static bool pass_exit_stream(int fd)
{
	FILE *stream = fdopen(fd, "w");

	if (stream && fputs(TAIL, stream) >= 0)
		exit(0);
	return false;
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

const struct end_door end_doors[] = {
	{{"exit", "exit", 0, pass_exit}, 0, true},
	{{"exit-nonzero", "exit", 0, pass_exit_nonzero}, 3, true},
	{{"exit-stream", "exit", sizeof(TAIL) - 1, pass_exit_stream}, 0, true},
	{{"return", "exit", 0, pass_return}, 0, true},
	{{"quick_exit", "exit", 0, pass_quick_exit}, 0, true},
	{{"_exit", "exit", 0, pass__exit}, 0, false},
	{{"_exit-nonzero", "exit", 0, pass__exit_nonzero}, 3, false},
	{{"_Exit", "exit", 0, pass__Exit}, 0, false},
	{{"syscall-exit_group", "exit", 0, pass_syscall_exit_group}, 0, false},
	{{"syscall-exit", "exit", 0, pass_syscall_exit}, 0, false},
	{{"exec", "exec", 0, pass_exec}, 0, false},
	{{"syscall-execve", "exec", 0, pass_syscall_execve}, 0, false},
};

const size_t end_doors_count = sizeof(end_doors) / sizeof(end_doors[0]);

const struct end_door *door_that_ends(const char *name)
{
	for (size_t i = 0; i < end_doors_count; i++) {
		if (strcmp(end_doors[i].door.name, name) == 0)
			return &end_doors[i];
	}
	return NULL;
}

const struct door *door_named(const char *name)
{
	const struct end_door *end = door_that_ends(name);

	for (size_t i = 0; i < doors_count; i++) {
		if (strcmp(doors[i].name, name) == 0)
			return &doors[i];
	}
	return end ? &end->door : NULL;
}
