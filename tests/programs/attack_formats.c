/* SPDX-License-Identifier: MIT */
/*
 * Programs of this machine's that the kernel refuses to execute when it has looked into them, while
 * bytes wait unread that are to be read afterwards.
 */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <sys/stat.h>

#include "victim.h"

#define HEADERS 60 /* far more than any linker makes */

/* Its interpreter is the last of its headers, or none. */
struct image {
	ElfW(Ehdr) head;
	ElfW(Phdr) headers[HEADERS];
	char interpreter[64];
};

static struct image sound(const char *interpreter)
{
	struct image im = {.head = {.e_type = ET_DYN,
				   .e_version = EV_CURRENT,
				   .e_phoff = offsetof(struct image, headers),
				   .e_ehsize = sizeof(im.head),
				   .e_phentsize = sizeof(im.headers[0]),
				   .e_phnum = HEADERS}};
	ElfW(Ehdr) mine;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (read(fd, &mine, sizeof(mine)) != sizeof(mine))
		err(1, "read");
	close(fd);
	memcpy(im.head.e_ident, mine.e_ident, EI_NIDENT);
	im.head.e_machine = mine.e_machine;
	if (interpreter) {
		im.headers[HEADERS - 1] = (ElfW(Phdr)){.p_type = PT_INTERP,
			.p_offset = offsetof(struct image, interpreter),
			.p_filesz = strlen(interpreter) + 1};
		strcpy(im.interpreter, interpreter);
	}
	return im;
}

static void put(const char *path, const void *bytes, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd))
		err(1, "%s", path);
}

static void try_part(const char *what, const struct image *im, size_t size)
{
	char *argv[] = {(char[]){"program"}, NULL};

	put("program", im, size);
	say(what, execv("./program", argv));
}

static void try(const char *what, const struct image *im)
{
	try_part(what, im, sizeof(*im));
}

static void headers(void)
{
	struct image im = sound(NULL);

	try_part("headers beyond the end", &im, offsetof(struct image, headers) + 16);
	try_part("the last one beyond the end", &im,
		offsetof(struct image, headers[HEADERS - 1]) + 16);
	im.head.e_phnum = 0;
	try("no headers", &im);
	im.head.e_phnum = 0xffff;
	try("too many headers", &im);
	im.head.e_phnum = HEADERS;
	im.head.e_phentsize--;
	try("headers of another size", &im);
	im.head.e_phentsize++;
	im.head.e_phoff = (ElfW(Off)) - 64;
	try("headers at no place", &im);
}

/* A name that the kernel does not take for one. */
static void names(void)
{
	struct image im = sound("./interpreter");
	ElfW(Phdr) *interp = &im.headers[HEADERS - 1];

	interp->p_filesz--;
	try("a name without an end", &im);
	interp->p_filesz = 1;
	try("a name of one byte", &im);
	interp->p_filesz = 5000;
	try("a name of 5000 bytes", &im);
	interp->p_filesz = 14;
	interp->p_offset = sizeof(im);
	try("a name beyond the end", &im);
}

static void interpreters(void)
{
	struct image im = sound("./interpreter"), loader = sound(NULL);

	unlink("interpreter");
	try("no interpreter", &im);
	put("interpreter", "#!/bin/sh\n", 10);
	try("a short interpreter", &im);
	put("interpreter", &im.headers, sizeof(im.headers));
	try("an interpreter of another format", &im);
	put("interpreter", &loader, sizeof(loader.head) + 16);
	try("an interpreter without headers", &im);
	loader.head.e_machine ^= 1;
	put("interpreter", &loader, sizeof(loader));
	try("an interpreter of another machine", &im);
	chmod("interpreter", 0644);
	try("an interpreter that is not executable", &im);
}

int main(void)
{
	int fds[2];

	tcp_pair_with(fds, SOCK_CLOEXEC);
	leave_unread(fds);
	headers();
	names();
	interpreters();
	use_up(fds);
	return 0;
}
