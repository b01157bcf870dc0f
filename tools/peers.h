/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_PEERS_H
#define RSTFIX_PEERS_H

#include "stage.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The other end of a victim's connection, never preloaded: scripts that wait for the victim's steps
 * and tell their own. The peer's socket stays open after a script, so that its close cannot add to
 * what is counted.
 */

enum peer_end {
	END_NONE, /* did not read to the end */
	END_FIN,
	END_RST,
	END_TIMEOUT /* neither came within STAGE_PATIENCE_MS */
};

struct peer {
	struct stage *stage;
	int listener; /* -1 unless the victim connects */
	int fd;	      /* -1: none, or closed by the script */
	uint64_t got; /* bytes read from the victim */
	bool stays;   /* keeps its own side open after the victim's FIN */
	bool denied;  /* the script needs a right that this process does not have */
	enum peer_end end;
};

/* Who connects to whom. */
enum peer_role {
	PEER_CONNECTS,
	PEER_LISTENS,
	PEER_REFUSES, /* holds a port on which nobody listens */
	PEER_ABSENT   /* the victim needs none */
};

struct peer_script {
	enum peer_role role;
	bool (*play)(struct peer *p); /* false: a step did not come */
};

/* The script that belongs to a victim; the plain one for a victim without an own. */
const struct peer_script *peer_script_for(const char *victim);

/* Before the victim starts: listens, where that is the peer's part. False with errno. */
bool peer_prepare(struct peer *p, struct stage *stage, const struct peer_script *script);

/* Meets the victim and plays the script. */
bool peer_play(struct peer *p, const struct peer_script *script);

void peer_close(struct peer *p);

/* Another connection to the port of a victim that listens; -1: failed. */
int peer_connect(const struct stage *stage);

const char *peer_end_name(enum peer_end end);

#endif
