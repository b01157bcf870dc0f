/* SPDX-License-Identifier: MIT */
#ifndef RSTFIX_MODULE_H
#define RSTFIX_MODULE_H

#include "callsite.h"

/*
 * From return addresses to (module, offset, symbol), out of what the loader has mapped. Strings and
 * modules are interned in fixed memory; when it is full a name is left out, never an address.
 */
bool module_start(void);

/*
 * Resolves n return addresses into frames, under dl_iterate_phdr, so that no module can be
 * unloaded meanwhile. An address one past a call is looked up one byte before.
 */
void module_resolve(void *const *addresses, struct frame *frames, unsigned n);

/*
 * A module, and its number; a file of the program's language, numbered with them, which leaves room
 * for modules; a text appended to the strings, and its offset. 0 when full.
 */
unsigned module_intern(const char *path, const char *build_id);
unsigned module_intern_file(const char *path);
uint32_t module_keep(const char *s, size_t len);

const char *module_path(unsigned module);
const char *module_build_id(unsigned module);
const char *module_string(uint32_t offset);

#endif
