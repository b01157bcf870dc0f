/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include "policy/options.h"
#include "preload.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RESTART "start it again with: rstfix run -- its command"

static void path_of(char out[PATH_MAX], pid_t pid, const char *name)
{
	snprintf(out, PATH_MAX, "/proc/%d/%s", (int)pid, name);
}

/* The value of a variable in the text of /proc/PID/environ, or NULL. */
static const char *variable(const char *env, long size, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = env; at < env + size; at += strlen(at) + 1) {
		if (strncmp(at, name, len) == 0 && at[len] == '=')
			return at + len + 1;
	}
	return NULL;
}

static bool secure(pid_t pid)
{
	char path[PATH_MAX], text[1024];
	ElfW(auxv_t) entry;
	long size;

	path_of(path, pid, "auxv");
	size = doctor_read(path, text, sizeof(text));
	for (long at = 0; at + (long)sizeof(entry) <= size; at += (long)sizeof(entry)) {
		memcpy(&entry, text + at, sizeof(entry));
		if (entry.a_type == AT_SECURE)
			return entry.a_un.a_val != 0;
	}
	return false;
}

/* What is mapped: the shim, and how many copies of libc. */
struct mapped {
	bool shim, gone; /* gone: its file was replaced or deleted since */
	bool unwinder;
	unsigned libcs;
};

static struct mapped look_at_maps(pid_t pid)
{
	char path[PATH_MAX], line[PATH_MAX + 128];
	struct mapped m = {.libcs = 0};
	FILE *maps;

	path_of(path, pid, "maps");
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps)) {
		unsigned long offset = 1;

		sscanf(line, "%*s %*s %lx", &offset);
		if (strstr(line, "/" PRELOAD_LIBRARY)) {
			m.shim = true;
			m.gone |= strstr(line, " (deleted)\n") != NULL;
		}
		m.unwinder |= strstr(line, "/libunwind.so.8") != NULL;
		m.libcs += offset == 0 && strstr(line, "/libc.so.6\n") != NULL;
	}
	if (maps)
		fclose(maps);
	return m;
}

static unsigned count_rings(pid_t pid)
{
	char path[PATH_MAX], link[64];
	unsigned rings = 0;
	struct dirent *entry;
	DIR *fds;

	path_of(path, pid, "fd");
	fds = opendir(path);
	while (fds && (entry = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), entry->d_name, link, sizeof(link) - 1);

		if (n < 0)
			continue;
		link[n] = '\0';
		rings += strcmp(link, "anon_inode:[io_uring]") == 0;
	}
	if (fds)
		closedir(fds);
	return rings;
}

/* Where the process looks, the path may name nothing, or another file. */
static void about_root(struct diagnosis *d)
{
	char path[2 * PATH_MAX];
	struct stat here, there;

	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)d->pid, d->library);
	if (stat(d->library, &here) != 0 || stat(path, &there) == 0 || errno == EACCES)
		return;
	diagnosis_add(d, FINDING_WHOLE, "root",
		"it has another root or mount namespace (a container, a chroot)",
		"copy or bind-mount the library into it, under the same path",
		"%s does not exist where it looks", d->library);
}

static void about_configuration(struct diagnosis *d, const char *env, long size)
{
	const char *mode = variable(env, size, "RSTFIX_MODE");
	const char *log = variable(env, size, "RSTFIX_LOG");
	const char *programs = variable(env, size, "RSTFIX_PROGRAMS");

	mode = mode && *mode ? mode : "audit";
	diagnosis_add(d, FINDING_NOTE, "loaded", NULL, NULL,
		"%s is loaded: mode %s, log %s, by the environment it was started with",
		PRELOAD_LIBRARY, mode, log && *log ? log : "stderr");
	if (strcmp(mode, "off") == 0)
		diagnosis_add(d, FINDING_PART, "off", NULL, "set RSTFIX_MODE to audit or fix",
			"the shim is told to stay away");
	if (programs && !options_program_matches(programs, basename(d->target)))
		diagnosis_add(d, FINDING_PART, "programs", NULL, "add it to RSTFIX_PROGRAMS",
			"RSTFIX_PROGRAMS is %s, which the name of its file does not match",
			programs);
}

/* `asked`: the environment it was started with names the shim. */
static void about_absence(struct diagnosis *d, bool asked)
{
	if (asked)
		diagnosis_add(d, FINDING_WHOLE, "not-loaded",
			"the loader could not read it, or not load it there",
			"look for the loader's line on its standard error; " RESTART,
			"its LD_PRELOAD names %s, and it is not loaded", PRELOAD_LIBRARY);
	else
		diagnosis_add(d, FINDING_PART, "not-loaded",
			"a process that runs cannot be given a preload", RESTART,
			"%s is not loaded in it: nothing of it is seen now", PRELOAD_LIBRARY);
}

static void about_shim(struct diagnosis *d, const struct mapped *m)
{
	static char env[2 << 20];
	char path[PATH_MAX];
	long size;
	bool asked;

	path_of(path, d->pid, "environ");
	size = doctor_read(path, env, sizeof(env));
	path_of(path, d->pid, "root");
	asked = doctor_preloads(d, path, size > 0 ? variable(env, size, "LD_PRELOAD") : NULL);
	if (!m->shim) {
		about_root(d);
		about_absence(d, asked);
		return;
	}
	about_configuration(d, env, size);
	if (m->gone)
		diagnosis_add(d, FINDING_NOTE, "replaced", NULL, "restart it to use the new one",
			"the %s that it has loaded was deleted or replaced since", PRELOAD_LIBRARY);
	if (!m->unwinder)
		diagnosis_add(d, FINDING_PART, "libunwind", "stacks are its work",
			"install libunwind8",
			"libunwind.so.8 is not loaded: events have no stacks");
}

static void about_calls(struct diagnosis *d, const struct mapped *m, const char *status)
{
	unsigned rings = count_rings(d->pid);

	if (rings)
		diagnosis_add(d, FINDING_PART, "io-uring",
			"what goes through a ring reaches the kernel without libc's calls",
			"turn io_uring off in its configuration, where that can be done",
			"it has %u io_uring%s open", rings, rings == 1 ? "" : "s");
	if (m->libcs > 1)
		diagnosis_add(d, FINDING_PART, "second-libc",
			"a namespace made by dlmopen has a libc of its own, without the shim", NULL,
			"it has %u copies of libc", m->libcs);
	if (doctor_status(status, "Seccomp", 10) == 2)
		diagnosis_add(d, FINDING_PART, "seccomp",
			"if it has installed that itself, the shim has made no call since; one that "
			"was there before is tried in a throwaway child",
			"look for a notice with code sandbox on the log",
			"a seccomp filter is in force in it");
}

/* Its file, or why there is none to be judged. */
static bool find_file(struct diagnosis *d, const char *status)
{
	char path[PATH_MAX];
	ssize_t n;

	path_of(path, d->pid, "exe");
	n = readlink(path, d->target, sizeof(d->target) - 1);
	d->target[n > 0 ? n : 0] = '\0';
	if (n >= 0 && target_read(&(struct target){0}, path))
		return true;
	if (!*d->target)
		snprintf(d->target, sizeof(d->target), "/proc/%d", (int)d->pid);
	if (!*status)
		diagnosis_add(
			d, FINDING_WHOLE, "not-found", NULL, NULL, "there is no such process");
	else if (errno == EACCES || errno == EPERM)
		diagnosis_add(d, FINDING_PART, "permission",
			"the kernel shows it to its own user and to root only",
			"run rstfix doctor as that user, or as root",
			"it cannot be looked into: %s", strerror(errno));
	else
		diagnosis_add(d, FINDING_WHOLE, "no-program", NULL, NULL,
			"it has no program: a kernel thread, or one that has ended");
	return false;
}

void doctor_process(struct diagnosis *d, pid_t pid)
{
	char path[PATH_MAX], status[8192];
	struct target t;
	struct mapped m;

	d->pid = pid;
	path_of(path, pid, "status");
	doctor_read(path, status, sizeof(status));
	if (!find_file(d, status))
		return;
	path_of(path, pid, "exe");
	if (target_read(&t, path))
		doctor_faults(d, target_faults(&t, &d->own));
	if (secure(pid))
		diagnosis_add(d, FINDING_WHOLE, "secure",
			"it was setuid, setgid or had file capabilities: the loader drops a preload "
			"that has a path, and the shim stays off",
			"start it as the user it changes to", "it runs with AT_SECURE");
	if (diagnosis_weight(d) == FINDING_WHOLE)
		return;
	m = look_at_maps(pid);
	about_shim(d, &m);
	doctor_file(d, path, d->target, false);
	about_calls(d, &m, status);
	doctor_machine(d, status);
}
