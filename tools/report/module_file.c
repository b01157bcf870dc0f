/* SPDX-License-Identifier: MIT */
#include "module_file.h"

#include "memory.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char debug_path[PATH_MAX + 32] = ":.debug:/usr/lib/debug";

/* What debuginfod's client keeps of this build id: "debuginfo" or "executable". */
static void cache_path(char out[PATH_MAX], const char *build_id, const char *what)
{
	const char *cache = getenv("DEBUGINFOD_CACHE_PATH"), *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && *cache)
		snprintf(out, PATH_MAX, "%s/%s/%s", cache, build_id, what);
	else if (xdg && *xdg)
		snprintf(out, PATH_MAX, "%s/debuginfod_client/%s/%s", xdg, build_id, what);
	else
		snprintf(out, PATH_MAX, "%s/.cache/debuginfod_client/%s/%s", home ? home : "",
			build_id, what);
}

static void build_id_of(Dwfl_Module *module, char hex[2 * 64 + 1])
{
	const unsigned char *bits;
	GElf_Addr where;
	int n = dwfl_module_build_id(module, &bits, &where);

	*hex = '\0';
	for (int i = 0; i < n && i < 64; i++)
		sprintf(hex + 2 * i, "%02x", bits[i]);
}

/* libdwfl's own ways first; it asks no server, see module_file_open(). */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base,
	const char *file, const char *link, GElf_Word crc, char **found)
{
	int fd = dwfl_standard_find_debuginfo(module, data, name, base, file, link, crc, found);
	char path[PATH_MAX], id[2 * 64 + 1];

	if (fd >= 0 || *found)
		return fd;
	build_id_of(module, id);
	if (!*id)
		return -1;
	cache_path(path, id, "debuginfo");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		*found = strdup(path);
	return fd;
}

static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_build_id_find_elf,
	.find_debuginfo = find_debuginfo,
	.section_address = dwfl_offline_section_address,
	.debuginfo_path = (char *[]){debug_path},
};

static bool fail(struct module_file *m, char *why)
{
	free(m->why);
	m->why = why;
	if (m->dwfl)
		dwfl_end(m->dwfl);
	m->dwfl = NULL;
	m->module = NULL;
	return false;
}

/*
 * The file at path, if it is the one with this build id. The path is out of a log: what is no regular
 * file is not even opened.
 */
static bool try(struct module_file *m, const char *path, const char *build_id)
{
	char id[2 * 64 + 1];
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || access(path, R_OK) != 0)
		return fail(m, memory_print("the file is not there"));
	m->dwfl = dwfl_begin(&callbacks);
	m->module = m->dwfl ? dwfl_report_offline(m->dwfl, path, path, -1) : NULL;
	if (m->module)
		dwfl_report_end(m->dwfl, NULL, NULL);
	if (!m->module || !dwfl_module_getelf(m->module, &m->bias))
		return fail(m, memory_print("it is no ELF file"));
	build_id_of(m->module, id);
	if (*build_id && strcmp(id, build_id) != 0)
		return fail(m,
			*id ? memory_print("the file there is another build, %s", id)
			    : memory_print("the file there has no build id"));
	return true;
}

/* Where files are found by their build id alone, when the path has none or another one. */
static bool try_by_id(struct module_file *m, const char *build_id, const char *sysroot)
{
	char *why = m->why, path[PATH_MAX];
	bool found;

	if (strlen(build_id) < 4 || build_id[strspn(build_id, "0123456789abcdef")])
		return false;
	m->why = NULL;
	snprintf(path, sizeof(path), "%s/usr/lib/debug/.build-id/%.2s/%s.debug", sysroot, build_id,
		build_id + 2);
	found = try(m, path, build_id);
	if (!found) {
		cache_path(path, build_id, "debuginfo");
		found = try(m, path, build_id);
	}
	if (!found) {
		cache_path(path, build_id, "executable");
		found = try(m, path, build_id);
	}
	free(found ? why : m->why);
	m->why = found ? NULL : why;
	return found;
}

void module_file_open(
	struct module_file *m, const char *path, const char *build_id, const char *sysroot)
{
	char full[PATH_MAX];
	Dwarf_Addr bias;

	*m = (struct module_file){.why = NULL};
	unsetenv("DEBUGINFOD_URLS"); /* a report asks no server */
	if (*sysroot)
		snprintf(debug_path, sizeof(debug_path), ":.debug:%.*s/usr/lib/debug", PATH_MAX - 1,
			sysroot);
	snprintf(full, sizeof(full), "%s%s", sysroot, path);
	if (!try(m, full, build_id) && !try_by_id(m, build_id, sysroot))
		return;
	free(m->why);
	m->why = dwfl_module_getdwarf(m->module, &bias)
		? NULL
		: memory_print("stripped, and no separate debug data was found");
}

void module_file_close(struct module_file *m)
{
	if (m->dwfl)
		dwfl_end(m->dwfl);
	free(m->why);
}
