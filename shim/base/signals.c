/* SPDX-License-Identifier: MIT */
#include "signals.h"

static bool ignored_by_default(int signo)
{
	return signo == SIGCHLD || signo == SIGCONT || signo == SIGURG || signo == SIGWINCH;
}

/* What is ignored is thrown away as it comes, but not where it is held back. */
static bool ignored(int signo)
{
	uintptr_t action[8] = {0}; /* the kernel's own structure: the handler stands first */

	if (sys4(SYS_rt_sigaction, signo, 0, action, sizeof(uint64_t)) != 0)
		return false;
	return action[0] == (uintptr_t)SIG_IGN ||
		(action[0] == (uintptr_t)SIG_DFL && ignored_by_default(signo));
}

bool signals_waiting(const struct signals *s)
{
	uint64_t pending = 0;

	if (!s->held || sys2(SYS_rt_sigpending, &pending, sizeof(pending)) != 0)
		return false;
	pending &= ~s->before;
	for (int signo = 1; pending; signo++, pending >>= 1)
		if ((pending & 1) && !ignored(signo))
			return true;
	return false;
}
