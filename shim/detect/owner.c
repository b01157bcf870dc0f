/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include "../base/format.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "holders.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

HOT_DATA uint64_t owner_forks = 1;
HOT_DATA uint64_t owner_spawns = 1;

static uint64_t *state(enum door door)
{
	return door == DOOR_FORK ? &owner_forks : &owner_spawns;
}

uint64_t owner_enter(enum door door)
{
	return __atomic_fetch_add(state(door), OWNER_IN_FLIGHT + 1, __ATOMIC_SEQ_CST);
}

void owner_leave(enum door door)
{
	__atomic_add_fetch(state(door), 1 - OWNER_IN_FLIGHT, __ATOMIC_SEQ_CST);
}

static uint32_t split;

void owner_split(void)
{
	if (!__atomic_exchange_n(&split, 1, __ATOMIC_SEQ_CST))
		owner_enter(DOOR_FORK); /* never left */
}

HOT struct owner_mark owner_mark(void)
{
	return (struct owner_mark){
		.forks = __atomic_load_n(&owner_forks, __ATOMIC_SEQ_CST),
		.spawns = __atomic_load_n(&owner_spawns, __ATOMIC_SEQ_CST),
	};
}

HOT void owner_made(struct fdrec *rec, const struct owner_mark *mark, bool cloexec)
{
	rec->forks = mark->forks;
	rec->spawns = mark->spawns;
	rec->flags |= REC_MADE | (cloexec ? REC_CLOEXEC : 0);
}

void owner_forked(void)
{
	uint64_t epoch = __atomic_load_n(&owner_forks, __ATOMIC_SEQ_CST) % OWNER_IN_FLIGHT;

	__atomic_store_n(&owner_forks, epoch + 1, __ATOMIC_SEQ_CST);
	epoch = __atomic_load_n(&owner_spawns, __ATOMIC_SEQ_CST) % OWNER_IN_FLIGHT;
	__atomic_store_n(&owner_spawns, epoch + 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&split, 0, __ATOMIC_SEQ_CST);
}

HOT bool owner_vfork_running(void)
{
	return __atomic_load_n(&owner_forks, __ATOMIC_RELAXED) >= OWNER_IN_FLIGHT;
}

/*
 * A door in flight when the socket was made could be cloning it right then, so that mark is no
 * proof. One in flight now was entered later, which shows in the epoch.
 */
static bool unchanged(uint64_t mark, uint64_t now)
{
	return mark < OWNER_IN_FLIGHT && mark == now;
}

/*
 * What only executes loses a close-on-exec socket by that, and does not use it before: what the program
 * has told a spawn to do with it is known (posix_spawn_file_actions). The child of vfork() may.
 */
bool owner_made_alone(int fd, const struct fdrec *rec, const struct owner_mark *now)
{
	if (!(rec->flags & REC_MADE) || (rec->flags & REC_SHARED) ||
		__atomic_load_n(&rec->taken, __ATOMIC_SEQ_CST) ||
		__atomic_load_n(&rec->giving, __ATOMIC_SEQ_CST) || holders_ended())
		return false;
	if (now->forks >= OWNER_VFORK || !unchanged(rec->forks % OWNER_VFORK, now->forks))
		return false;
	if (unchanged(rec->spawns, now->spawns))
		return true;
	return (rec->flags & REC_CLOEXEC) && sys3(SYS_fcntl, fd, F_GETFD, 0) == FD_CLOEXEC;
}

static inline bool was_handed(const struct fdrec *rec, const struct owner_mark *now)
{
	return (rec->flags & (REC_MADE | REC_SHARED)) != REC_MADE || rec->taken ||
		!unchanged(rec->forks % OWNER_VFORK, now->forks % OWNER_VFORK);
}

HOT bool owner_was_shared(const struct fdrec *rec)
{
	struct owner_mark now = owner_mark();

	return was_handed(rec, &now) ||
		(!(rec->flags & REC_CLOEXEC) && !unchanged(rec->spawns, now.spawns));
}

bool owner_is_shared(const struct fdrec *rec)
{
	struct owner_mark now = owner_mark();

	return was_handed(rec, &now) && !owner_counted(rec, 1);
}

bool owner_unspawned(const struct fdrec *rec)
{
	struct owner_mark now = owner_mark();

	return (rec->flags & REC_MADE) && unchanged(rec->spawns, now.spawns);
}

bool owner_door_open(void)
{
	struct owner_mark now = owner_mark();

	return now.forks >= OWNER_IN_FLIGHT || now.spawns >= OWNER_IN_FLIGHT;
}

bool owner_counted(const struct fdrec *rec, unsigned numbers)
{
	return holders_count(rec->holders) == numbers &&
		!(__atomic_load_n(&rec->flags, __ATOMIC_SEQ_CST) & REC_EXECUTING) &&
		!owner_vfork_running();
}

/*
 * What another thread has let go since the record was copied is not this one's any more, nor what an
 * exec has that this call has interrupted.
 */
static bool counted_alone(int fd, uint64_t handle)
{
	const struct fdrec *now = fdhint_record(fd);

	return __atomic_load_n(&now->holders, __ATOMIC_SEQ_CST) == handle && owner_counted(now, 1);
}

bool owner_sole(int fd, const struct fdrec *rec, uint64_t cookie)
{
	uint64_t handle = __atomic_load_n(&rec->holders, __ATOMIC_SEQ_CST);
	struct owner_mark now = owner_mark();

	if (rec->cookie && cookie != rec->cookie)
		return false;
	if (rec->flags & REC_LET_GO)
		return rec->flags & REC_LAST;
	if (handle)
		return counted_alone(fd, handle);
	return owner_made_alone(fd, rec, &now);
}

int owner_watch(int fd)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP};
	long ep = sys1(SYS_epoll_create1, EPOLL_CLOEXEC);

	if (ep < 0)
		return -1;
	if (sys4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev) == 0)
		return (int)ep;
	sys1(SYS_close, ep);
	return -1;
}

/* By the number that was registered, which may be closed by now: kcmp looks for that before it compares. */
static enum owner_answer registered(int ep, int number)
{
	struct kcmp_epoll_slot slot = {.efd = (unsigned)ep, .tfd = (unsigned)number};
	long own, r;

	if (!self.kcmp)
		return OWNER_UNKNOWN;
	own = sys0(SYS_gettid);
	r = sys5(SYS_kcmp, own, own, KCMP_EPOLL_TFD, ep, &slot);
	return r >= 0 ? OWNER_HELD : r == -ENOENT ? OWNER_GONE : OWNER_UNKNOWN;
}

/* Where kcmp is not there, or a sandbox denies it. */
static enum owner_answer registered_by_proc(int ep)
{
	char buf[256];
	struct text path = text_on(buf, sizeof(buf));
	long fd, n;

	text_str(&path, "/proc/thread-self/fdinfo/");
	text_u64(&path, (unsigned)ep);
	fd = sys4(SYS_openat, AT_FDCWD, text_end(&path), O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return OWNER_UNKNOWN;
	n = sys3(SYS_read, fd, buf, sizeof(buf) - 1);
	sys1(SYS_close, fd);
	if (n <= 0)
		return OWNER_UNKNOWN;
	buf[n] = 0;
	return strstr(buf, "tfd:") ? OWNER_HELD : OWNER_GONE;
}

/* A registration that is not ready (full send buffer, SO_RCVLOWAT) does not report: it is looked for. */
enum owner_answer owner_still_held(int watch, int fd)
{
	struct epoll_event ev;
	enum owner_answer answer = OWNER_HELD;

	if (sys6(SYS_epoll_pwait, watch, (long)&ev, 1, 0, 0, 8) != 1) {
		answer = registered(watch, fd);
		if (answer == OWNER_UNKNOWN)
			answer = registered_by_proc(watch);
	}
	sys1(SYS_close, watch);
	return answer;
}

bool owner_parent_holds(int fd)
{
	long parent = sys0(SYS_getppid), own = sys0(SYS_gettid);
	int number;

	if (sys5(SYS_kcmp, parent, own, KCMP_FILE, fd, fd) == 0)
		return true;
	for (number = 0; number <= STDERR_FILENO; number++)
		if (sys5(SYS_kcmp, parent, own, KCMP_FILE, number, fd) == 0)
			return true;
	return false;
}
