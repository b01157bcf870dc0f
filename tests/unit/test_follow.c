/* SPDX-License-Identifier: MIT */
#include "policy/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SHIM "/opt/librstfix.so"

static char room[4096];

/* An environment of its own, which the tested code may change. */
static char **environment_of(const char *const *entries)
{
	static char *copy[32];
	unsigned n = 0;

	while (*entries)
		copy[n++] = (char *)*entries++;
	copy[n] = NULL;
	return copy;
}

#define ENV(...) environment_of((const char *const[]){__VA_ARGS__, NULL})
#define NO_ENV	 environment_of((const char *const[]){NULL})

/* Joined by blanks: what is handed over in place of envp. */
static const char *handed_over(char **envp)
{
	static char text[1024];
	size_t bytes = follow_room(envp);

	text[0] = 0;
	if (bytes) {
		memset(room, 0x5a, sizeof(room));
		assert_true(bytes < sizeof(room));
		envp = follow_environment(envp, room);
		assert_int_equal(room[bytes], 0x5a); /* no more than was asked for */
	}
	for (; *envp; envp++)
		strcat(strcat(text, *text ? " " : ""), *envp);
	return text;
}

static void start(bool follow)
{
	follow_start(
		follow, ENV("A=1", "LD_PRELOAD=/x.so:" SHIM, "RSTFIX_MODE=fix", "RSTFIX_LOG=/l"));
}

#define MARK	"_RSTFIX_CARRIED=1 "
#define CARRIED "LD_PRELOAD=" SHIM " RSTFIX_MODE=fix RSTFIX_LOG=/l"

static void what_an_environment_lacks_is_carried_behind_a_mark(void **state)
{
	(void)state;
	start(true);
	assert_string_equal(handed_over(ENV("B=2")), "B=2 " MARK CARRIED);
	assert_string_equal(handed_over(NO_ENV), MARK CARRIED);
	assert_string_equal(handed_over(ENV("LD_PRELOAD=/y.so", "RSTFIX_MODE=")),
		"LD_PRELOAD=/y.so RSTFIX_MODE= " MARK "LD_PRELOAD=/y.so:" SHIM " RSTFIX_LOG=/l");
}

static void an_environment_that_has_everything_is_handed_over_as_it_is(void **state)
{
	(void)state;
	start(true);
	assert_int_equal(
		follow_room(ENV("LD_PRELOAD=" SHIM, "RSTFIX_LOG=none", "RSTFIX_MODE=off")), 0);
	assert_int_equal(follow_room(ENV("LD_PRELOAD=")), 0);
}

static void what_was_carried_is_taken_out_again(void **state)
{
	char **env = ENV("A=1", "LD_PRELOAD=/y.so", "_RSTFIX_CARRIED=1", "LD_PRELOAD=/y.so:" SHIM,
		"RSTFIX_LOG=/l", "LATE=1");

	(void)state;
	follow_start(true, env);
	assert_string_equal(
		handed_over((char *[]){NULL}), MARK "LD_PRELOAD=" SHIM " RSTFIX_LOG=/l");
	assert_string_equal(env[1], "LD_PRELOAD=/y.so");
	assert_string_equal(env[2], "LATE=1");
	assert_null(env[3]);
	assert_false(follow_hide(env));
}

static void without_follow_the_library_goes_and_the_rest_stays(void **state)
{
	(void)state;
	start(false);
	assert_string_equal(handed_over(ENV("B=2", "LD_PRELOAD=" SHIM, "C=3")), "B=2 C=3");
	assert_string_equal(
		handed_over(ENV("LD_PRELOAD=/x.so " SHIM ":/y.so")), "LD_PRELOAD=/x.so:/y.so");
	assert_string_equal(handed_over(ENV("LD_PRELOAD=" SHIM ":" SHIM, "LD_PRELOAD=/x.so:" SHIM)),
		"LD_PRELOAD=/x.so");
	assert_int_equal(follow_room(ENV("LD_PRELOAD=/x.so", "RSTFIX_MODE=fix")), 0);
	assert_int_equal(follow_room(NULL), 0);
}

static void a_library_that_ld_so_preload_brought_needs_no_carrying(void **state)
{
	(void)state;
	follow_start(true, ENV("RSTFIX_LOG=/l"));
	assert_string_equal(handed_over(ENV("B=2")), "B=2 " MARK "RSTFIX_LOG=/l");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_an_environment_lacks_is_carried_behind_a_mark),
		cmocka_unit_test(an_environment_that_has_everything_is_handed_over_as_it_is),
		cmocka_unit_test(what_was_carried_is_taken_out_again),
		cmocka_unit_test(without_follow_the_library_goes_and_the_rest_stays),
		cmocka_unit_test(a_library_that_ld_so_preload_brought_needs_no_carrying),
	};

	return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
