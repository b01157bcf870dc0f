/* SPDX-License-Identifier: MIT */
#include "statsmap.h"

#include "../base/start.h"
#include "../base/sys.h"
#include "callsite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define POPULATE_WRITE 23 /* MADV_POPULATE_WRITE, Linux 5.14 */

/* What a file has from the start: the header, and the records of some six callsites. */
#define FIRST (16U << 10)
#define MORE  (32U << 10)

static char path[PATH_MAX + 64];
static size_t folder_len;
static uint32_t backed;

static const char *reason(long error)
{
	switch (-error) {
	case ENOENT:
		return "the folder does not exist";
	case EACCES:
	case EPERM:
		return "permission denied";
	case ENOTDIR:
		return "it is no folder";
	case EROFS:
		return "it cannot be written";
	case ENOSPC:
	case EDQUOT:
		return "no space left";
	case ENOMEM:
		return "no memory";
	default:
		return "the file cannot be made";
	}
}

/*
 * Where a page that was backed once stays so: a store to it fails neither for a full disk nor, as over a
 * network, for a lost server. What lies under an overlay is one of the others, as a rule.
 */
static bool keeps_pages(long type)
{
	return type == TMPFS_MAGIC || type == EXT4_SUPER_MAGIC || type == XFS_SUPER_MAGIC ||
		type == OVERLAYFS_SUPER_MAGIC;
}

static const char wrong_place[] = "the folder is not on tmpfs, ext4, xfs or an overlay of these";

const char *statsmap_start(const char *folder)
{
	struct text t = text_on(path, PATH_MAX);
	char cwd[PATH_MAX];
	struct statfs fs;
	long r;

	/* The program may change its folder before the first event. */
	if (folder[0] != '/' && sys2(SYS_getcwd, cwd, sizeof(cwd)) > 0) {
		text_str(&t, cwd);
		text_char(&t, '/');
	}
	text_str(&t, folder);
	text_char(&t, '/');
	if (t.cut)
		return "the path is too long";
	folder_len = t.len;
	text_end(&t);
	r = sys2(SYS_statfs, path, &fs);
	if (r == 0 && !keeps_pages(fs.f_type))
		return wrong_place;
	if (r == 0)
		r = sys4(SYS_faccessat, AT_FDCWD, path, W_OK | X_OK, 0);
	return r < 0 ? reason(r) : NULL;
}

/* In a folder that others can write to nobody can have been there before (O_EXCL as well). */
static bool name_file(void)
{
	struct text t = text_on(path + folder_len, sizeof(path) - folder_len);
	uint64_t random;

	if (sys3(SYS_getrandom, &random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
		return false;
	text_str(&t, STATS_PREFIX);
	text_i64(&t, self.pid);
	text_char(&t, '-');
	text_hex(&t, random, 16);
	text_str(&t, STATS_SUFFIX);
	text_end(&t);
	return !t.cut;
}

/* A signal that is pending ends these calls; its handler runs in between. */
#define RETRY(call) \
	({ \
		long r_; \
		unsigned tries_ = 0; \
		do \
			r_ = (call); \
		while (r_ == -EINTR && ++tries_ < 100); \
		r_; \
	})

static long map(int fd, void **at)
{
	struct statfs fs;
	void *where = *at;
	long r = sys2(SYS_fstatfs, fd, &fs);

	if (r == 0 && !keeps_pages(fs.f_type)) /* a chroot since the start */
		r = -EXDEV;
	if (r == 0)
		r = RETRY(sys_allocate(fd, FIRST));
	if (r == 0)
		r = sys2(SYS_ftruncate, fd, STATS_SIZE);
	if (r == 0)
		r = sys_call(SYS_mmap, where, STATS_SIZE, PROT_READ | PROT_WRITE,
			MAP_SHARED | (where ? MAP_FIXED : 0), fd, 0);
	if (r < 0)
		return r;
	*at = (void *)r;
	return 0;
}

static void list(char *to, size_t size, const char *const *names, unsigned n)
{
	struct text t = text_on(to, size);

	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			text_char(&t, ',');
		text_str(&t, names[i]);
	}
	text_end(&t);
}

static void copy(char *to, size_t size, const char *from)
{
	struct text t = text_on(to, size);

	text_str(&t, from);
	text_end(&t);
}

/* Inode of the namespace that pids count in. */
static uint64_t pid_namespace(void)
{
	struct stat st;

	return sys4(SYS_newfstatat, AT_FDCWD, "/proc/self/ns/pid", &st, 0) == 0 ? st.st_ino : 0;
}

static void write_header(struct stats_header *h, const struct origin *o)
{
	struct timespec ts = {0, 0};

	sys2(SYS_clock_gettime, CLOCK_BOOTTIME, &ts);
	h->version = STATS_VERSION;
	h->sites_count = STATS_SITES;
	h->pid = o->pid;
	h->pid_namespace = pid_namespace();
	h->made_ns = (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
	h->start_s = o->start_s;
	copy(h->program, sizeof(h->program), o->program);
	copy(h->host, sizeof(h->host), o->host);
	copy(h->boot_id, sizeof(h->boot_id), o->boot_id);
	list(h->actions, sizeof(h->actions), action_names, ACTION_COUNT);
	list(h->outcomes, sizeof(h->outcomes), outcome_names, OUTCOME_COUNT);
	h->used = (sizeof(*h) + STATS_SITES * sizeof(h->sites[0]) + 7) & ~7U;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	memcpy(h->magic, STATS_MAGIC, sizeof(h->magic));
}

/* At a file size limit the kernel sends SIGXFSZ. */
static bool size_limited(void)
{
	struct rlimit lim = {0, 0};

	sys4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &lim);
	return lim.rlim_cur < STATS_SIZE;
}

const char *statsmap_make(struct stats_header **file, const struct origin *o, bool *again)
{
	void *at = *file;
	long fd, r;

	*again = false;
	if (size_limited())
		return "the file size limit is too low";
	if (!name_file())
		return "the file cannot be named";
	fd = sys4(SYS_openat, AT_FDCWD, path,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	*again = fd == -EMFILE || fd == -ENFILE;
	if (fd < 0)
		return reason(fd);
	r = map((int)fd, &at);
	sys1(SYS_close, fd);
	if (r < 0) {
		sys3(SYS_unlinkat, AT_FDCWD, path, 0);
		return r == -EXDEV ? wrong_place : reason(r);
	}
	*file = at;
	backed = FIRST;
	write_header(at, o);
	return NULL;
}

bool statsmap_back(struct stats_header *file, uint32_t end)
{
	uint32_t was = __atomic_load_n(&backed, __ATOMIC_ACQUIRE);
	uint32_t until = (end + MORE - 1) / MORE * MORE;

	if (end <= was)
		return true;
	if (RETRY(sys3(SYS_madvise, (char *)file + was, until - was, POPULATE_WRITE)) != 0)
		return false;
	while (was < until &&
		!__atomic_compare_exchange_n(
			&backed, &was, until, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return true;
}
