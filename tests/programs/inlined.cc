/* SPDX-License-Identifier: MIT */
/*
 * Resets a connection from within functions that the compiler has inlined into one another, with
 * output under way: where `rstfix report` has to find the line.
 */
#include <arpa/inet.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <unistd.h>

#define INLINED inline __attribute__((always_inline))
#define OWN	__attribute__((noinline))

namespace web
{

struct connection {
	int fd;
	explicit INLINED connection(int socket) : fd(socket) {}
	INLINED ~connection()
	{
		close(fd); /* the guilty line */
		asm volatile("" ::: "memory");
	}
};

template <typename Answer> INLINED void refuse(connection &c, const Answer &answer)
{
	if (write(c.fd, answer, sizeof(answer)) < 0)
		perror("write");
}

OWN void serve(int listener)
{
	const char answer[] = "413 too large";
	connection c(accept(listener, nullptr, nullptr));
	char byte;

	recv(c.fd, &byte, 1, MSG_PEEK);
	refuse(c, answer);
}

} // namespace web

static int listen_on(sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	const char *host = getenv("VICTIM_ADDRESS");

	at->sin_family = AF_INET;
	inet_pton(AF_INET, host ? host : "127.0.0.1", &at->sin_addr);
	if (bind(fd, reinterpret_cast<sockaddr *>(at), len) != 0 || listen(fd, 1) != 0)
		exit(1);
	getsockname(fd, reinterpret_cast<sockaddr *>(at), &len);
	return fd;
}

OWN int run()
{
	sockaddr_in at{};
	int listener = listen_on(&at), client = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(client, reinterpret_cast<sockaddr *>(&at), sizeof(at)) != 0 ||
		write(client, "unread", 6) != 6)
		return 1;
	web::serve(listener);
	close(client);
	close(listener);
	return 0;
}

int main()
{
	return run();
}
