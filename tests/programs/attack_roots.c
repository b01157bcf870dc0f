/* SPDX-License-Identifier: MIT */
/*
 * A daemon that locks itself up, and closes whatever it finds open, between events.
 * usage: attack_roots STEP...      its root is the folder `jail`
 */
#include <sys/syscall.h>

#include "victim.h"

/* The peer is there until the close is mended. */
static void event(char **args)
{
	int fds[2];
	char byte;

	(void)args;
	unread_pair(fds);
	close(fds[0]);
	recv(fds[1], &byte, 1, 0);
	close(fds[1]);
}

static void by_libc(char **args)
{
	(void)args;
	say("chroot", chroot("jail"));
}

static void by_syscall(char **args)
{
	(void)args;
	say("chroot", (int)syscall(SYS_chroot, "jail"));
}

static void close_from(char **args)
{
	(void)args;
	closefrom(3);
}

static void close_the_range(char **args)
{
	(void)args;
	say("close_range", close_range(3, ~0U, 0));
}

int main(int argc, char **argv)
{
	static const struct attack table[] = {{"event", event}, {"chroot", by_libc},
		{"syscall", by_syscall}, {"closefrom", close_from},
		{"close_range", close_the_range}};

	for (int i = 1; i < argc; i++) {
		if (attack((char *[]){argv[0], argv[i], NULL}, table,
			    sizeof(table) / sizeof(*table)))
			return 2;
	}
	return 0;
}
