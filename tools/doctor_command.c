/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void about_seccomp(struct diagnosis *d, const char *status)
{
	if (doctor_status(status, "Seccomp", 10) == 2)
		diagnosis_add(d, FINDING_NOTE, "seccomp",
			"it is inherited, as in a container; the shim tries its own calls in a "
			"throwaway child and stays out if one of them would kill",
			NULL, "a seccomp filter is in force here");
}

static void about_unwinder(struct diagnosis *d)
{
	void *unwinder = dlopen("libunwind.so.8", RTLD_LAZY | RTLD_LOCAL);

	if (unwinder)
		dlclose(unwinder);
	else
		diagnosis_add(d, FINDING_PART, "libunwind", "stacks are its work",
			"install libunwind8", "libunwind.so.8 is not there: events have no stacks");
}

/* What execvp would find, where that is no ELF file. */
static void about_script(struct diagnosis *d, const char *found, const char *end)
{
	struct target t;

	if (!target_read(&t, found))
		return;
	if (t.kind == TARGET_SCRIPT)
		diagnosis_add(d, FINDING_NOTE, "script", NULL, NULL,
			"%s is a script: what is judged is %s", found, end);
	else if (t.kind == TARGET_OTHER)
		diagnosis_add(d, FINDING_NOTE, "no-elf",
			"the kernel does not execute it; a shell would try it as a script",
			"name its interpreter", "%s is neither an ELF file nor a script with #!",
			found);
}

void doctor_command(struct diagnosis *d, char *const argv[])
{
	char found[PATH_MAX], status[8192];
	unsigned faults;

	if (!target_find(found, argv[0], getenv("PATH"))) {
		snprintf(d->target, sizeof(d->target), "%s", argv[0]);
		diagnosis_add(d, FINDING_WHOLE, "not-found", NULL, "check the name and PATH",
			"it cannot be executed: %s", strerror(errno));
		return;
	}
	faults = target_follow(d->target, argv, getenv("PATH"), &d->own);
	about_script(d, found, d->target);
	doctor_faults(d, faults);
	if (diagnosis_weight(d) == FINDING_WHOLE)
		return;
	doctor_file(d, d->target, d->target, false);
	doctor_preloads(d, "", getenv("LD_PRELOAD"));
	if (doctor_read("/proc/self/status", status, sizeof(status)) < 0)
		*status = '\0';
	about_seccomp(d, status);
	about_unwinder(d);
	doctor_machine(d, status);
}
