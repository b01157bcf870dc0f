/* SPDX-License-Identifier: MIT */
/*
 * A server that resets all its clients, in many threads, until it is killed: it accepts, waits for what
 * the client says, reads none of it and closes. usage: floods PORT THREADS
 */
#include "victim.h"

#include <pthread.h>

static int listener;

static void *reset_clients(void *arg)
{
	(void)arg;
	for (;;) {
		struct pollfd wait = {.fd = accept(listener, NULL, NULL), .events = POLLIN};

		poll(&wait, 1, 5000);
		close(wait.fd);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in where = {.sin_family = AF_INET};
	const char *address = getenv("VICTIM_ADDRESS");
	int threads = argc == 3 ? atoi(argv[2]) : 0;
	pthread_t t;

	if (threads < 1)
		errx(2, "usage: floods PORT THREADS");
	inet_pton(AF_INET, address ? address : "127.0.0.1", &where.sin_addr);
	where.sin_port = htons((uint16_t)atoi(argv[1]));
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&where, sizeof(where)) || listen(listener, 128))
		err(1, "listen");
	while (--threads)
		pthread_create(&t, NULL, reset_clients, NULL);
	reset_clients(NULL);
}
