/* SPDX-License-Identifier: MIT */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

/* The caller keeps its ids, so that what it executes has no more rights than it had outside. */
static bool map_ids(uid_t uid, gid_t gid)
{
	char line[64];

	snprintf(line, sizeof(line), "%u %u 1", uid, uid);
	if (!write_file("/proc/self/uid_map", line))
		return false;
	snprintf(line, sizeof(line), "%u %u 1", gid, gid);
	return write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", line);
}

static bool enter_with_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0 && map_ids(uid, gid);
}

static bool loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0;

	request.ifr_flags |= IFF_UP;
	up = up && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd >= 0)
		close(fd);
	return up;
}

bool netns_enter(char *why, size_t size)
{
	const char *keep = getenv("LAB_NETNS");
	bool entered;

	if (keep && strcmp(keep, "keep") == 0)
		return true;
	entered = unshare(CLONE_NEWNET) == 0;

	if (!entered && errno == EPERM)
		entered = enter_with_user_namespace();
	if (entered && loopback_up())
		return true;
	snprintf(why, size, "%s: %s",
		entered ? "the loopback interface does not come up"
			: "no private network namespace is to be had",
		strerror(errno));
	return false;
}

/* The value under `name` of a pair of lines as /proc/net/snmp has them: names, then values. */
static uint64_t counter_in(char *names, char *values, const char *name)
{
	char *name_at, *value_at;
	char *n = strtok_r(names, " \n", &name_at), *v = strtok_r(values, " \n", &value_at);

	while (n && v) {
		if (strcmp(n, name) == 0)
			return strtoull(v, NULL, 10);
		n = strtok_r(NULL, " \n", &name_at);
		v = strtok_r(NULL, " \n", &value_at);
	}
	return 0;
}

static bool read_counter(const char *path, const char *group, const char *name, uint64_t *value)
{
	char names[8192], values[8192];
	FILE *file = fopen(path, "re");

	*value = 0;
	if (!file)
		return false;
	while (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		if (strncmp(names, group, strlen(group)) != 0)
			continue;
		*value = counter_in(names, values, name);
		break;
	}
	fclose(file);
	return true;
}

bool netns_count(struct netns_counters *c)
{
	/* thread-self: another thread of the process may be in another namespace. */
	static const char snmp[] = "/proc/thread-self/net/snmp";
	static const char netstat[] = "/proc/thread-self/net/netstat";

	return read_counter(snmp, "Tcp:", "OutRsts", &c->out_rsts) &&
		read_counter(netstat, "TcpExt:", "TCPAbortOnClose", &c->abort_on_close) &&
		read_counter(netstat, "TcpExt:", "TCPAbortOnData", &c->abort_on_data) &&
		read_counter(netstat, "TcpExt:", "TCPAbortOnLinger", &c->abort_on_linger) &&
		read_counter(netstat, "TcpExt:", "TCPAbortOnTimeout", &c->abort_on_timeout);
}

int netns_tcp_state(uint16_t local_port, uint16_t remote_port)
{
	FILE *file = fopen("/proc/thread-self/net/tcp", "re");
	unsigned local, remote, state, found = 0;
	char line[512];

	while (file && !found && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " %*u: %*x:%x %*x:%x %x", &local, &remote, &state) == 3 &&
			local == local_port && remote == remote_port)
			found = state;
	}
	if (file)
		fclose(file);
	return (int)found;
}
