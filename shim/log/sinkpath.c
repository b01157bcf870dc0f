/* SPDX-License-Identifier: MIT */
#include "sinkpath.h"

#include "../base/format.h"
#include "../base/sandbox.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "sinkfd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path_template[PATH_MAX * 2]; /* absolute, %p and %e not yet replaced */
static char path_now[PATH_MAX];		 /* for this process; empty: too long */

/* The file's folder, where everybody may make files in it: what is there may have been planted. */
static bool open_to_all;
static uid_t folder_owner;

static void look_at_folder(void)
{
	char *slash = strrchr(path_now, '/');
	struct stat st;

	open_to_all = false;
	if (!slash || slash == path_now)
		return;
	*slash = 0;
	if (sys4(SYS_newfstatat, AT_FDCWD, path_now, &st, 0) == 0) {
		open_to_all = st.st_mode & S_IWOTH;
		folder_owner = st.st_uid;
	}
	*slash = '/';
}

/* A link leads to what its maker cannot write himself; a file of his he may have open already. */
static bool is_planted(const struct stat *st)
{
	return S_ISLNK(st->st_mode) ||
		(st->st_uid != folder_owner && st->st_uid != (uid_t)sys0(SYS_geteuid));
}

/* %e is the program's name, which must not become a folder. Not at an event: stacks are small. */
static bool expand_path(void)
{
	struct text now = text_on(path_now, sizeof(path_now)), *t = &now;
	const char *p, *c;

	for (p = path_template; *p; p++) {
		if (*p != '%' || !p[1]) {
			text_char(t, *p);
			continue;
		}
		p++;
		if (*p == 'p')
			text_i64(t, self.pid);
		else if (*p == 'e')
			for (c = self.program; *c; c++)
				text_char(t, (char)(*c == '/' ? '_' : *c));
		else
			text_char(t, '%');
	}
	text_end(t);
	if (t->cut)
		path_now[0] = 0;
	else
		look_at_folder();
	return !t->cut;
}

static const char *check_path(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t n = slash > path ? (size_t)(slash - path) : 1;
	struct stat st;
	long r = open_to_all ? sys4(SYS_newfstatat, AT_FDCWD, path, &st, AT_SYMLINK_NOFOLLOW) : -1;

	if (r == 0 && is_planted(&st))
		return "it is a link or another user's, in a folder that everybody can write to";
	r = sys4(SYS_faccessat, AT_FDCWD, path, W_OK, 0);
	if (r == 0) {
		r = sys4(SYS_newfstatat, AT_FDCWD, path, &st, 0);
		return r == 0 && S_ISDIR(st.st_mode) ? "it is a folder" : NULL;
	}
	if (r != -ENOENT || n >= sizeof(folder))
		return r == -EACCES ? "permission denied" : "it cannot be written";
	memcpy(folder, path, n);
	folder[n] = 0;
	r = sys4(SYS_faccessat, AT_FDCWD, folder, W_OK | X_OK, 0);
	if (r == -ENOENT)
		return "the folder does not exist";
	return r == 0 ? NULL : r == -EACCES ? "permission denied" : "the folder cannot be written";
}

static const char *start_file(void)
{
	struct text t = text_on(path_template, sizeof(path_template));
	char cwd[PATH_MAX];

	/* The program may change its folder before the first event. */
	if (self.opt.log_path[0] != '/' && sys2(SYS_getcwd, cwd, sizeof(cwd)) > 0) {
		text_str(&t, cwd);
		text_char(&t, '/');
	}
	text_str(&t, self.opt.log_path);
	text_end(&t);
	return expand_path() ? check_path(path_now) : "the path is too long";
}

static const char *start_daemon(void)
{
	long r;

	if (!sandbox_allows_connect())
		return "a seccomp filter does not allow connect()";
	strcpy(path_now, self.opt.log == LOG_SYSLOG ? "/dev/log" : "/run/systemd/journal/socket");
	r = sys4(SYS_faccessat, AT_FDCWD, path_now, W_OK, 0);
	return r == 0	       ? NULL
		: r == -ENOENT ? "its socket does not exist"
		: r == -EACCES ? "permission denied"
			       : "its socket cannot be written";
}

bool sinkpath_is_daemon(void)
{
	return self.opt.log == LOG_SYSLOG || self.opt.log == LOG_JOURNAL;
}

const char *sinkpath_start(void)
{
	if (sinkpath_is_daemon())
		return start_daemon();
	return self.opt.log == LOG_FILE ? start_file() : NULL;
}

bool sinkpath_forked(void)
{
	if (self.opt.log != LOG_FILE || !strstr(path_template, "%p"))
		return false;
	expand_path();
	return true;
}

const char *sinkpath(void)
{
	return path_now;
}

int sinkpath_open(void)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	struct stat st;
	int fd;

	if (sinkpath_is_daemon())
		return sinkfd_connect(path_now);
	fd = (int)sys4(
		SYS_openat, AT_FDCWD, path_now, open_to_all ? flags | O_NOFOLLOW : flags, 0600);
	if (fd < 0 || !open_to_all)
		return fd;
	if (sys4(SYS_newfstatat, fd, "", &st, AT_EMPTY_PATH) == 0 && !is_planted(&st))
		return fd;
	sys1(SYS_close, fd);
	return -EACCES;
}
