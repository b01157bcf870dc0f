/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_IMAGE_H
#define RSTFIX_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The bytes of a file that somebody else has made: nothing is read beyond its size. */
struct image {
	const unsigned char *at;
	size_t size;
};

/* Copies len bytes out of the image: headers in a hostile file need not be aligned. */
static inline bool image_get(struct image im, uint64_t offset, void *out, size_t len)
{
	if (offset > im.size || len > im.size - offset)
		return false;
	memcpy(out, im.at + offset, len);
	return true;
}

/* True if the NUL-terminated text stands at offset. */
static inline bool image_says(struct image im, uint64_t offset, const char *text)
{
	size_t len = strlen(text) + 1;

	if (offset > im.size || len > im.size - offset)
		return false;
	return memcmp(im.at + offset, text, len) == 0;
}

/* The text at offset, or NULL if it does not end within the image. */
static inline const char *image_text(struct image im, uint64_t offset)
{
	if (offset >= im.size || !memchr(im.at + offset, '\0', im.size - offset))
		return NULL;
	return (const char *)im.at + offset;
}

/* Maps a regular file, whatever kind of file the path names. False with errno. */
bool image_map(struct image *im, const char *path);
void image_unmap(struct image *im);

#endif
