/* SPDX-License-Identifier: MIT */
#ifndef UNIT_FAMILY_H
#define UNIT_FAMILY_H

/* What the tests of the fork family share: one socket, as the doors note it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/start.h"
#include "detect/facts.h"
#include "detect/family.h"
#include "detect/holders.h"
#include "detect/owner.h"

static int fd = -1;
static struct fdrec *rec;

/* A socket as the doors note it; the one before is gone. */
static inline void make(bool cloexec)
{
	struct owner_mark mark = owner_mark();

	if (fd >= 0) {
		fdhint_forget(fd);
		close(fd);
	}
	fd = socket(AF_INET, SOCK_STREAM | (cloexec ? SOCK_CLOEXEC : 0), 0);
	assert_true(fd >= 0);
	rec = fdhint_begin(fd, HINT_STREAM);
	rec->cookie = facts_cookie(fd);
	owner_made(rec, &mark, cloexec);
}

static inline bool sole(void)
{
	return owner_sole(fd, rec, facts_cookie(fd));
}

static inline void forked(void)
{
	assert_true(family_fork_begin());
	owner_leave(DOOR_FORK);
}

/* As a close does it. */
static inline bool was_last(void)
{
	bool last;
	uint64_t handle = family_close_begin(rec, &last);

	assert_true(handle != 0);
	family_close_end(handle, true);
	return last;
}

static inline int start_tables(void **state)
{
	(void)state;
	self.pid = getpid();
	start_fix = true;
	if (!fdhint_start())
		return -1;
	fdhint_open();
	holders_start();
	return holders_started() ? 0 : -1;
}

#endif
