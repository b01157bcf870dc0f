/* SPDX-License-Identifier: MIT */
#include "doctor.h"

#include "dynamic.h"
#include "preload.h"
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static const char *const weights[] = {"note", "part", "whole"};
static const char *const verdicts[] = {
	"all of it will be seen", "not all of it will be seen", "it cannot be preloaded"};

void diagnosis_add(struct diagnosis *d, enum finding_weight weight, const char *code,
	const char *why, const char *to_do, const char *format, ...)
{
	struct finding *f = &d->list[d->count];
	va_list args;

	if (d->count == FINDINGS_MAX)
		return;
	d->count++;
	*f = (struct finding){.weight = weight, .code = code, .why = why, .to_do = to_do};
	va_start(args, format);
	vsnprintf(f->what, sizeof(f->what), format, args);
	va_end(args);
	for (char *at = f->what; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
}

enum finding_weight diagnosis_weight(const struct diagnosis *d)
{
	enum finding_weight most = FINDING_NOTE;

	for (unsigned i = 0; i < d->count; i++) {
		if (d->list[i].weight > most)
			most = d->list[i].weight;
	}
	return most;
}

void diagnosis_print(const struct diagnosis *d)
{
	printf("%s", d->target);
	if (d->pid)
		printf(" (process %d)", (int)d->pid);
	printf(": %s\n", verdicts[diagnosis_weight(d)]);
	for (int weight = FINDING_WHOLE; weight >= FINDING_NOTE; weight--) {
		for (unsigned i = 0; i < d->count; i++) {
			const struct finding *f = &d->list[i];

			if ((int)f->weight != weight)
				continue;
			printf("  %-6s%s\n", weights[weight], f->what);
			if (f->why)
				printf("        why:   %s\n", f->why);
			if (f->to_do)
				printf("        to do: %s\n", f->to_do);
		}
	}
}

static void put(json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, value ? json_object_new_string(value) : NULL);
}

void diagnosis_print_json(const struct diagnosis *d)
{
	json_object *whole = json_object_new_object(), *list = json_object_new_array();

	json_object_object_add(whole, "v", json_object_new_int(1));
	put(whole, "target", d->target);
	json_object_object_add(whole, "pid", d->pid ? json_object_new_int(d->pid) : NULL);
	put(whole, "library", d->library);
	put(whole, "verdict", weights[diagnosis_weight(d)]);
	for (unsigned i = 0; i < d->count; i++) {
		json_object *f = json_object_new_object();

		put(f, "weight", weights[d->list[i].weight]);
		put(f, "code", d->list[i].code);
		put(f, "what", d->list[i].what);
		put(f, "why", d->list[i].why);
		put(f, "to_do", d->list[i].to_do);
		json_object_array_add(list, f);
	}
	json_object_object_add(whole, "findings", list);
	say_json(stdout,
		json_object_to_json_string_ext(
			whole, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	putchar('\n');
	json_object_put(whole);
}

long doctor_read(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	size_t used = 0;
	ssize_t n = -1;

	*text = '\0';
	if (fd < 0)
		return -1;
	while (used + 1 < size && (n = read(fd, text + used, size - 1 - used)) > 0)
		used += (size_t)n;
	error = errno;
	close(fd);
	errno = error;
	text[used] = '\0';
	return n < 0 ? -1 : (long)used;
}

long long doctor_status(const char *status, const char *key, int base)
{
	char line[64];
	const char *at;

	snprintf(line, sizeof(line), "\n%s:", key);
	at = strstr(status, line);
	return at ? (long long)strtoull(at + strlen(line), NULL, base) : -1;
}

void doctor_faults(struct diagnosis *d, unsigned faults)
{
	static const char *const codes[] = {
		"static", "go", "musl", "architecture", "setuid", "capabilities"};
	const char *what, *why, *remedy;

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (!(faults & 1U << i))
			continue;
		target_explain(1U << i, &what, &why, &remedy);
		diagnosis_add(d, FINDING_WHOLE, codes[i], why, remedy, "it %s", what);
	}
}

void doctor_file(struct diagnosis *d, const char *path, const char *name, bool preload)
{
	struct image im;
	char hooks[200];
	unsigned count;
	const char *uring;

	if (!image_map(&im, path))
		return;
	uring = dynamic_needs(im, "liburing.so");
	if (uring)
		diagnosis_add(d, FINDING_PART, "liburing",
			"what goes through a ring reaches the kernel without libc's calls",
			"turn io_uring off in its configuration, where that can be done",
			"%s is linked with %s", name, uring);
	count = dynamic_hooks(im, hooks, sizeof(hooks));
	if (count)
		diagnosis_add(d, FINDING_PART, preload ? "preload-in-front" : "own-functions",
			"calls reach it first; the shim sees what it passes on to the next "
			"definition, with its frame on the stack, and not what it does by system call",
			preload ? "put the shim in front of it in LD_PRELOAD" : NULL,
			"%s itself defines %u of the functions that the shim intercepts: %s", name,
			count, hooks);
	image_unmap(&im);
}

/* One library of a list. True: it is the shim. */
static bool preloaded(struct diagnosis *d, const char *root, const char *name, const char *list)
{
	char path[PATH_MAX + 32];
	const char *base = strrchr(name, '/');

	if (strcmp(base ? base + 1 : name, PRELOAD_LIBRARY) == 0)
		return true;
	if (!base || strchr(name, '$')) {
		diagnosis_add(d, FINDING_NOTE, "preload-in-front",
			"the loader looks for it, so what it defines was not looked at", NULL,
			"%s is in front of the shim by %s", name, list);
		return false;
	}
	snprintf(path, sizeof(path), "%s%s", root, name);
	if (access(path, R_OK) == 0)
		doctor_file(d, path, name, true);
	return false;
}

static bool preload_list(struct diagnosis *d, const char *root, const char *value, const char *list)
{
	static const char separators[] = " :\t\n";
	char name[PATH_MAX];

	for (value += strspn(value, separators); *value; value += strspn(value, separators)) {
		size_t len = strcspn(value, separators);

		snprintf(name, sizeof(name), "%.*s", (int)len, value);
		if (preloaded(d, root, name, list))
			return true;
		value += len;
	}
	return false;
}

bool doctor_preloads(struct diagnosis *d, const char *root, const char *value)
{
	static const char file[] = "/etc/ld.so.preload";
	char path[PATH_MAX], text[4096];
	bool ours = preload_list(d, root, value ? value : "", "LD_PRELOAD");

	/* The loader takes LD_PRELOAD first, then the file. */
	snprintf(path, sizeof(path), "%s%s", root, file);
	if (!ours && doctor_read(path, text, sizeof(text)) > 0)
		ours = preload_list(d, root, text, file);
	return ours;
}

static void about_kernel(struct diagnosis *d)
{
	struct utsname uts;
	int major = 0, minor = 0;

	uname(&uts);
	sscanf(uts.release, "%d.%d", &major, &minor);
	if (major < 4 || (major == 4 && minor < 18))
		diagnosis_add(d, FINDING_PART, "kernel", "it was never tried there",
			"use Linux 4.18 or later", "the kernel is Linux %s", uts.release);
	else if (major < 5 || (major == 5 && minor < 9))
		diagnosis_add(d, FINDING_NOTE, "kernel",
			"a thread with a descriptor table of its own needs 5.9",
			"in mode fix, keep RSTFIX_LINGER short",
			"the kernel is Linux %s: a mended close waits inside close()", uts.release);
}

void doctor_machine(struct diagnosis *d, const char *status)
{
	long long caps = doctor_status(status, "CapEff", 16);

	about_kernel(d);
	if (caps >= 0 && !(caps >> CAP_NET_ADMIN & 1))
		diagnosis_add(d, FINDING_NOTE, "trim-filter",
			"a socket filter on TCP needs CAP_NET_ADMIN", NULL,
			"without CAP_NET_ADMIN a mend that cannot linger waits inside close()");
}
