/* SPDX-License-Identifier: MIT */
/*
 * Random programs, each run bare, under audit and under fix: does anything differ that must not?
 *
 *   differential [--runner FILE] [--library FILE] [--seed S] [--count N] [--jobs J]
 *   differential [...] --show|--trace|--shrink PROGRAM...
 *   differential [...] --replay FILE...
 *
 * A program is a seed, or a file that --show or --shrink has printed.
 */
#include "seeds.h"
#include "shrink.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define JOBS_MAX 64

static bool load(struct program *p, const char *word)
{
	if (word[strspn(word, "0123456789")])
		return program_read(p, word);
	program_generate(p, strtoull(word, NULL, 10));
	return true;
}

static bool replay(const struct setting *set, const char *path)
{
	struct finding f = {0};

	if (!program_read(&f.program, path))
		return false;
	for (f.mode = AUDIT; f.mode < MODES; f.mode++) {
		if (finding_holds(set, &f)) {
			printf("# %s: %s differs: %s\n", path, mode_names[f.mode], f.why);
			return false;
		}
	}
	return true;
}

static int replay_all(const struct setting *set, char **paths)
{
	int failed = 0, n = 0;

	for (; paths[n]; n++) {
		const char *name = strrchr(paths[n], '/');
		bool same = replay(set, paths[n]);

		failed += !same;
		printf("%sok %d - %s\n", same ? "" : "not ", n + 1, name ? name + 1 : paths[n]);
	}
	printf("1..%d\n", n);
	return failed != 0;
}

static int shrink(const struct setting *set, const char *word)
{
	struct finding f = {0};

	for (f.mode = AUDIT; f.mode < MODES; f.mode++) {
		if (!load(&f.program, word))
			return 2;
		if (!finding_holds(set, &f))
			continue;
		finding_shrink(set, &f);
		printf("# %s, %s: %s\n", word, mode_names[f.mode], f.why);
		program_print(&f.program);
		return 1;
	}
	printf("# %s: no difference\n", word);
	return 0;
}

static void print_outcome(const struct outcome *o)
{
	if (!o->done)
		printf("  %-22s", "-");
	else
		printf("  %6d %-15.15s", o->ret, o->error ? strerrorname_np(o->error) : "");
}

/* What each step came to, side by side. */
static int trace(const struct setting *set, const char *word)
{
	struct results *r = mmap(NULL, MODES * sizeof(*r), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct program p;
	char line[160];

	if (r == MAP_FAILED || !load(&p, word))
		return 2;
	for (int m = 0; m < MODES; m++)
		if (!trial_run(set, (enum mode)m, &p, 1, &r[m]))
			return 2;
	for (int i = 0; i < p.count; i++) {
		program_print_step(&p.steps[i], line, sizeof(line));
		printf("%-56s", line);
		for (int m = 0; m < MODES; m++)
			print_outcome(&r[m].outcomes[i]);
		puts("");
	}
	for (int m = 0; m < MODES; m++)
		printf("# %s: %u RSTs\n", mode_names[m], r[m].resets);
	return 0;
}

static int show(const struct setting *set, const char *word)
{
	struct program p;

	(void)set;
	if (!load(&p, word))
		return 2;
	program_print(&p);
	return 0;
}

static int each(
	int (*f)(const struct setting *, const char *), const struct setting *set, char **words)
{
	int worst = 0, r;

	for (; *words; words++) {
		r = f(set, *words);
		worst = r > worst ? r : worst;
	}
	return worst;
}

static const struct option words[] = {{"runner", required_argument, NULL, 'r'},
	{"library", required_argument, NULL, 'l'}, {"seed", required_argument, NULL, 's'},
	{"count", required_argument, NULL, 'n'}, {"jobs", required_argument, NULL, 'j'},
	{"show", no_argument, NULL, 'S'}, {"shrink", no_argument, NULL, 'k'},
	{"trace", no_argument, NULL, 't'}, {"replay", no_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};

static bool locate(struct setting *set, const char *runner, const char *library)
{
	set->runner = realpath(runner, NULL);
	set->library = realpath(library, NULL);
	if (!set->runner || !set->library) {
		fprintf(stderr, "%s: %s\n", set->runner ? library : runner, strerror(errno));
		return false;
	}
	snprintf(set->folder, sizeof(set->folder), "/tmp/differential-XXXXXX");
	return mkdtemp(set->folder) != NULL;
}

static int do_what(int what, struct job *j, char **args)
{
	if (what == 'S')
		return each(show, &j->set, args);
	if (!what)
		return seeds_run(j);
	seeds_stay_on(0);
	if (what == 'p')
		return replay_all(&j->set, args);
	return each(what == 't' ? trace : shrink, &j->set, args);
}

int main(int argc, char **argv)
{
	struct job j = {.first = 1, .count = 2000, .jobs = 1};
	const char *runner = "build/tests/differential/runner", *library = "build/librstfix.so";
	int c, r, what = 0;

	while ((c = getopt_long(argc, argv, "", words, NULL)) != -1) {
		switch (c) {
		case 'r':
			runner = optarg;
			break;
		case 'l':
			library = optarg;
			break;
		case 's':
			j.first = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			j.count = strtoull(optarg, NULL, 0);
			break;
		case 'j':
			j.jobs = atoi(optarg);
			break;
		case '?':
			return 2;
		default:
			what = c;
		}
	}
	if (j.jobs < 1 || j.jobs > JOBS_MAX || !locate(&j.set, runner, library))
		return 2;
	r = do_what(what, &j, argv + optind);
	rmdir(j.set.folder);
	return r;
}
