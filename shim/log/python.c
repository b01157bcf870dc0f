/* SPDX-License-Identifier: MIT */
#include "python.h"

#include "../base/helper.h"
#include "../base/sandbox.h"
#include "../base/start.h"
#include "../base/sys.h"
#include "module.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/uio.h>

#if defined(__LP64__)

/*
 * CPython 3.11, whose internal structures are the same in all of its releases (Include/internal/
 * pycore_frame.h, Include/cpython/pystate.h, code.h and unicodeobject.h).
 */
#define VERSION 0x030bU

#define CFRAME_OF_THREAD 56
#define FRAME_OF_CFRAME	 8

struct object {
	uint64_t references, type,
		size; /* size: of those whose size varies; of a text, its characters */
};

struct frame_head {
	uint64_t function, globals, builtins, locals;
	uint64_t code, object, previous, previous_instruction;
};

struct code_names {
	int32_t first_line;
	uint32_t locals[5];
	uint64_t local_names, local_kinds, file, name, qualified_name, lines;
};

struct code_head {
	struct object head;
	uint64_t constants, names, exceptions;
	uint32_t flags, warmup, arguments[3], stack_size;
	struct code_names told;
};

#define INSTRUCTIONS_OF_CODE 184

struct text_head {
	struct object head;
	uint64_t hash;
	uint32_t state; /* bits: 2 interned, 3 width, 1 compact, 1 ascii */
	uint32_t padding;
};

#define ASCII_TEXT   48
#define COMPACT_TEXT 72

_Static_assert(offsetof(struct code_head, told.first_line) == 72, "as in code.h");
_Static_assert(offsetof(struct code_head, told.lines) == 136, "as in code.h");

static void *(*this_thread)(void);
static uint64_t code_type, text_type, bytes_type;
static bool forbidden; /* process_vm_writev() is */

/*
 * The kernel writes from this memory to this memory: what it takes may be gone, and many pieces at
 * once cost little, which is not so of process_vm_readv(). Those up to the first that is gone.
 */
static long gather(const struct iovec *pieces, unsigned n, void *to, size_t size)
{
	struct iovec whole = {to, size};
	long r;

	if (__atomic_load_n(&forbidden, __ATOMIC_RELAXED))
		return -1;
	r = sys_call(SYS_process_vm_writev, self.pid, pieces, n, &whole, 1, 0);
	if (r == -EPERM || r == -ENOSYS)
		__atomic_store_n(&forbidden, true, __ATOMIC_RELAXED);
	return r;
}

static bool peek(uint64_t from, void *to, size_t size)
{
	struct iovec piece = {(void *)(uintptr_t)from, size};

	return from && gather(&piece, 1, to, size) == (long)size;
}

static uint64_t symbol(const char *name)
{
	return (uint64_t)(uintptr_t)dlsym(RTLD_DEFAULT, name);
}

void python_start(void)
{
	void *f = dlsym(RTLD_DEFAULT, "PyGILState_GetThisThreadState");
	const unsigned long *version = f ? dlsym(RTLD_DEFAULT, "Py_Version") : NULL;

	if (!version || *version >> 16 != VERSION || !sandbox_allows_peek())
		return;
	code_type = symbol("PyCode_Type");
	text_type = symbol("PyUnicode_Type");
	bytes_type = symbol("PyBytes_Type");
	if (code_type && text_type && bytes_type)
		memcpy(&this_thread, &f, sizeof(f));
}

/*
 * Callers' frames lie a little below those of what they call: each reading, which costs a microsecond,
 * takes along what is before a frame in its page.
 */
struct window {
	uint64_t from, end;
	char bytes[1024];
};

static bool peek_frame(struct window *w, uint64_t at, struct frame_head *f)
{
	const uint64_t page = at & ~UINT64_C(4095), reach = sizeof(w->bytes) - sizeof(*f);

	if (!at || at < w->from || at > w->end - sizeof(*f)) {
		w->from = at - page < reach ? page : at - reach;
		w->end = at + sizeof(*f);
		if (!peek(w->from, w->bytes, w->end - w->from)) {
			w->from = UINT64_MAX;
			return false;
		}
	}
	memcpy(f, w->bytes + (at - w->from), sizeof(*f));
	return true;
}

/* The call reads two words of the interpreter's own and a thread-specific value; the shim's thread has none. */
static __attribute__((noinline)) void walk(struct python_stack *s, unsigned max)
{
	struct window w = {.from = UINT64_MAX, .end = UINT64_MAX};
	struct frame_head f;
	uint64_t at = (uint64_t)(uintptr_t)this_thread();

	if (!at || !peek(at + CFRAME_OF_THREAD, &at, sizeof(at)) ||
		!peek(at + FRAME_OF_CFRAME, &at, sizeof(at)))
		return;
	for (; s->count < max && s->count < PYTHON_MAX && peek_frame(&w, at, &f); at = f.previous)
		s->frames[s->count++] = (struct python_frame){f.code, f.previous_instruction, 0};
}

/* The start of a text: its head, and as much of it as makes one differ from others. */
union text_start {
	struct text_head head;
	uint64_t words[20];
	char bytes[160];
};

/* Frames whose names are read at once: a call takes longer than what it reads. */
#define BATCH 8

struct batch {
	struct code_names codes[BATCH];
	union text_start texts[BATCH][2];
	struct iovec pieces[2 * BATCH];
};

static struct iovec piece(uint64_t from, size_t size)
{
	return (struct iovec){(void *)(uintptr_t)from, size};
}

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t mix_text(uint64_t h, union text_start *t)
{
	size_t at = t->head.state >> 6 & 1 ? ASCII_TEXT : COMPACT_TEXT;
	uint64_t width = t->head.state >> 2 & 7, size = t->head.head.size, end = sizeof(*t);

	h = mix(h, size);
	if (t->head.hash != UINT64_MAX) /* of all of it; most names have one */
		return mix(h, t->head.hash);
	if (size < sizeof(*t) && at + size * width < end)
		end = at + size * width;
	memset(t->bytes + end, 0, sizeof(*t) - end);
	for (size_t i = at / sizeof(h); i * sizeof(h) < end; i++)
		h = mix(h, t->words[i]);
	return h;
}

/* What cannot be read stays 0. */
static __attribute__((noinline)) void identify(struct python_frame *frames, unsigned n)
{
	struct batch b;
	unsigned i;

	memset(&b, 0, sizeof(b));
	for (i = 0; i < n; i++)
		b.pieces[i] = piece(
			frames[i].code + offsetof(struct code_head, told), sizeof(b.codes[i]));
	gather(b.pieces, n, b.codes, sizeof(b.codes));
	for (i = 0; i < n; i++) {
		b.pieces[2 * i] = piece(b.codes[i].file, sizeof(b.texts[i][0]));
		b.pieces[2 * i + 1] = piece(b.codes[i].qualified_name, sizeof(b.texts[i][1]));
	}
	gather(b.pieces, 2 * n, b.texts, sizeof(b.texts));
	for (i = 0; i < n; i++) {
		frames[i].names = mix_text((uint32_t)b.codes[i].first_line, &b.texts[i][0]);
		frames[i].names = mix_text(frames[i].names, &b.texts[i][1]);
	}
}

void python_stack(struct python_stack *s, unsigned max)
{
	s->count = 0;
	if (!this_thread || max == 0 || helper_is_self())
		return;
	walk(s, max);
	for (unsigned i = 0; i < s->count; i += BATCH)
		identify(s->frames + i, s->count - i < BATCH ? s->count - i : BATCH);
}

/* A text; what is not ASCII becomes '?', and of a long one the end is kept. */
static size_t read_text(uint64_t from, char *to, size_t size)
{
	struct text_head t;
	unsigned width;
	size_t n, i;
	union {
		uint8_t one[1024];
		uint16_t two[512];
		uint32_t four[256];
	} raw;

	if (!peek(from, &t, sizeof(t)) || t.head.type != text_type || !(t.state >> 5 & 1))
		return 0;
	width = t.state >> 2 & 7;
	if ((width != 1 && width != 2 && width != 4) || t.head.size > 1U << 20)
		return 0;
	n = t.head.size < size ? t.head.size : size;
	n = n < sizeof(raw) / 4 ? n : sizeof(raw) / 4;
	from += (t.state >> 6 & 1 ? ASCII_TEXT : COMPACT_TEXT) + (t.head.size - n) * width;
	if (!peek(from, &raw, n * width))
		return 0;
	for (i = 0; i < n; i++) {
		uint32_t c = width == 1 ? raw.one[i] : width == 2 ? raw.two[i] : raw.four[i];

		to[i] = '?';
		if (c >= ' ' && c < 0x7f)
			to[i] = (char)c;
	}
	return n;
}

/* Bytes of a location table, in order, a piece at a time. */
struct table {
	uint64_t at, end;
	uint8_t piece[128];
	unsigned used, have;
};

/* -1: there is none left. */
static int next_byte(struct table *t)
{
	if (t->used == t->have) {
		uint64_t left = t->end - t->at;

		t->have = left < sizeof(t->piece) ? (unsigned)left : sizeof(t->piece);
		t->used = 0;
		if (t->have == 0 || !peek(t->at, t->piece, t->have)) {
			t->have = 0;
			return -1;
		}
		t->at += t->have;
	}
	return t->piece[t->used++];
}

/* A number in groups of six bits, the lowest first; its own lowest bit is the sign. */
static int32_t read_delta(struct table *t)
{
	uint32_t value = 0, shift = 0;
	int byte;

	do {
		byte = next_byte(t);
		if (byte < 0)
			return 0;
		value |= (uint32_t)(byte & 63) << shift;
		shift += 6;
	} while (byte & 64 && shift < 30);
	return value & 1 ? -(int32_t)(value >> 1) : (int32_t)(value >> 1);
}

/* How the line of an entry comes from the one before: Objects/locations.md of CPython. */
static int32_t delta_of(struct table *t, unsigned kind)
{
	if (kind == 13 || kind == 14)
		return read_delta(t);
	return kind >= 10 && kind <= 12 ? (int32_t)kind - 10 : 0;
}

/* Of the instruction with this number. An entry starts with a byte above 127, and no other is. */
static uint32_t find_line(struct table *t, int32_t line, uint64_t instruction)
{
	uint64_t end = 0;
	int byte = next_byte(t);

	while (byte >= 128) {
		unsigned kind = byte >> 3 & 15;

		end += (byte & 7) + 1U;
		line += delta_of(t, kind);
		if (instruction < end)
			return kind == 15 || line < 0 ? 0 : (uint32_t)line;
		do
			byte = next_byte(t);
		while (byte >= 0 && byte < 128);
	}
	return 0;
}

static uint32_t line_of(const struct python_frame *f, const struct code_head *code)
{
	uint64_t first = f->code + INSTRUCTIONS_OF_CODE;
	struct table t = {.used = 0};
	struct object o;

	if (f->at < first) /* not begun yet */
		return (uint32_t)code->told.first_line;
	if (!peek(code->told.lines, &o, sizeof(o)) || o.type != bytes_type || o.size > 1U << 20)
		return 0;
	t.at = code->told.lines + sizeof(o) + sizeof(uint64_t); /* behind a hash */
	t.end = t.at + o.size;
	return find_line(&t, code->told.first_line, (f->at - first) / 2);
}

static struct language_frame resolve_one(const struct python_frame *f)
{
	struct language_frame l = {0, 0, 0};
	struct code_head code;
	char text[256];
	size_t n;

	if (!peek(f->code, &code, sizeof(code)) || code.head.type != code_type)
		return l;
	n = read_text(code.told.file, text, sizeof(text) - 1);
	text[n] = 0;
	l.file = n ? module_intern_file(text) : 0;
	n = read_text(code.told.qualified_name, text, sizeof(text));
	l.function = module_keep(text, n);
	l.line = line_of(f, &code);
	return l;
}

void python_resolve(const struct python_stack *s, struct language_frame *frames)
{
	for (unsigned i = 0; i < s->count; i++)
		frames[i] = resolve_one(&s->frames[i]);
}

#else

void python_start(void)
{
}

void python_stack(struct python_stack *s, unsigned max)
{
	(void)max;
	s->count = 0;
}

void python_resolve(const struct python_stack *s, struct language_frame *frames)
{
	(void)s;
	(void)frames;
}

#endif
