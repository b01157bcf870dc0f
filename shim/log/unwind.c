/* SPDX-License-Identifier: MIT */
#include "unwind.h"

#include "../base/host.h"
#include "../base/start.h"
#include "../base/sys.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>

#if HAVE_UNWIND_CURSORS
#define UNW_LOCAL_ONLY
#include <libunwind.h>
#endif

#define POPULATE_READ 22 /* MADV_POPULATE_READ */

/* The shim's own frames on top of the program's: export, rf_ logic, event, unwind. */
#define OWN_FRAMES 12

struct range {
	uintptr_t start, end;
};

static int (*backtrace_fast)(void **, int);
static struct range libunwind, shim;
static bool caller_only, valgrind;
static unsigned epoch;

/*
 * The fast path keeps a cache in thread-local storage of a dlopened library, which the loader
 * allocates at first use in each thread. 1: that has happened in this thread.
 */
static __thread char warm __attribute__((tls_model("initial-exec")));

static int find_range(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct range *r = arg;
	uintptr_t lo = UINTPTR_MAX, hi = 0;
	int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type != PT_LOAD)
			continue;
		if (info->dlpi_addr + ph->p_vaddr < lo)
			lo = info->dlpi_addr + ph->p_vaddr;
		if (info->dlpi_addr + ph->p_vaddr + ph->p_memsz > hi)
			hi = info->dlpi_addr + ph->p_vaddr + ph->p_memsz;
	}
	if (r->start < lo || r->start >= hi)
		return 0;
	*r = (struct range){lo, hi};
	return 1;
}

static struct range module_of(const void *address)
{
	struct range r = {(uintptr_t)address, 0};

	dl_iterate_phdr(find_range, &r);
	return r;
}

static bool within(const struct range *r, const void *p)
{
	return (uintptr_t)p >= r->start && (uintptr_t)p < r->end;
}

#if HAVE_UNWIND_CURSORS
static int (*get_context)(unw_context_t *);
static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*step)(unw_cursor_t *);
static int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
static void (*flush_cache)(unw_addr_space_t, unw_word_t, unw_word_t);
static unw_addr_space_t local_space;

#define NAME_OF(x)   #x
#define SYMBOL_OF(x) NAME_OF(x)

static void find_cursors(void *lib)
{
	void *f;

	get_context = (int (*)(unw_context_t *))dlsym(lib, SYMBOL_OF(UNW_ARCH_OBJ(getcontext)));
	init_local =
		(int (*)(unw_cursor_t *, unw_context_t *))dlsym(lib, SYMBOL_OF(unw_init_local));
	step = (int (*)(unw_cursor_t *))dlsym(lib, SYMBOL_OF(unw_step));
	get_reg = (int (*)(unw_cursor_t *, unw_regnum_t, unw_word_t *))dlsym(
		lib, SYMBOL_OF(unw_get_reg));
	flush_cache = (void (*)(unw_addr_space_t, unw_word_t, unw_word_t))dlsym(
		lib, SYMBOL_OF(UNW_ARCH_OBJ(flush_cache)));
	f = dlsym(lib, SYMBOL_OF(unw_local_addr_space));
	if (f)
		local_space = *(unw_addr_space_t *)f;
}

static void forget_unloaded(void)
{
	if (flush_cache && local_space)
		flush_cache(local_space, 0, 0);
}

/*
 * Without the cache: slow, but it allocates nothing. For a thread whose first event comes while
 * signals are blocked: it may be a handler that has interrupted malloc. Not inlined: 2 KiB of stack, which
 * the others do without.
 */
static __attribute__((noinline)) unsigned walk(void **frames, unsigned max)
{
	unw_context_t context;
	unw_cursor_t cursor;
	unw_word_t ip;
	unsigned n = 0;

	if (!get_context || !init_local || !step || !get_reg)
		return 0;
	if (get_context(&context) < 0 || init_local(&cursor, &context) < 0)
		return 0;
	do {
		if (get_reg(&cursor, UNW_REG_IP, &ip) < 0)
			break;
		frames[n++] = (void *)ip;
	} while (n < max && step(&cursor) > 0);
	return n;
}
#else
static void find_cursors(void *lib)
{
	(void)lib;
}

static void forget_unloaded(void)
{
}

static unsigned walk(void **frames, unsigned max)
{
	(void)frames;
	(void)max;
	return 0;
}
#endif

const char *unwind_start(void)
{
	void *frames[OWN_FRAMES];
	void *lib, *f;

	if (caller_only)
		return "stacks have one frame: libunwind's caches outlive what ThreadSanitizer "
		       "knows of a thread";
	shim = module_of((const void *)unwind_start);
	lib = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		return "libunwind.so.8 cannot be loaded";
	f = dlsym(lib, "unw_backtrace");
	if (!f)
		return "libunwind.so.8 has no unw_backtrace";
	libunwind = module_of(f);
	memcpy(&backtrace_fast, &f, sizeof(f));
	find_cursors(lib);
	backtrace_fast(frames, OWN_FRAMES);
	warm = 1;
	return NULL;
}

static int count_unloaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(unsigned long long *)arg = info->dlpi_subs;
	return 1;
}

/* Most dlclose() calls only drop a reference. */
void unwind_unloaded(void)
{
	static unsigned long long seen;
	unsigned long long now = 0;

	dl_iterate_phdr(count_unloaded, &now);
	if (__atomic_exchange_n(&seen, now, __ATOMIC_RELAXED) == now)
		return;
	__atomic_add_fetch(&epoch, 1, __ATOMIC_RELAXED);
	forget_unloaded();
}

unsigned unwind_epoch(void)
{
	return __atomic_load_n(&epoch, __ATOMIC_RELAXED);
}

bool unwind_is_caller_only(void)
{
	return caller_only;
}

void unwind_under_valgrind(void)
{
	valgrind = true;
}

void unwind_caller_only(void)
{
	caller_only = true;
}

bool unwind_is_caller(const void *return_address)
{
	return within(&libunwind, return_address);
}

ssize_t unwind_probe_read(void)
{
	errno = EAGAIN;
	return -1;
}

/*
 * epoll_ctl reads its event before it looks at the descriptor: EFAULT is unreadable memory. Valgrind
 * would look at that event as well, and complain; it lets madvise pass (Linux 5.14).
 */
static bool unreadable(const void *buf)
{
	uintptr_t aligned = (uintptr_t)buf & ~(uintptr_t)15,
		  page = (uintptr_t)buf & ~(uintptr_t)4095;
	long r;

	if (!valgrind)
		return sys4(SYS_epoll_ctl, -1, EPOLL_CTL_ADD, -1, aligned) == -EFAULT;
	r = sys3(SYS_madvise, page, 4096, POPULATE_READ);
	return r == -EFAULT || r == -ENOMEM;
}

ssize_t unwind_probe_write(const void *buf, size_t len)
{
	if (unreadable(buf)) {
		errno = EFAULT;
		return -1;
	}
	return (ssize_t)len;
}

static bool signals_blocked(void)
{
	uint64_t mask = 0;

	sys4(SYS_rt_sigprocmask, 0, 0, &mask, sizeof(mask));
	return mask != 0;
}

/*
 * On an alternate signal stack of the classic 8 KiB the kernel's own frame leaves no room for
 * libunwind's: it would write below the stack.
 */
#define STACK_NEEDED 16384

static bool little_stack(void)
{
	stack_t ss = {0};

	if (sys2(SYS_sigaltstack, 0, &ss) < 0 || !(ss.ss_flags & SS_ONSTACK))
		return false;
	return (uintptr_t)__builtin_frame_address(0) - (uintptr_t)ss.ss_sp < STACK_NEEDED;
}

static unsigned raw_stack(void **frames, unsigned max)
{
	int n;

	if (!backtrace_fast || caller_only || little_stack())
		return 0;
	if (unwind_epoch() || (!warm && signals_blocked()))
		return walk(frames, max);
	warm = 1;
	n = backtrace_fast(frames, (int)max);
	return n > 0 ? (unsigned)n : 0;
}

unsigned unwind_stack(void **frames, unsigned max, const void *caller)
{
	void *raw[UNWIND_MAX + OWN_FRAMES];
	unsigned n, skip = 0;

	if (max == 0)
		return 0;
	n = raw_stack(raw, max + OWN_FRAMES);
	while (skip < n && within(&shim, raw[skip]))
		skip++;
	if (skip == n) {
		frames[0] = (void *)caller;
		return 1;
	}
	n -= skip;
	if (n > max)
		n = max;
	memcpy(frames, raw + skip, n * sizeof(raw[0]));
	return n;
}
