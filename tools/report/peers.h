/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_REPORT_PEERS_H
#define RSTFIX_REPORT_PEERS_H

#include "memory.h"

/*
 * The peers' addresses of a callsite, without ports. Up to PEERS_KEPT different ones are known each with
 * its count. Of more, those with the smallest hashes are kept (a sample in which each address has the
 * same chance, the same in every order of reading), and tell about how many there are.
 */
#define PEERS_KEPT 32

struct peers {
	struct peer {
		uint64_t hash, events;
		char address[40]; /* INET6_ADDRSTRLEN is not needed: no mapped addresses */
	} * list;		  /* by hash */
	size_t count, room;
	bool more; /* there are others */
};

/* endpoint: as the log has it, "127.0.0.1:80" or "[::1]:80"; an empty one is no peer. */
void peers_add(struct peers *p, struct span endpoint, uint64_t events);

void peers_merge(struct peers *into, const struct peers *from);

/* How many; about, if p->more. */
uint64_t peers_number(const struct peers *p);

/* To be called last: the most frequent first. */
void peers_sort(struct peers *p);

#endif
