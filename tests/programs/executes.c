/* SPDX-License-Identifier: MIT */
/*
 * Executes itself by a door, with an environment of a kind, and then tells what it is given.
 *
 * usage: executes DOOR ENVIRONMENT [FRAME]
 *        executes tell
 *
 * It prints its arguments and its environment, sorted as it stands, on standard output; on
 * standard error whether the shim is there.
 */
#include <alloca.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <wordexp.h>

#include "victim.h"

#define SELF "/proc/self/exe"

extern char **environ;

static char *const tell_argv[] = {"executes", "tell", "a", "b", NULL};
static char **handed, **volatile wild = (char **)16;

static int tell(char **argv)
{
	char line[512];
	bool shim = false;
	FILE *maps = fopen("/proc/self/maps", "re");

	while (*argv)
		printf("argument %s\n", *argv++);
	/* The library's path is another one bare, and the log of each run too: they are not told. */
	for (char **e = environ; e && *e; e++)
		printf("%.*s%s\n", (int)strcspn(*e, "="), *e,
			strncmp(*e, "GIVEN", 5) ? "" : *e + 5);
	while (maps && fgets(line, sizeof(line), maps))
		shim |= strstr(line, "librstfix.so") != NULL;
	fprintf(stderr, "shim: %s\n", shim ? "yes" : "no");
	return 0;
}

static void by_execve(void)
{
	execve(SELF, tell_argv, handed);
}

static void by_syscall(void)
{
	syscall(SYS_execve, SELF, tell_argv, handed);
}

static void by_execv(void)
{
	environ = handed;
	execv(SELF, tell_argv);
}

static void by_execvp(void)
{
	environ = handed;
	execvp(SELF, tell_argv);
}

static void by_execvpe(void)
{
	execvpe(SELF, tell_argv, handed);
}

static void by_execl(void)
{
	environ = handed;
	execl(SELF, "executes", "tell", "a", "b", (char *)NULL);
}

static void by_execlp(void)
{
	environ = handed;
	execlp(SELF, "executes", "tell", "a", "b", (char *)NULL);
}

static void by_execle(void)
{
	execle(SELF, "executes", "tell", "a", "b", (char *)NULL, handed);
}

static void by_fexecve(void)
{
	fexecve(open(SELF, O_RDONLY | O_CLOEXEC), tell_argv, handed);
}

static void by_execveat(void)
{
	execveat(AT_FDCWD, SELF, tell_argv, handed, 0);
}

static void finish(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child)
		err(1, "waitpid");
	exit(WEXITSTATUS(status));
}

static void by_posix_spawn(void)
{
	pid_t child = -1;

	errno = posix_spawn(&child, SELF, NULL, NULL, tell_argv, handed);
	finish(child);
}

static void by_posix_spawnp(void)
{
	pid_t child = -1;

	errno = posix_spawnp(&child, SELF, NULL, NULL, tell_argv, handed);
	finish(child);
}

static char *shell_command(void)
{
	static char path[4096], command[8192];

	if (readlink(SELF, path, sizeof(path) - 1) < 0)
		err(1, "readlink");
	snprintf(command, sizeof(command), "exec '%s' tell a b", path);
	return command;
}

/* What the shim lends the shell is not the program's: it is gone when the call has returned. */
static char *before[4096];

static void note_environ(void)
{
	unsigned n = 0;

	for (char **e = environ; e && *e; e++)
		before[n++] = *e;
}

static void check_environ(void)
{
	unsigned n = 0;

	if (environ != handed)
		errx(1, "environ is another array than before");
	for (char **e = environ; e && *e; e++, n++)
		if (*e != before[n])
			errx(1, "environ has got %s", *e);
	if (before[n])
		errx(1, "environ has lost %s", before[n]);
}

static void by_system(void)
{
	int status;

	environ = handed;
	note_environ();
	status = system(shell_command());
	check_environ();
	exit(WEXITSTATUS(status));
}

static void by_popen(void)
{
	FILE *stream;
	int c;

	environ = handed;
	note_environ();
	stream = popen(shell_command(), "r");
	check_environ();
	while ((c = fgetc(stream)) != EOF)
		putchar(c);
	exit(WEXITSTATUS(pclose(stream)));
}

/* The command's output is one word. */
static void by_wordexp(void)
{
	char words[8300];
	wordexp_t to;

	environ = handed;
	note_environ();
	snprintf(words, sizeof(words), "\"$(%s)\"", shell_command());
	if (wordexp(words, &to, WRDE_SHOWERR))
		errx(1, "wordexp");
	check_environ();
	puts(to.we_wordv[0]);
	exit(0);
}

static const struct {
	const char *name;
	void (*execute)(void);
} doors[] = {
	{"execve", by_execve},
	{"syscall", by_syscall},
	{"execv", by_execv},
	{"execvp", by_execvp},
	{"execvpe", by_execvpe},
	{"execl", by_execl},
	{"execlp", by_execlp},
	{"execle", by_execle},
	{"fexecve", by_fexecve},
	{"execveat", by_execveat},
	{"posix_spawn", by_posix_spawn},
	{"posix_spawnp", by_posix_spawnp},
	{"system", by_system},
	{"popen", by_popen},
	{"wordexp", by_wordexp},
};

/* Without the variables of that prefix, or with only GIVEN=... of the program's own making. */
static char **without(const char *prefix)
{
	static char *kept[1024];
	unsigned n = 0;

	for (char **e = environ; *e && n < 1023; e++)
		if (strncmp(*e, prefix, strlen(prefix)) != 0)
			kept[n++] = *e;
	kept[n] = NULL;
	return kept;
}

static char **many(void)
{
	static char *entries[3001], room[3000][16];

	for (int i = 0; i < 3000; i++) {
		snprintf(room[i], sizeof(room[i]), "GIVEN%d=%d", i, i);
		entries[i] = room[i];
	}
	return entries;
}

static char **environment_of(const char *kind)
{
	static char *own[] = {"GIVEN=1", "GIVEN_TOO=2", NULL};
	static char *nothing[] = {NULL};
	static char *refused[] = {"GIVEN=1", "LD_PRELOAD=", NULL};
	static char *other[] = {"GIVEN=1", "LD_PRELOAD=libm.so.6", NULL};
	static char *set[] = {"GIVEN=1", "RSTFIX_BACKTRACE=", NULL};

	if (!strcmp(kind, "same"))
		return environ;
	if (!strcmp(kind, "built"))
		return own;
	if (!strcmp(kind, "nothing"))
		return nothing;
	if (!strcmp(kind, "null"))
		return NULL;
	if (!strcmp(kind, "stripped"))
		return without("LD_");
	if (!strcmp(kind, "refused"))
		return refused;
	if (!strcmp(kind, "other"))
		return other;
	if (!strcmp(kind, "set"))
		return set;
	if (!strcmp(kind, "many"))
		return many();
	errx(2, "no such environment: %s", kind);
}

int main(int argc, char **argv)
{
	pid_t child;

	if (argc > 1 && !strcmp(argv[1], "tell"))
		return tell(argv + 2);
	if (argc < 3)
		errx(2, "usage: executes DOOR ENVIRONMENT [vfork]");
	if (!strcmp(argv[1], "wild")) {
		execve(SELF, tell_argv, wild);
		say("execve", -1);
		return 0;
	}
	handed = environment_of(argv[2]);
	for (size_t i = 0; i < sizeof(doors) / sizeof(doors[0]); i++) {
		if (strcmp(argv[1], doors[i].name) != 0)
			continue;
		if (argc > 3 && (child = vfork()) != 0)
			finish(child);
		doors[i].execute();
		err(1, "%s", argv[1]);
	}
	errx(2, "no such door: %s", argv[1]);
}
