/* SPDX-License-Identifier: MIT */
#include "module.h"

#include "../base/format.h"
#include "../base/host.h"
#include "../base/sys.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define MODULES 512
#define FILES_END \
	384 /* files of the program's language, of which it can make any number, end here */
#define STRINGS_SIZE (512 * 1024)
#define SYMBOL_MAX   1024 /* mangled names of C++ are long; of a longer one this much is kept */

struct module {
	uint32_t path, build_id; /* in strings; 0: none */
};

static struct module *modules; /* from 1 on */
static uint32_t module_count = 1;
static char *strings; /* offset 0 is the empty string */
static uint32_t strings_used = 1;
static char program_path[PATH_MAX];

#if HAVE_FIND_OBJECT
static int (*find_object)(void *, struct dl_find_object *);
#endif

bool module_start(void)
{
	size_t bytes = MODULES * sizeof(*modules) + STRINGS_SIZE;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	long n;

	if (p == MAP_FAILED)
		return false;
	modules = (struct module *)p;
	strings = p + MODULES * sizeof(*modules);
	n = sys4(
		SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program_path, sizeof(program_path) - 1);
	program_path[n > 0 ? n : 0] = 0;
#if HAVE_FIND_OBJECT
	p = dlsym(RTLD_DEFAULT, "_dl_find_object");
	memcpy(&find_object, &p, sizeof(p));
#endif
	return true;
}

uint32_t module_keep(const char *s, size_t len)
{
	uint32_t at;

	if (len == 0 || len >= STRINGS_SIZE / 4)
		return 0;
	at = __atomic_load_n(&strings_used, __ATOMIC_RELAXED);
	do {
		if (at + len + 1 > STRINGS_SIZE)
			return 0;
	} while (!__atomic_compare_exchange_n(&strings_used, &at, at + (uint32_t)len + 1, true,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	memcpy(strings + at, s, len);
	return at;
}

static unsigned intern(const char *path, const char *build_id, unsigned end)
{
	unsigned n = __atomic_load_n(&module_count, __ATOMIC_ACQUIRE), i;

	for (i = 1; i < n && i < MODULES; i++)
		if (strcmp(module_path(i), path) == 0 && strcmp(module_build_id(i), build_id) == 0)
			return i;
	if (n >= end)
		return 0;
	n = __atomic_fetch_add(&module_count, 1, __ATOMIC_ACQ_REL);
	if (n >= MODULES) {
		__atomic_store_n(&module_count, MODULES, __ATOMIC_RELEASE);
		return 0;
	}
	modules[n].path = module_keep(path, strlen(path));
	modules[n].build_id = module_keep(build_id, strlen(build_id));
	return n;
}

unsigned module_intern(const char *path, const char *build_id)
{
	return intern(path, build_id, MODULES);
}

unsigned module_intern_file(const char *path)
{
	return intern(path, "", FILES_END);
}

const char *module_string(uint32_t offset)
{
	return strings ? strings + offset : "";
}

const char *module_path(unsigned module)
{
	return modules ? module_string(modules[module].path) : "";
}

const char *module_build_id(unsigned module)
{
	return modules ? module_string(modules[module].build_id) : "";
}

/* What the loader has mapped of one module, while it is held. */
struct image {
	uintptr_t base;
	const char *path;
	char build_id[2 * 32 + 1];
	const ElfW(Sym) * symbols;
	const char *names;
	size_t names_size;
	size_t symbol_count;
	unsigned module;
};

static void find_build_id(struct image *im, const ElfW(Phdr) * ph)
{
	const char *p = (const char *)(im->base + ph->p_vaddr), *end = p + ph->p_memsz;

	while (end - p >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *n = (const void *)p;
		const char *name = p + sizeof(*n);
		const unsigned char *desc = (const void *)(name + ((n->n_namesz + 3) & ~3U));
		struct text t = text_on(im->build_id, sizeof(im->build_id));
		unsigned i;

		if ((const char *)desc + n->n_descsz > end || (const char *)desc < p)
			return;
		if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && !memcmp(name, "GNU", 4)) {
			for (i = 0; i < n->n_descsz && i < 32; i++)
				text_hex(&t, desc[i], 2);
			text_end(&t);
			return;
		}
		p = (const char *)desc + ((n->n_descsz + 3) & ~3U);
	}
}

/* The number of dynamic symbols is told by the hash tables alone. */
static size_t count_by_gnu_hash(const uint32_t *h)
{
	uint32_t buckets = h[0], first = h[1], bloom = h[2], max = 0, i;
	const uint32_t *bucket = (const void *)((const ElfW(Addr) *)(h + 4) + bloom);
	const uint32_t *chain = bucket + buckets;

	for (i = 0; i < buckets; i++)
		if (bucket[i] > max)
			max = bucket[i];
	if (max < first)
		return first;
	while (!(chain[max - first] & 1))
		max++;
	return max + 1;
}

/* The loader has relocated these pointers for all modules but the vDSO. */
static uintptr_t at(const struct image *im, ElfW(Addr) value)
{
	return value < im->base ? im->base + value : value;
}

static void find_symbols(struct image *im, const ElfW(Dyn) * d)
{
	for (; d->d_tag != DT_NULL; d++) {
		uintptr_t p = at(im, d->d_un.d_ptr);

		switch (d->d_tag) {
		case DT_SYMTAB:
			im->symbols = (const void *)p;
			break;
		case DT_STRTAB:
			im->names = (const void *)p;
			break;
		case DT_STRSZ:
			im->names_size = d->d_un.d_val;
			break;
		case DT_HASH:
			im->symbol_count = ((const uint32_t *)p)[1];
			break;
		case DT_GNU_HASH:
			if (!im->symbol_count)
				im->symbol_count = count_by_gnu_hash((const void *)p);
			break;
		default:
			break;
		}
	}
}

static uint32_t symbol_of(const struct image *im, uintptr_t offset)
{
	const ElfW(Sym) *best = NULL;
	char buf[SYMBOL_MAX];
	struct text t = text_on(buf, sizeof(buf));
	size_t i;

	if (!im->symbols || !im->names)
		return 0;
	for (i = 0; i < im->symbol_count; i++) {
		const ElfW(Sym) *s = &im->symbols[i];
		unsigned type = ELF64_ST_TYPE(s->st_info);

		if (s->st_shndx == SHN_UNDEF || s->st_name >= im->names_size)
			continue;
		if ((type != STT_FUNC && type != STT_GNU_IFUNC) || s->st_value > offset)
			continue;
		if (s->st_size && offset >= s->st_value + s->st_size)
			continue;
		if (!best || s->st_value > best->st_value)
			best = s;
	}
	if (!best)
		return 0;
	text_str(&t, im->names + best->st_name);
	if (t.cut)
		return module_keep(buf, t.len);
	text_str(&t, "+0x");
	text_hex(&t, offset - best->st_value, 1);
	return t.cut ? 0 : module_keep(buf, t.len);
}

struct request {
	void *const *addresses;
	struct frame *frames;
	unsigned n;
};

static bool covers(const struct dl_phdr_info *info, uintptr_t pc)
{
	int i;

	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && pc - (info->dlpi_addr + ph->p_vaddr) < ph->p_memsz)
			return true;
	}
	return false;
}

static void read_image(struct image *im, const struct dl_phdr_info *info)
{
	int i;

	*im = (struct image){.base = info->dlpi_addr, .path = info->dlpi_name};
	if (!im->path || !*im->path)
		im->path = program_path;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE && !im->build_id[0])
			find_build_id(im, ph);
		if (ph->p_type == PT_DYNAMIC)
			find_symbols(im, (const void *)(im->base + ph->p_vaddr));
	}
	im->module = module_intern(im->path, im->build_id);
}

static void resolve_one(const struct request *req, unsigned i, const struct image *im, uintptr_t pc)
{
	req->frames[i] = (struct frame){.offset = pc - im->base,
		.module = im->module,
		.symbol = symbol_of(im, pc - im->base)};
}

static int resolve_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct request *req = arg;
	struct image im;
	bool read = false;
	unsigned i;

	(void)size;
	for (i = 0; i < req->n; i++) {
		uintptr_t pc = (uintptr_t)req->addresses[i] - 1;

		if (!covers(info, pc))
			continue;
		if (!read)
			read_image(&im, info);
		read = true;
		resolve_one(req, i, &im, pc);
	}
	return 0;
}

#if HAVE_FIND_OBJECT
static bool has_headers(const ElfW(Ehdr) * elf, const void *end)
{
	size_t room = (size_t)((const char *)end - (const char *)elf);

	return room >= sizeof(*elf) && memcmp(elf->e_ident, ELFMAG, SELFMAG) == 0 &&
		elf->e_phentsize == sizeof(ElfW(Phdr)) && elf->e_phoff < room &&
		elf->e_phnum <= (room - elf->e_phoff) / sizeof(ElfW(Phdr));
}
#endif

/*
 * Without the loader's lock, which nobody may ever release in the child of a threaded process:
 * glibc 2.35 finds a module without it. On older ones the frame stays a bare address.
 */
static void resolve_unlocked(const struct request *req)
{
#if HAVE_FIND_OBJECT
	struct dl_find_object object;
	struct dl_phdr_info info;
	const ElfW(Ehdr) * elf;
	struct image im;
	unsigned i;

	for (i = 0; find_object && i < req->n; i++) {
		uintptr_t pc = (uintptr_t)req->addresses[i] - 1;

		if (find_object((void *)pc, &object) != 0)
			continue;
		elf = object.dlfo_map_start;
		if (!has_headers(elf, object.dlfo_map_end))
			continue;
		info = (struct dl_phdr_info){.dlpi_addr = object.dlfo_link_map->l_addr,
			.dlpi_name = object.dlfo_link_map->l_name,
			.dlpi_phdr = (const void *)((const char *)elf + elf->e_phoff),
			.dlpi_phnum = elf->e_phnum};
		read_image(&im, &info);
		resolve_one(req, i, &im, pc);
	}
#else
	(void)req;
#endif
}

void module_resolve(void *const *addresses, struct frame *frames, unsigned n)
{
	struct request req = {addresses, frames, n};
	unsigned i;

	for (i = 0; i < n; i++)
		frames[i] = (struct frame){.offset = (uintptr_t)addresses[i] - 1};
	if (!strings)
		return;
	if (unwind_is_caller_only())
		resolve_unlocked(&req);
	else
		dl_iterate_phdr(resolve_in, &req);
}
