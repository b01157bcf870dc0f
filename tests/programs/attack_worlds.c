/* SPDX-License-Identifier: MIT */
/*
 * A program that changes what it is or where it is while a socket of its lingers: it closes one that it
 * had before, and one that it makes afterwards. Its folder becomes its root.
 * usage: attack_worlds CHANGE
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "victim.h"

static int loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM, 0), r = ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return r;
}

static int own_net(void)
{
	return unshare(CLONE_NEWNET) == 0 ? loopback_up() : -1;
}

static int own_files(void)
{
	return unshare(CLONE_FILES);
}

static int own_user(void)
{
	return unshare(CLONE_NEWUSER);
}

/* The network of a child that has one of its own. */
static int other_net(void)
{
	char path[64];
	int ready[2], fd, r;
	char byte;
	pid_t child;

	if (pipe(ready))
		return -1;
	child = fork();
	if (child == 0) {
		if (own_net() == 0 && write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(ready[0], &byte, 1) != 1)
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)child);
	fd = open(path, O_RDONLY);
	r = setns(fd, CLONE_NEWNET);
	kill(child, 9);
	waitpid(child, NULL, 0);
	return r;
}

static int other_root(void)
{
	return chroot(".");
}

static int lesser_user(void)
{
	return seteuid(65534);
}

static int lesser_user_and_back(void)
{
	return seteuid(65534) || seteuid(0);
}

static int nobody(void)
{
	return setgid(65534) || setuid(65534);
}

/* Nothing that the program does itself is forbidden. */
static int sandbox(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) != 0;
}

static const struct change {
	const char *name;
	int (*carry_out)(void);
} changes[] = {{"newnet", own_net}, {"files", own_files}, {"newuser", own_user},
	{"setns", other_net}, {"chroot", other_root}, {"seteuid", lesser_user},
	{"and-back", lesser_user_and_back}, {"setuid", nobody}, {"seccomp", sandbox}};

int main(int argc, char **argv)
{
	int lingers[2], before[2], after[2];

	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		if (argc < 2 || strcmp(argv[1], changes[i].name) != 0)
			continue;
		unread_pair(lingers);
		unread_pair(before);
		say("close", close(lingers[0]));
		say("change", changes[i].carry_out());
		say("close", close(before[0]));
		unread_pair(after);
		say("close", close(after[0]));
		return close(lingers[1]) || close(before[1]) || close(after[1]);
	}
	fprintf(stderr, "usage: attack_worlds CHANGE\n");
	return 2;
}
