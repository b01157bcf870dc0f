/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map(struct image *im, int fd)
{
	struct stat st;
	void *at;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode)) {
		errno = EACCES;
		return false;
	}
	*im = (struct image){(const unsigned char *)"", 0};
	if (st.st_size == 0)
		return true;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return false;
	*im = (struct image){at, (size_t)st.st_size};
	return true;
}

bool image_map(struct image *im, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	bool done;
	int error;

	if (fd < 0)
		return false;
	done = map(im, fd);
	error = errno;
	close(fd);
	errno = error;
	return done;
}

void image_unmap(struct image *im)
{
	if (im->size)
		munmap((void *)im->at, im->size);
	im->size = 0;
}
