/* SPDX-License-Identifier: MIT */
#include "statsread.h"

#include "log/statsfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What this machine says of itself: a file may have come from another one. */
struct here {
	char boot_id[40];
	uint64_t pid_namespace;
};

static struct here look_around(void)
{
	struct here h = {.pid_namespace = 0};
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	struct stat st;

	if (file) {
		if (fgets(h.boot_id, sizeof(h.boot_id), file))
			h.boot_id[strcspn(h.boot_id, "\n")] = 0;
		fclose(file);
	}
	if (stat("/proc/self/ns/pid", &st) == 0)
		h.pid_namespace = st.st_ino;
	return h;
}

/* Of /proc/PID/stat, whose second field is a name in brackets: the state, and field 22, in ticks. */
static bool began(int pid, char *state, uint64_t *ticks)
{
	char path[64], buf[1024], *after;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(buf, 1, sizeof(buf) - 1, file);
	fclose(file);
	buf[n] = 0;
	after = strrchr(buf, ')');
	return after &&
		sscanf(after + 1,
			" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %lu",
			state, ticks) == 2;
}

/*
 * Another process has the pid now, if it began after the file was made. A process need not see the
 * boot id (ProcSubset= of systemd), nor others the process (hidepid= of proc).
 */
static enum stats_life life_of(const struct stats_process *p, const struct here *h)
{
	uint64_t ticks, hz = (uint64_t)sysconf(_SC_CLK_TCK);
	char state;

	if (*h->boot_id && *p->boot_id && strcmp(p->boot_id, h->boot_id) != 0)
		return STATS_ENDED;
	if (!h->pid_namespace || p->pid_namespace != h->pid_namespace)
		return STATS_UNKNOWN;
	if (!began(p->pid, &state, &ticks))
		return p->pid > 0 && (kill(p->pid, 0) == 0 || errno == EPERM) ? STATS_UNKNOWN
									      : STATS_ENDED;
	if (state == 'Z' || state == 'X')
		return STATS_ENDED;
	return ticks / hz * 1000000000 + ticks % hz * (1000000000 / hz) <= p->made_ns
		? STATS_RUNNING
		: STATS_ENDED;
}

/* So many bytes from the start, or fewer where it ends. False: it cannot be read. */
static bool read_bytes(int fd, char *to, size_t size)
{
	size_t had = 0;
	ssize_t n = 1;

	while (had < size && n > 0) {
		n = pread(fd, to + had, size - had, (off_t)had);
		had += n > 0 ? (size_t)n : 0;
	}
	return had == size;
}

/* The file is far larger than what is used of it. NULL: there is nothing of use. */
static void *read_used(int fd, size_t *size)
{
	struct stats_header h;
	struct stat st;
	char *data;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || !read_bytes(fd, (char *)&h, sizeof(h)) ||
		h.used < sizeof(h) || h.used > STATS_SIZE || h.used > (uint64_t)st.st_size)
		return NULL;
	data = malloc(h.used);
	if (data && read_bytes(fd, data, h.used)) {
		*size = h.used;
		return data;
	}
	free(data);
	return NULL;
}

/* Just being made, by a process that may have been killed at it: nothing was counted yet. */
static bool unfinished(int fd)
{
	char magic[8];
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		(st.st_size == 0 || (read_bytes(fd, magic, sizeof(magic)) && !magic[0]));
}

static enum stats_result read_file(struct stats_process *p, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	enum stats_result result = STATS_BAD;
	size_t size = 0;
	void *data;

	if (fd < 0) /* it may have been removed meanwhile */
		return errno == ENOENT ? STATS_UNFINISHED : STATS_BAD;
	data = read_used(fd, &size);
	if (data && stats_parse(p, data, size))
		result = STATS_GOOD;
	else if (unfinished(fd))
		result = STATS_UNFINISHED;
	close(fd);
	return result;
}

enum stats_result stats_file_read(struct stats_process *p, const char *path)
{
	return read_file(p, AT_FDCWD, path);
}

static void add_file(struct stats_folder *f, int folder, const char *name, const struct here *h)
{
	struct stats_process *list = realloc(f->list, (f->count + 1) * sizeof(*list));
	enum stats_result result = STATS_BAD;

	if (list) {
		f->list = list;
		result = read_file(&list[f->count], folder, name);
	}
	f->unreadable += result == STATS_BAD;
	if (result != STATS_GOOD)
		return;
	list[f->count].life = life_of(&list[f->count], h);
	list[f->count].file = strdup(name);
	f->count++;
}

bool stats_name(const char *name)
{
	size_t len = strlen(name), suffix = strlen(STATS_SUFFIX);

	return strncmp(name, STATS_PREFIX, strlen(STATS_PREFIX)) == 0 && len > suffix &&
		strcmp(name + len - suffix, STATS_SUFFIX) == 0;
}

const char *stats_folder_read(struct stats_folder *f, const char *path)
{
	struct here here = look_around();
	DIR *dir = opendir(path);
	struct dirent *entry;

	*f = (struct stats_folder){0};
	if (!dir)
		return strerror(errno);
	fstat(dirfd(dir), &f->is);
	while ((entry = readdir(dir)) != NULL) {
		if (stats_name(entry->d_name))
			add_file(f, dirfd(dir), entry->d_name, &here);
	}
	closedir(dir);
	return NULL;
}

void stats_folder_free(struct stats_folder *f)
{
	for (size_t i = 0; i < f->count; i++)
		stats_free(&f->list[i]);
	free(f->list);
	*f = (struct stats_folder){0};
}

void stats_folder_keep_ended(struct stats_folder *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++) {
		if (f->list[i].life == STATS_ENDED)
			f->list[kept++] = f->list[i];
		else
			stats_free(&f->list[i]);
	}
	f->count = kept;
}

size_t stats_folder_remove(const struct stats_folder *f, const char *path)
{
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	size_t removed = 0;
	struct stat now;

	if (folder < 0)
		return 0;
	if (fstat(folder, &now) != 0 || now.st_dev != f->is.st_dev || now.st_ino != f->is.st_ino) {
		close(folder);
		return 0;
	}
	for (size_t i = 0; i < f->count; i++)
		removed += f->list[i].file && unlinkat(folder, f->list[i].file, 0) == 0;
	close(folder);
	return removed;
}
