/* SPDX-License-Identifier: MIT */
#include "trial.h"

#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HANGS_MS 20000

const char *const mode_names[MODES] = {"bare", "audit", "fix"};

/* One batch: the peer's process, which starts the watched program and gives it the turns. */
struct batch {
	const struct setting *set;
	enum mode mode;
	struct lockstep *l;
	char path[64]; /* of the page */
	char log[128];
	int snmp;
	pid_t runner; /* 0: none is running */
	pid_t group;  /* its process group: children that have outlived it are left in there */
	struct peer peer;
};

static uint32_t resets_sent(struct batch *b)
{
	char text[4096], *values, *word, *at;
	ssize_t n = pread(b->snmp, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	values = strstr(text, "\nTcp: ");
	values = values ? strstr(values + 1, "\nTcp: ") : NULL;
	word = values ? strtok_r(values, " \n", &at) : NULL;
	for (int i = 0; word && i < 14; i++) /* OutRsts is the fourteenth value */
		word = strtok_r(NULL, " \n", &at);
	return word ? (uint32_t)strtoul(word, NULL, 10) : 0;
}

static void set_environment(const struct batch *b)
{
	if (b->mode == BARE)
		return;
	setenv("LD_PRELOAD", b->set->library, 1);
	setenv("RSTFIX_MODE", mode_names[b->mode], 1);
	setenv("RSTFIX_LOG", b->log, 1);
	setenv("RSTFIX_FORMAT", "json", 1);
}

/* Its process group is its own: what it leaves behind is found by that. */
static void execute(const struct batch *b, pid_t parent)
{
	int null = open("/dev/null", O_RDWR);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close(null);
	set_environment(b);
	execl(b->set->runner, b->set->runner, b->path, (char *)NULL);
	_exit(127);
}

static void kill_group(struct batch *b)
{
	if (b->group > 0)
		kill(-b->group, SIGKILL);
	b->group = 0;
}

static bool start_runner(struct batch *b)
{
	pid_t parent = getpid();

	kill_group(b);
	b->runner = fork();
	if (b->runner == 0)
		execute(b, parent);
	b->group = b->runner;
	return b->runner > 0;
}

static void kill_runner(struct batch *b)
{
	kill_group(b);
	while (waitpid(-1, NULL, 0) > 0)
		;
	b->runner = 0;
}

static void begin(struct batch *b, const struct program *p)
{
	struct lockstep *l = b->l;
	int port = l->peer_port;

	memset(l, 0, sizeof(*l));
	l->peer_port = port;
	l->program = *p;
	memset(l->slots, 0xff, sizeof(l->slots));
	l->alive[PEER] = l->alive[MAIN] = 1;
	l->pid[MAIN] = b->runner;
	peer_begin(&b->peer);
}

/* The last step of one that nobody of the program is left to wait for. */
static void reap(struct batch *b, enum actor a, struct outcome *o)
{
	int status = -1;

	b->l->alive[a] = 0;
	waitpid(b->l->pid[a], &status, 0);
	if (a == MAIN) {
		b->runner = 0;
		b->l->alive[THREAD] = b->l->waiting = 0;
	}
	o->ret = status;
	o->done = 1;
}

static bool ended_unasked(struct batch *b)
{
	int status;

	if (b->runner <= 0 || waitpid(b->runner, &status, WNOHANG) != b->runner)
		return false;
	b->l->results.broken = status ? status : -2;
	b->runner = 0;
	return true;
}

static bool await_turn(struct batch *b)
{
	if (lockstep_await(b->l, PEER, HANGS_MS))
		return true;
	if (errno == EINTR && !ended_unasked(b)) /* a child of the program's that came to us */
		return await_turn(b);
	if (!b->l->results.broken)
		b->l->results.broken = -1;
	b->l->results.broken_at = b->l->at;
	kill_runner(b);
	return false;
}

/* It waits in its call, or has come back from it and waits for its turn. */
static void await_sleep(struct batch *b)
{
	const struct timespec pause = {.tv_nsec = 20000};
	char path[64], text[256] = "", *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", b->l->waiting);
	for (int i = 0; i < 10000; i++) {
		nanosleep(&pause, NULL);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
			i = INT16_MAX;
		if (fd >= 0)
			close(fd);
		state = strrchr(text, ')');
		if (state && state[2] == 'S')
			break;
	}
}

/* Those that the main process has left behind. */
static void end_orphans(struct batch *b)
{
	struct outcome ignored;

	for (enum actor a = CHILD_A; a < ACTORS; a++) {
		enum actor parent = (enum actor)b->l->parent[a];

		if (!b->l->alive[a] || (parent != PEER && b->l->alive[parent]))
			continue;
		lockstep_give(b->l, a);
		reap(b, a, &ignored);
	}
}

static bool play(struct batch *b)
{
	struct lockstep *l = b->l;
	const struct step *s;

	lockstep_pass(l, 0);
	for (;;) {
		if (!await_turn(b))
			return false;
		if (l->waiting)
			await_sleep(b);
		s = lockstep_step(l);
		if (!s)
			break;
		if (l->forward) {
			l->forward = 0;
			lockstep_give(l, (enum actor)s->actor);
			continue;
		}
		if (s->actor == PEER)
			peer_step(&b->peer, s, &l->results.outcomes[l->at]);
		else if (s->call != CALL_WAIT) /* else it has begun to wait */
			reap(b, s->actor, &l->results.outcomes[l->at]);
		lockstep_pass(l, l->at + 1);
	}
	if (l->alive[MAIN]) {
		lockstep_give(l, MAIN);
		if (!await_turn(b))
			return false;
	}
	end_orphans(b);
	return true;
}

static bool run_one(struct batch *b, const struct program *p, struct results *r)
{
	uint32_t before = resets_sent(b);

	if (b->runner == 0 && !start_runner(b))
		return false;
	begin(b, p);
	play(b);
	peer_end(&b->peer);
	b->l->results.resets = resets_sent(b) - before;
	*r = b->l->results;
	return true;
}

static bool make_page(struct batch *b)
{
	int fd = memfd_create("lockstep", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(struct lockstep)) != 0)
		return false;
	snprintf(b->path, sizeof(b->path), "/proc/%d/fd/%d", (int)getpid(), fd);
	b->l = lockstep_map(b->path);
	return b->l != NULL;
}

static void interrupt(int number)
{
	(void)number;
}

/* Some resets are sent at the acknowledgement of a FIN, which a timer of 40 ms delays: none here. */
#define ACKNOWLEDGED_AT_ONCE \
	"ip route replace local 127.0.0.1 dev lo src 127.0.0.1 table local proto kernel scope host quickack 1"

static bool prepare(struct batch *b)
{
	struct sigaction wake = {.sa_handler = interrupt};
	char why[160] = "";

	if (!netns_enter(why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		return false;
	}
	if (system(ACKNOWLEDGED_AT_ONCE) != 0)
		return false;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigaction(SIGCHLD, &wake, NULL);
	snprintf(b->log, sizeof(b->log), "%s/%d.%s", b->set->folder, (int)getpid(),
		mode_names[b->mode]);
	b->snmp = open("/proc/thread-self/net/snmp", O_RDONLY | O_CLOEXEC);
	if (b->snmp >= 0 && make_page(b) && peer_open(&b->peer, b->l))
		return true;
	perror("no peer");
	return false;
}

static void run_batch(
	struct batch *b, const struct program *programs, int count, struct results *results)
{
	bool fine = prepare(b);

	for (int i = 0; fine && i < count; i++)
		fine = run_one(b, &programs[i], &results[i]);
	results[0].alone = count == 1;
	kill_runner(b);
	unlink(b->log);
	_exit(fine ? 0 : 1);
}

bool trial_run(const struct setting *set, enum mode mode, const struct program *programs, int count,
	struct results *results)
{
	struct batch b = {.set = set, .mode = mode};
	int status = -1;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		run_batch(&b, programs, count, results);
	if (child > 0)
		waitpid(child, &status, 0);
	return status == 0;
}
