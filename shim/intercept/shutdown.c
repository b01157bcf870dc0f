/* SPDX-License-Identifier: MIT */
#include "../base/start.h"
#include "closing.h"
#include "export.h"
#include "listening.h"

#include <sys/socket.h>

/*
 * Both sides are shut: what the peer sends from now on is answered with RST. Whether it does send
 * is seen at the close, by the segments that came in since.
 */
static void both_shut(int fd, struct fdrec *rec, const void *caller)
{
	struct facts f;

	rec->shut_segs_in = UINT32_MAX; /* after the peer's FIN nothing comes */
	if (!facts_ask(fd, 0, &f) || f.peer_fin)
		return;
	rec->shut_segs_in = f.data_segs_in;
	rec->shut_site = (uint16_t)event_callsite(OP_SHUTDOWN, caller);
}

int rf_shutdown(int fd, int how, const void *caller)
{
	unsigned hint = fdhint_get(fd);
	const unsigned both = REC_SHUT_RD | REC_SHUT_WR;
	struct fdrec *rec;
	unsigned was;
	int r;

	if (!(hint & HINT_STREAM) || how < SHUT_RD || how > SHUT_RDWR || !start_ready())
		return libc_shutdown(fd, how);
	if (listening_shutdown(fd, how, caller, &r))
		return r;
	rec = fdhint_record(fd);
	was = rec->flags;
	if (how != SHUT_WR)
		rec->flags |= REC_SHUT_RD;
	if (how != SHUT_RD)
		rec->flags |= REC_SHUT_WR;
	if ((was & both) != both && (rec->flags & both) == both)
		both_shut(fd, rec, caller);
	return libc_shutdown(fd, how);
}

EXPORT(int, shutdown, (int fd, int how))
{
	if (likely(!fdhint_get(fd)))
		return libc_shutdown(fd, how);
	return rf_shutdown(fd, how, CALLER());
}
