/* SPDX-License-Identifier: MIT */
/*
 * Plays a victim in a frame: `victim FRAME NAME DOOR STAGE-DESCRIPTOR`. The same few lines run in
 * main, before and after main, in a thread, a signal handler, a child, a daemon.
 */
#include "victims.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	const char *frame, *name, *door;
	struct stage *stage;
	int status;
} cast;

static int play(void)
{
	return victim_play(cast.name, cast.door, cast.stage);
}

static int play_here(void)
{
	return cast.status = play();
}

static void *thread(void *unused)
{
	(void)unused;
	cast.status = play();
	return NULL;
}

static int play_in_thread(void)
{
	pthread_t id;

	if (pthread_create(&id, NULL, thread, NULL) != 0 || pthread_join(id, NULL) != 0)
		return 2;
	return cast.status;
}

static void handler(int signal)
{
	(void)signal;
	cast.status = play();
}

static int play_in_signal_handler(void)
{
	struct sigaction action = {.sa_handler = handler};

	if (sigaction(SIGUSR1, &action, NULL) != 0 || raise(SIGUSR1) != 0)
		return 2;
	return cast.status;
}

static int status_of(pid_t child)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}

static int play_in_child(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(play());
	return child < 0 ? 2 : status_of(child);
}

static int play_in_vfork_child(void)
{
	pid_t child = vfork();

	if (child == 0)
		_exit(play());
	return child < 0 ? 2 : status_of(child);
}

/* As a daemon does at its start: whatever the shim keeps open goes too. */
static int play_after_closefrom(void)
{
	closefrom(3);
	return play();
}

static int play_as_daemon(void)
{
	return daemon(1, 0) == 0 ? play() : 2;
}

static const struct {
	const char *name;
	int (*play)(void);
} frames[] = {
	{"main", play_here},
	{"thread", play_in_thread},
	{"signal", play_in_signal_handler},
	{"fork", play_in_child},
	{"vfork", play_in_vfork_child},
	{"closefrom", play_after_closefrom},
	{"daemon", play_as_daemon},
};

__attribute__((constructor)) static void before_main(int argc, char **argv)
{
	if (argc != 5)
		_exit(2);
	cast.frame = argv[1];
	cast.name = argv[2];
	cast.door = argv[3];
	cast.stage = stage_map(atoi(argv[4]));
	if (!cast.stage)
		_exit(2);
	if (strcmp(cast.frame, "constructor") == 0)
		cast.status = play();
}

__attribute__((destructor)) static void after_main(void)
{
	if (cast.frame && strcmp(cast.frame, "destructor") == 0 && play() != 0)
		_exit(1);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		if (strcmp(frames[i].name, cast.frame) == 0)
			return frames[i].play();
	}
	return cast.status;
}
