/* SPDX-License-Identifier: MIT */
#include "runlog.h"

#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int refuse(const char *option, const char *what, const char *value, const char *allowed)
{
	char whole[64];

	snprintf(whole, sizeof(whole), "with %s the %s", option, what);
	return say_refusal("run", whole, value, allowed);
}

static int refuse_other_logs(const struct options *o, const char *option)
{
	const char *format = getenv("RSTFIX_FORMAT");

	if (o->format == FORMAT_TEXT && format && *format)
		return refuse(option, "format", "text", "json");
	if (o->log == LOG_SYSLOG || o->log == LOG_JOURNAL ||
		(o->log == LOG_FILE && strchr(o->log_path, '%')))
		return refuse(option, "log", o->log_path,
			"the path of one file for all processes, without %, or none of it");
	return 0;
}

/*
 * Processes that become another user must be able to write it, so it is anybody's who knows it, in
 * a folder that all can reach.
 */
static bool make_log(struct runlog *l)
{
	const char *folder = getenv("TMPDIR");
	int fd;

	snprintf(l->path, sizeof(l->path), "/tmp/rstfix-run-XXXXXX");
	if (!mkdtemp(l->path)) {
		if (!folder || *folder != '/' || strchr(folder, '%') ||
			strlen(folder) > PATH_MAX - 64)
			return false;
		snprintf(l->path, sizeof(l->path), "%s/rstfix-run-XXXXXX", folder);
		if (!mkdtemp(l->path))
			return false;
	}
	if (chmod(l->path, 0711) != 0)
		return false;
	strcat(l->path, "/events.json");
	fd = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 || fchmod(fd, 0666) != 0)
		return false;
	close(fd);
	return true;
}

/* Where the caller wants the log as well. Opened before the command runs, which may change much. */
static bool open_copy(struct runlog *l, const char *path)
{
	l->copy_path = path;
	l->copy = fopen(path, "ae");
	return l->copy != NULL;
}

int runlog_open(struct runlog *l, const struct options *o, const char *option)
{
	int refused = refuse_other_logs(o, option);

	if (refused)
		return refused;
	if (o->log == LOG_FILE && !open_copy(l, o->log_path)) {
		say("run", "%s: %s: allowed is a file that can be written", o->log_path,
			strerror(errno));
		return EXIT_REFUSED;
	}
	if (!make_log(l)) {
		say("run", "%s: %s: %s needs a log that it can read", l->path, strerror(errno),
			option);
		return EXIT_REFUSED;
	}
	if (setenv("RSTFIX_LOG", l->path, 1) != 0 || setenv("RSTFIX_FORMAT", "json", 1) != 0)
		return EXIT_REFUSED;
	return 0;
}

static bool copy_log(struct runlog *l)
{
	FILE *from = fopen(l->path, "re");
	char part[65536];
	size_t n;
	bool whole = from != NULL;

	while (from && (n = fread(part, 1, sizeof(part), from)) > 0)
		whole &= fwrite(part, 1, n, l->copy) == n;
	if (from)
		fclose(from);
	return fclose(l->copy) == 0 && whole;
}

/* The log stays where the caller's could not be written: nothing is lost. */
void runlog_end(struct runlog *l)
{
	char folder[PATH_MAX];

	if (l->copy && !copy_log(l)) {
		say("run", "%s: %s: the events are in %s", l->copy_path, strerror(errno), l->path);
		return;
	}
	unlink(l->path);
	strcpy(folder, l->path);
	*strrchr(folder, '/') = '\0';
	rmdir(folder);
}
