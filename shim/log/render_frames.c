/* SPDX-License-Identifier: MIT */
#include "render.h"

static void language_frame(struct text *t, const struct language_frame *f)
{
	text_str(t, "    in ");
	text_safe(t, *callsite_function(f) ? callsite_function(f) : "??");
	text_str(t, " at ");
	text_safe(t, *callsite_file(f) ? callsite_file(f) : "??");
	text_char(t, ':');
	text_u64(t, f->line);
	text_char(t, '\n');
}

static void native_frame(struct text *t, const struct frame *f, unsigned number)
{
	text_str(t, "    #");
	text_u64(t, number);
	text_char(t, ' ');
	text_safe(t, *callsite_symbol(f) ? callsite_symbol(f) : "??");
	text_str(t, " (");
	text_safe(t, f->module ? callsite_module(f) : "code made at run time");
	text_str(t, "+0x");
	text_hex(t, f->offset, 1);
	text_str(t, ")\n");
}

/* A frame that does not fit is left out, and those behind it. */
void render_frames(struct text *t, const struct callsite *s)
{
	size_t before = t->len;

	for (unsigned i = 0; i < s->python.count + s->frame_count && !t->cut; i++) {
		before = t->len;
		if (i < s->python.count)
			language_frame(t, &s->language[i]);
		else
			native_frame(t, &s->frames[i - s->python.count], i - s->python.count);
	}
	if (t->cut) {
		t->len = before;
		t->cut = false;
	}
}
