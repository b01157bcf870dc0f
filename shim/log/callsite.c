/* SPDX-License-Identifier: MIT */
#include "callsite.h"

#include "module.h"

#include <string.h>
#include <sys/mman.h>

enum { EMPTY, BUSY, READY };

/* The table's end is for what finds no place: one entry for each pattern and operation. */
#define SHARED (CALLSITES - PATTERN_COUNT * OP_COUNT)

/* How far an entry may stand from its place; beyond that the table counts as full. */
#define PROBES 64

#define FRAMES_AGAIN_MS 60000U

static struct callsite *table;	  /* CALLSITES entries; entry i has number i + 1 */
static uint16_t order[CALLSITES]; /* the numbers in use, oldest first */
static uint32_t used;
static const struct python_stack no_python;

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

const char *const outcome_names[OUTCOME_COUNT] = {
	[OUTCOME_RESET] = "reset",
	[OUTCOME_AVERTED] = "averted",
	[OUTCOME_LINGERING] = "lingering",
	[OUTCOME_DELIVERED] = "delivered",
	[OUTCOME_EXPIRED] = "expired",
	[OUTCOME_FAILED] = "failed",
	[OUTCOME_SHARED] = "shared",
	[OUTCOME_SEEN] = "seen",
};

bool callsite_start(void)
{
	void *p = mmap(NULL, CALLSITES * sizeof(*table), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || !module_start())
		return false;
	table = p;
	return true;
}

static uint64_t fnv(uint64_t h, const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n--)
		h = (h ^ *p++) * FNV_PRIME;
	return h;
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/*
 * The same on every machine: a module counts by its build id (its name where it has none), code
 * made at run time by its mere presence.
 */
static uint64_t stack_id(const struct frame *frames, unsigned n)
{
	uint64_t h = FNV_BASIS;
	unsigned i;

	for (i = 0; i < n; i++) {
		const char *who = callsite_build_id(&frames[i]);

		if (!frames[i].module) {
			h = fnv(h, "?", 1);
			continue;
		}
		if (!*who)
			who = basename_of(callsite_module(&frames[i]));
		h = fnv(h, who, strlen(who));
		h = fnv(h, &frames[i].offset, sizeof(frames[i].offset));
	}
	return n ? h : 0;
}

/* A file counts by its name, a function by its line as well. */
static uint64_t with_language(uint64_t h, const struct language_frame *frames, unsigned n)
{
	for (unsigned i = 0; h && i < n; i++) {
		const char *file = basename_of(callsite_file(&frames[i]));
		const char *function = callsite_function(&frames[i]);

		h = fnv(h, file, strlen(file));
		h = fnv(h, function, strlen(function));
		h = fnv(h, &frames[i].line, sizeof(frames[i].line));
	}
	return h;
}

static uint64_t key_of(enum pattern pattern, enum op op, void **stack, unsigned n,
	const struct python_stack *python)
{
	unsigned char head[2] = {(unsigned char)pattern, (unsigned char)op};
	uint64_t h = fnv(FNV_BASIS, head, sizeof(head));
	unsigned i;

	for (i = 0; i < n; i++) {
		h ^= (uint64_t)(uintptr_t)stack[i];
		h *= UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return python->count ? fnv(h, python->frames, python->count * sizeof(python->frames[0]))
			     : h;
}

static bool is(const struct callsite *s, uint64_t key, void **stack, unsigned n,
	const struct python_stack *python)
{
	return s->key == key && s->frame_count == n && s->python.count == python->count &&
		memcmp(s->addresses, stack, n * sizeof(*stack)) == 0 &&
		memcmp(s->python.frames, python->frames,
			python->count * sizeof(python->frames[0])) == 0;
}

/*
 * The same addresses after a module was unloaded: the same code, if they resolve to the same id.
 * A plugin that is loaded and unloaded in turn keeps its one entry, with its counts and its rate.
 */
static bool still_right(struct callsite *s, void **stack, unsigned n)
{
	uint32_t epoch = unwind_epoch();
	struct frame now[UNWIND_MAX];

	if (__atomic_load_n(&s->epoch, __ATOMIC_RELAXED) == epoch)
		return true;
	module_resolve(stack, now, n);
	if (with_language(stack_id(now, n), s->language, s->python.count) != s->id)
		return false;
	__atomic_store_n(&s->epoch, epoch, __ATOMIC_RELAXED);
	return true;
}

static void fill(struct callsite *s, uint64_t key, enum pattern pattern, enum op op, void **stack,
	unsigned n, const struct python_stack *python)
{
	s->key = key;
	s->pattern = (uint8_t)pattern;
	s->op = (uint8_t)op;
	s->frame_count = (uint8_t)n;
	if (n)
		memcpy(s->addresses, stack, n * sizeof(*stack));
	module_resolve(stack, s->frames, n);
	s->python.count = python->count;
	memcpy(s->python.frames, python->frames, python->count * sizeof(python->frames[0]));
	python_resolve(&s->python, s->language);
	s->id = with_language(stack_id(s->frames, n), s->language, s->python.count);
	__atomic_store_n(&s->epoch, unwind_epoch(), __ATOMIC_RELAXED);
	__atomic_store_n(&s->state, READY, __ATOMIC_RELEASE);
}

static void note(unsigned number)
{
	uint32_t at = __atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&order[at], (uint16_t)number, __ATOMIC_RELAXED);
}

/*
 * A BUSY entry is being filled by another thread, or by the code that this signal handler has
 * interrupted: it cannot be waited for, so it is passed over. At worst a stack has one entry for each
 * thread that made it.
 */
static unsigned find(enum pattern pattern, enum op op, void **stack, unsigned n,
	const struct python_stack *python)
{
	uint64_t key = key_of(pattern, op, stack, n, python);
	unsigned i;

	for (i = 0; i < PROBES; i++) {
		unsigned at = (unsigned)((key + i) % SHARED);
		struct callsite *s = &table[at];
		uint32_t state = __atomic_load_n(&s->state, __ATOMIC_ACQUIRE);

		if (state == READY && is(s, key, stack, n, python) && still_right(s, stack, n))
			return at + 1;
		if (state != EMPTY)
			continue;
		if (__atomic_compare_exchange_n(
			    &s->state, &state, BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
			fill(s, key, pattern, op, stack, n, python);
			note(at + 1);
			return at + 1;
		}
	}
	return 0;
}

/* What finds no place any more is counted together, and limited together, without a stack. */
static unsigned overflow(enum pattern pattern, enum op op)
{
	unsigned at = SHARED + (unsigned)pattern * OP_COUNT + (unsigned)op;
	struct callsite *s = &table[at];
	uint32_t state = EMPTY;

	if (__atomic_compare_exchange_n(
		    &s->state, &state, BUSY, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		fill(s, 0, pattern, op, NULL, 0, &no_python);
		note(at + 1);
	}
	return at + 1;
}

unsigned callsite_find(enum pattern pattern, enum op op, void **stack, unsigned n,
	const struct python_stack *python)
{
	unsigned number;

	if (!table)
		return 0;
	number = find(pattern, op, stack, n, python ? python : &no_python);
	return number || pattern == PATTERN_NONE ? number : overflow(pattern, op);
}

struct callsite *callsite_at(unsigned number)
{
	struct callsite *s;

	if (!table || number == 0 || number > CALLSITES)
		return NULL;
	s = &table[number - 1];
	return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == READY ? s : NULL;
}

unsigned callsite_count(void)
{
	return __atomic_load_n(&used, __ATOMIC_RELAXED);
}

struct callsite *callsite_nth(unsigned i)
{
	return callsite_at(__atomic_load_n(&order[i], __ATOMIC_RELAXED));
}

void callsite_forked(void)
{
	struct callsite *s;
	unsigned i;

	for (i = 0; i < callsite_count(); i++) {
		s = callsite_nth(i);
		if (!s)
			continue;
		s->count = s->unread = s->unsent = s->drained = s->lost = s->saved =
			s->lingered_ms = 0;
		memset(s->outcomes, 0, sizeof(s->outcomes));
		s->record = NULL;
		s->window_s = s->in_window = s->untold = 0;
		s->frames_told_ms = 0;
	}
}

uint64_t callsite_outcomes(const struct callsite *s, enum outcome outcome)
{
	uint64_t sum = 0;

	for (unsigned action = 0; action < ACTION_COUNT; action++)
		sum += s->outcomes[action][outcome];
	return sum;
}

bool callsite_admit(struct callsite *s, uint32_t now_ms, uint32_t rate)
{
	uint32_t second = now_ms / 1000 + 1;

	if (__atomic_exchange_n(&s->window_s, second, __ATOMIC_RELAXED) != second)
		__atomic_store_n(&s->in_window, 0, __ATOMIC_RELAXED);
	return __atomic_fetch_add(&s->in_window, 1, __ATOMIC_RELAXED) < rate;
}

bool callsite_frames_due(struct callsite *s, uint32_t now_ms, uint32_t generation)
{
	uint32_t told = __atomic_load_n(&s->frames_told_ms, __ATOMIC_RELAXED);

	if (told && (now_ms | 1) - told < FRAMES_AGAIN_MS &&
		__atomic_load_n(&s->frames_told_generation, __ATOMIC_RELAXED) == generation)
		return false;
	__atomic_store_n(&s->frames_told_ms, now_ms | 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->frames_told_generation, generation, __ATOMIC_RELAXED);
	return true;
}

const char *callsite_module(const struct frame *f)
{
	return module_path(f->module);
}

const char *callsite_build_id(const struct frame *f)
{
	return module_build_id(f->module);
}

const char *callsite_symbol(const struct frame *f)
{
	return module_string(f->symbol);
}

const char *callsite_file(const struct language_frame *f)
{
	return module_path(f->file);
}

const char *callsite_function(const struct language_frame *f)
{
	return module_string(f->function);
}
