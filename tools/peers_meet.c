/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include "transport.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* How a peer and its victim come together, and part. */

int peer_connect(const struct stage *stage)
{
	const struct transport *by = &transports[stage->transport];
	struct sockaddr_storage at;
	socklen_t len = transport_peer(by, stage->port, &at);
	int fd = transport_socket(by, SOCK_CLOEXEC);

	if (fd >= 0 && connect(fd, (struct sockaddr *)&at, len) == 0)
		return fd;
	close(fd);
	return -1;
}

bool peer_prepare(struct peer *p, struct stage *stage, const struct peer_script *script)
{
	int port;

	*p = (struct peer){.stage = stage, .listener = -1, .fd = -1};
	if (script->role == PEER_CONNECTS || script->role == PEER_ABSENT)
		return true;
	p->listener = transport_bind(&transports[stage->transport], SOCK_CLOEXEC, &port);
	if (p->listener < 0)
		return false;
	if (script->role == PEER_LISTENS && listen(p->listener, 16) != 0)
		return false;
	stage->port = port;
	stage->cue = CUE_LISTENING;
	return true;
}

static bool meet_listening(struct peer *p)
{
	struct pollfd in = {.fd = p->listener, .events = POLLIN};

	if (poll(&in, 1, STAGE_PATIENCE_MS) == 1)
		p->fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
	return p->fd >= 0;
}

static bool meet_connecting(struct peer *p)
{
	if (!stage_await(&p->stage->step, STEP_LISTENING, STAGE_PATIENCE_MS))
		return false;
	p->fd = peer_connect(p->stage);
	return p->fd >= 0;
}

bool peer_play(struct peer *p, const struct peer_script *script)
{
	if (script->role == PEER_LISTENS && !meet_listening(p))
		return false;
	if (script->role == PEER_CONNECTS && !meet_connecting(p))
		return false;
	return script->play(p);
}

void peer_close(struct peer *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

const char *peer_end_name(enum peer_end end)
{
	static const char *const names[] = {
		[END_NONE] = "-", [END_FIN] = "FIN", [END_RST] = "RST", [END_TIMEOUT] = "timeout"};

	return names[end];
}
