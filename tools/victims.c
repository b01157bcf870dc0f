/* SPDX-License-Identifier: MIT */
#include "victims.h"

#include <string.h>
#include <unistd.h>

static const struct victim *find(const struct victim *table, const char *name)
{
	for (; table->name; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

const struct victim *victim_named(const char *name)
{
	static const struct victim *const tables[] = {victims_reset, victims_linger,
		victims_disconnect, victims_listener, victims_seen, victims_clean, victims_endings,
		victims_handing, victims_shared, victims_law};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct victim *v = find(tables[i], name);

		if (v)
			return v;
	}
	return NULL;
}

int victim_play(const char *name, const char *door, struct stage *stage)
{
	const struct victim *v = victim_named(name);
	struct victim_args args = {
		.stage = stage, .door = door_named(door), .call = call_named(door)};
	int status;

	if (args.call)
		args.door = door_named("close");
	if (!v || !args.door)
		return 2;
	args.stage->pid = (int)getpid();
	status = v->play(&args);
	if (!args.stage->ends)
		args.stage->step = STEP_DONE;
	return status;
}
