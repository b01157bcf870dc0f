/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PEERS_STEPS_H
#define RSTFIX_PEERS_STEPS_H

#include "peers.h"

#include <stddef.h>

/* What the scripts of peers are made of. All that waits does so for STAGE_PATIENCE_MS at most. */

#define PEER_SETTLE_MS 50 /* the longest a close that waits for its reader is left waiting */

/* Sends n bytes, at most ACT_REQUEST. */
bool peer_send(struct peer *p, size_t n, int flags);

/*
 * How a connection on which the FIN was read has ended: one that was followed by RST reads as a clean
 * end, and the error stays in the socket. Reading it clears it.
 */
enum peer_end peer_end_of(struct peer *p);

/* Counts what comes until FIN or RST, and shuts its own side then, unless it stays. */
void peer_read_to_end(struct peer *p);

/* Waits until the victim has closed, or ended. */
bool peer_await_closed(struct peer *p);

/*
 * Reads only once the victim's close has happened, so that what a RST destroys is destroyed. A
 * mended close may wait for this very reading: then it begins all the same.
 */
bool peer_read_after_close(struct peer *p);

/* Whether the peer `arg` has got RST; for stage_await_that. */
bool peer_is_reset(void *arg);

#endif
