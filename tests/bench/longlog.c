/* SPDX-License-Identifier: MIT */
/*
 * A long log as the shim would have written it, out of a short one that it has written: its lines are
 * repeated, with other times, sockets, ports, figures and callsites; frames stay on one line a minute
 * for each callsite. usage: longlog EVENTS SAMPLE... >LOG
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINES	 4096
#define VARIANTS 64    /* callsites that each one of the sample becomes */
#define STEP_US	 60480 /* ten million of them are a week */
#define SOCKETS	 (UINT64_C(1) << 24)

static char *lines[LINES];
static size_t stack_of[LINES]; /* the first line with the same stack */
static size_t line_count;
static uint64_t told; /* events written */
static uint64_t frames_at[VARIANTS][LINES];
static uint32_t chance = 1;

static uint32_t random_below(uint32_t n)
{
	chance = chance * 1664525 + 1013904223;
	return (chance >> 8) % n;
}

static size_t first_with_stack(size_t line)
{
	const char *id = strstr(lines[line], "\"stack_id\":\""), *other;

	for (size_t i = 0; id && i < line; i++) {
		other = strstr(lines[i], "\"stack_id\":\"");
		if (other && strncmp(id, other, 28) == 0)
			return i;
	}
	return line;
}

static void read_sample(const char *path)
{
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (!file) {
		perror(path);
		exit(1);
	}
	while (line_count < LINES && getline(&line, &size, file) > 0) {
		lines[line_count] = strdup(line);
		stack_of[line_count] = first_with_stack(line_count);
		line_count++;
	}
	free(line);
	fclose(file);
}

/* Copies up to and with key, then moves past the old value, which ends before one of `until`. */
static const char *until_value(const char *at, const char *key, const char *until)
{
	const char *value = strstr(at, key);

	if (!value)
		return NULL;
	value += strlen(key);
	fwrite(at, 1, (size_t)(value - at), stdout);
	return value + strcspn(value, until);
}

static const char *number(const char *at, const char *key, uint64_t value)
{
	const char *rest = until_value(at, key, ",}");

	if (!rest)
		return at;
	printf("%" PRIu64, value);
	return rest;
}

static const char *put_time(const char *at, uint64_t us)
{
	time_t s = 1763812800 + (time_t)(us / 1000000);
	const char *rest = until_value(at, "\"time\":\"", "\"");
	struct tm tm;
	char text[32];

	gmtime_r(&s, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%s.%06" PRIu64 "Z", text, us % 1000000);
	return rest;
}

/* The port of the peer, within one of a few hundred addresses. */
static const char *put_peer(const char *at)
{
	const char *rest = until_value(at, "\"peer\":", ",");

	if (!rest)
		return at;
	printf("\"10.0.%u.%u:%u\"", random_below(2), random_below(200), 1024 + random_below(60000));
	return rest;
}

static const char *put_harm(const char *at, bool lost)
{
	const char *rest = until_value(at, "\"harm\":\"", "\"");

	if (!rest)
		return at;
	fputs(lost ? "output-lost" : "quiet", stdout);
	return rest;
}

static const char *put_stack(const char *at, unsigned variant)
{
	const char *rest = until_value(at, "\"stack_id\":\"", "\"");

	if (!rest)
		return at;
	printf("%.14s%02x", rest - 16, variant);
	return rest;
}

static void put_event(size_t i, uint64_t round, uint64_t us)
{
	unsigned variant = (unsigned)(round % VARIANTS);
	const char *sock = strstr(lines[i], "\"sock\":"), *at = put_time(lines[i], us);
	uint32_t unsent = random_below(4) ? 0 : random_below(4000000);
	const char *frames;
	uint64_t *due = &frames_at[variant][stack_of[i]];

	at = put_peer(at);
	at = number(at, "\"unread\":", 1 + random_below(100000));
	at = number(at, "\"unsent\":", unsent);
	at = put_harm(at, unsent > 0);
	at = put_stack(at, variant);
	at = number(at, "\"count\":", random_below(10) ? 1 : 1 + random_below(50));
	at = number(at, "\"sock\":", round * SOCKETS + strtoull(sock ? sock + 7 : "0", NULL, 10));
	at = number(at, "\"seq\":", told);
	frames = strstr(at, ",\"frames\":");
	if (frames && *due > us / 60000000) {
		fwrite(at, 1, (size_t)(frames - at), stdout);
		puts("}");
		return;
	}
	fputs(at, stdout);
	if (frames)
		*due = us / 60000000 + 1;
}

int main(int argc, char **argv)
{
	uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 0, round;
	static char buffer[1 << 20];

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	for (int i = 2; i < argc; i++)
		read_sample(argv[i]);
	if (line_count == 0)
		return 1;
	for (round = 0; told < events; round++) {
		for (size_t i = 0; i < line_count && told < events; i++) {
			uint64_t us = told * STEP_US;

			if (strstr(lines[i], "\"event\":\"rst\"")) {
				told++;
				put_event(i, round, us);
			} else if (random_below(1000) == 0) {
				fputs(put_time(lines[i], us), stdout);
			}
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
