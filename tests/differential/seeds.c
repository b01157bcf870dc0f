/* SPDX-License-Identifier: MIT */
#include "seeds.h"

#include "shrink.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH	    25
#define SHOWN_EVERY 10000

/* Shared by the jobs. */
static struct tally {
	_Atomic uint64_t programs, flaky, differing, steps, resets[MODES];
} * tally;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Loopback does not reorder what one processor sends and receives. */
void seeds_stay_on(int number)
{
	cpu_set_t allowed, one;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return;
	for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &allowed) || seen++ != number % CPU_COUNT(&allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

static void *share(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* The programs before it leave something behind that matters: once more, after them, bare twice. */
static bool differs_after(
	const struct job *j, const struct program *programs, int at, enum mode mode)
{
	const enum mode modes[] = {mode, BARE, BARE};
	size_t size = sizeof(struct results) * BATCH;
	struct results *r = share(3 * size);
	const struct program *p = &programs[at];
	char why[512];
	bool differs = r != NULL;

	for (int i = 0; differs && i < 3; i++)
		differs = trial_run(&j->set, modes[i], programs, at + 1, r + i * BATCH);
	differs = differs && !compare_runs(p, &r[BATCH + at], &r[at], mode, why, sizeof(why)) &&
		compare_runs(p, &r[BATCH + at], &r[2 * BATCH + at], AUDIT, why, sizeof(why));
	if (r)
		munmap(r, 3 * size);
	return differs;
}

static void report(const struct job *j, const struct program *programs, int at, enum mode mode,
	const char *why)
{
	struct finding f = {.program = programs[at], .mode = mode};
	bool alone = finding_holds(&j->set, &f);
	bool differs = alone || differs_after(j, programs, at, mode);
	const char *how = alone ? "differs"
		: differs	? "differs after those before it"
				: "once only";

	if (differs)
		tally->differing++;
	else
		tally->flaky++;
	printf("# seed %llu, %s, %s: %s\n", (unsigned long long)programs[at].seed, mode_names[mode],
		how, why);
	fflush(stdout);
}

static bool run_batch(const struct job *j, uint64_t first, int count, struct program *programs,
	struct results *results[MODES])
{
	char why[512];
	uint64_t done;

	for (int i = 0; i < count; i++)
		program_generate(&programs[i], first + (uint64_t)i);
	for (int m = 0; m < MODES; m++) {
		memset(results[m], 0, sizeof(struct results) * BATCH);
		if (!trial_run(&j->set, (enum mode)m, programs, count, results[m]))
			return false;
	}
	for (int i = 0; i < count; i++) {
		for (enum mode m = AUDIT; m < MODES; m++)
			if (!compare_runs(&programs[i], &results[BARE][i], &results[m][i], m, why,
				    sizeof(why)))
				report(j, programs, i, m, why);
		tally->steps += (uint64_t)programs[i].count;
		for (int m = 0; m < MODES; m++)
			tally->resets[m] += results[m][i].resets;
	}
	done = tally->programs += (uint64_t)count;
	if (done / SHOWN_EVERY != (done - (uint64_t)count) / SHOWN_EVERY) {
		printf("# %llu programs\n", (unsigned long long)done);
		fflush(stdout);
	}
	return true;
}

static bool run_job(const struct job *j)
{
	struct program *programs = calloc(BATCH, sizeof(*programs));
	struct results *results[MODES];
	uint64_t at;
	bool fine = programs != NULL;

	for (int m = 0; m < MODES; m++) {
		results[m] = share(sizeof(struct results) * BATCH);
		fine = fine && results[m];
	}
	seeds_stay_on(j->number);
	for (at = (uint64_t)j->number * BATCH; fine && at < j->count;
		at += (uint64_t)j->jobs * BATCH) {
		uint64_t left = j->count - at;

		fine = run_batch(
			j, j->first + at, left < BATCH ? (int)left : BATCH, programs, results);
	}
	free(programs);
	return fine;
}

static int finish(const char *what, double began)
{
	double s = now() - began;

	printf("# %s: %llu programs of %llu steps in %.1f s, %.0f a second; RSTs: "
	       "bare %llu, audit %llu, fix %llu; %llu flaky\n",
		what, (unsigned long long)tally->programs, (unsigned long long)tally->steps, s,
		(double)tally->programs / s, (unsigned long long)tally->resets[BARE],
		(unsigned long long)tally->resets[AUDIT], (unsigned long long)tally->resets[FIX],
		(unsigned long long)tally->flaky);
	return tally->differing == 0 && tally->programs > 0;
}

static bool run_seeds(struct job *j)
{
	bool fine = true;
	int status;

	for (j->number = 0; j->number < j->jobs; j->number++) {
		fflush(stdout);
		if (fork() == 0)
			_exit(run_job(j) ? 0 : 1);
	}
	while (wait(&status) > 0)
		fine = fine && status == 0;
	return fine;
}

int seeds_run(struct job *j)
{
	double began = now();
	bool fine;

	tally = share(sizeof(*tally));
	if (!tally)
		return 2;
	printf("# seeds %llu to %llu\n", (unsigned long long)j->first,
		(unsigned long long)(j->first + j->count - 1));
	fine = run_seeds(j);
	fine = finish("differential", began) && fine;
	printf("%sok 1 - nothing_differs_under_audit_and_fix\n1..1\n", fine ? "" : "not ");
	return !fine;
}
