/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <monetary.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "log/framing.h"
#include "log/module.h"

static char buf[4096];
static const struct origin origin_ = {.program = "ht\ntpd", .pid = 7, .tid = 8, .seq = 3};
static const struct rule rule_ = {
	.source = "/etc/rules", .line = 2, .column = 1, .text = "* -> log"};

static struct event unread_close(void)
{
	return (struct event){
		.pattern = PATTERN_UNREAD_CLOSE,
		.op = OP_CLOSE,
		.action = ACTION_LOG,
		.outcome = OUTCOME_RESET,
		.fd = 9,
		.facts = {.state = TCP_ESTABLISHED, .unread = 178, .unsent = 0, .cookie = 4711},
		.local = {.family = AF_INET, .port = 8080, .addr = {127, 0, 0, 1}},
		.role = ROLE_SERVER,
		.age_ms = -1,
		.rule = &rule_,
	};
}

/* The message stands behind the frame; returns the length of all. */
static size_t frame(enum log_target log, const struct framed *f, const char *message)
{
	struct text t = text_on(buf, sizeof(buf));
	size_t body = framing_begin(&t, log, &origin_, f);

	text_str(&t, message);
	framing_end(&t, log, body);
	assert_false(t.cut);
	return t.len;
}

static size_t frame_event(enum log_target log, const char *message)
{
	const struct event e = unread_close();
	const struct telling told = {.count = 2};

	return frame(log,
		&(struct framed){
			.event = "rst", .about = &e, .told = &told, .severity = SEVERITY_WARNING},
		message);
}

static const struct framed notice = {
	.event = "notice", .code = "lost", .severity = SEVERITY_NOTICE};

static void a_file_and_standard_error_have_no_frame(void **state)
{
	static const enum log_target plain[] = {LOG_STDERR, LOG_FILE, LOG_NONE};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t n = frame_event(plain[i], "rstfix: a\n  b\n");

		assert_int_equal(n, 14);
		assert_memory_equal(buf, "rstfix: a\n  b\n", n);
	}
}

static void syslog_gets_one_line_with_priority_and_tag(void **state)
{
	static const char expected[] = "<12>rstfix[7]: httpd[7]: reset #0 f (m+0x1) #1 g";
	size_t n = frame_event(LOG_SYSLOG, "rstfix: httpd[7]: reset\n    #0 f (m+0x1)\n    #1 g\n");

	(void)state;
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(buf, expected, n);
	n = frame(LOG_SYSLOG, &notice, "{\"v\":1}\n");
	assert_int_equal(n, strlen("<13>rstfix[7]: {\"v\":1}"));
	assert_memory_equal(buf, "<13>rstfix[7]: {\"v\":1}", n);
}

static void the_journal_gets_fields_and_a_message_with_its_length(void **state)
{
	static const char expected[] =
		"PRIORITY=4\nSYSLOG_FACILITY=1\nSYSLOG_IDENTIFIER=rstfix\nSYSLOG_PID=7\n"
		"RSTFIX_EVENT=rst\nRSTFIX_PROGRAM=ht\\x0atpd\nRSTFIX_PATTERN=unread-close\n"
		"RSTFIX_OP=close\nRSTFIX_ACTION=log\nRSTFIX_OUTCOME=reset\n"
		"RSTFIX_HARM=reset-seen\nRSTFIX_FD=9\nRSTFIX_ROLE=server\n"
		"RSTFIX_LOCAL=127.0.0.1:8080\nRSTFIX_STATE=ESTABLISHED\nRSTFIX_UNREAD=178\n"
		"RSTFIX_UNSENT=0\nRSTFIX_SOCK=4711\nRSTFIX_COUNT=2\n"
		"RSTFIX_RULE=/etc/rules:2:1: * -> log\nRSTFIX_SEQ=3\nTID=8\n"
		"MESSAGE\n\5\0\0\0\0\0\0\0a\n  b\n";
	size_t n = frame_event(LOG_JOURNAL, "rstfix: a\n  b\n");

	(void)state;
	assert_int_equal(n, sizeof(expected) - 1);
	assert_memory_equal(buf, expected, n);
}

static void the_journal_gets_the_innermost_frame(void **state)
{
	void *stack[] = {(char *)(uintptr_t)strfmon + 3};
	const struct event e = unread_close();
	struct telling told = {.count = 1};
	size_t n;

	(void)state;
	assert_true(callsite_start());
	told.site = callsite_at(callsite_find(e.pattern, e.op, stack, 1, NULL));
	n = frame(LOG_JOURNAL, &(struct framed){.event = "rst", .about = &e, .told = &told}, "a\n");
	assert_non_null(memmem(buf, n, "\nRSTFIX_STACK_ID=", 17));
	assert_non_null(memmem(buf, n, "\nCODE_FUNC=strfmon\n", 19));
	assert_non_null(memmem(buf, n, "/libc.so.6\n", 11));
}

static void the_journal_gets_the_innermost_line_of_the_language(void **state)
{
	struct callsite site = {.frame_count = 1, .id = 1, .python = {.count = 1}};
	const struct event e = unread_close();
	const struct telling told = {.count = 1, .site = &site};
	static const char expected[] =
		"\nRSTFIX_STACK_ID=0000000000000001\nCODE_FUNC=f\\x0aPRIORITY=0\n"
		"CODE_FILE=/srv/a.py\\x0aTID=1\nCODE_LINE=31\nRSTFIX_OFFSET=0x0\n";
	size_t n;

	(void)state;
	site.language[0] = (struct language_frame){
		module_intern("/srv/a.py\nTID=1", ""), module_keep("f\nPRIORITY=0", 12), 31};
	n = frame(LOG_JOURNAL, &(struct framed){.event = "rst", .about = &e, .told = &told}, "a\n");
	assert_non_null(memmem(buf, n, expected, sizeof(expected) - 1));
}

static void no_name_makes_a_field_of_its_own(void **state)
{
	struct callsite site = {.frame_count = 1, .id = 1};
	const struct event e = unread_close();
	const struct telling told = {.count = 1, .site = &site};
	static const char expected[] =
		"\nCODE_FUNC=f\\x0aPRIORITY=0\nRSTFIX_MODULE=/a\\x0aTID=1\nRSTFIX_BUILD_ID=b\\x0a\n";
	size_t n;

	(void)state;
	site.frames[0] = (struct frame){.module = module_intern("/a\nTID=1", "b\n"),
		.symbol = module_keep("f\nPRIORITY=0+0x1", 16)};
	n = frame(LOG_JOURNAL, &(struct framed){.event = "rst", .about = &e, .told = &told}, "a\n");
	assert_non_null(memmem(buf, n, expected, sizeof(expected) - 1));
}

static void the_journal_gets_what_only_some_events_have(void **state)
{
	struct event e = unread_close();
	const struct telling told = {.count = 1};
	static const char mended[] =
		"RSTFIX_OUTCOME=failed\nRSTFIX_WHY=for\\x0aa reason\nRSTFIX_INTENT=config\n"
		"RSTFIX_HARM=reset-seen\n";
	static const char listener[] =
		"RSTFIX_UNSENT=0\nRSTFIX_WAITING=5\nRSTFIX_NETNS=9\nRSTFIX_SOCK=4711\n"
		"RSTFIX_AGE_MS=12\nRSTFIX_TAKEN=6\nRSTFIX_DRAINED=7\nRSTFIX_DURATION_MS=8\n";
	static const char direction[] = "\nRSTFIX_DIRECTION=read\nRSTFIX_FD=9\n";
	const struct framed f = {.event = "rst", .about = &e, .told = &told};
	size_t n;

	(void)state;
	e.pattern = PATTERN_LINGER_ZERO;
	e.outcome = OUTCOME_FAILED;
	e.why = "for\na reason";
	e.intent = INTENT_CONFIG;
	n = frame(LOG_JOURNAL, &f, "a\n");
	assert_non_null(memmem(buf, n, mended, sizeof(mended) - 1));
	e = unread_close();
	e.pattern = PATTERN_LISTENER_CLOSE;
	e.facts.waiting = 5;
	e.netns = 9;
	e.age_ms = 12;
	e.mended = true;
	e.taken = 6;
	e.drained = 7;
	e.duration_ms = 8;
	n = frame(LOG_JOURNAL, &f, "a\n");
	assert_non_null(memmem(buf, n, listener, sizeof(listener) - 1));
	e = unread_close();
	e.pattern = PATTERN_PEER_RESET;
	e.direction = "read";
	n = frame(LOG_JOURNAL, &f, "a\n");
	assert_non_null(memmem(buf, n, direction, sizeof(direction) - 1));
}

static void a_long_message_has_its_length_in_more_than_one_byte(void **state)
{
	char message[1003];
	size_t n;

	(void)state;
	memset(message, 'x', 1001);
	strcpy(message + 1001, "\n");
	n = frame(LOG_JOURNAL, &notice, message);
	assert_memory_equal(buf + n - 1002 - 8, "\xe9\3\0\0\0\0\0\0", 8);
	assert_non_null(memmem(buf, n, "\nRSTFIX_CODE=lost\n", 18));
	assert_null(memmem(buf, n, "RSTFIX_PATTERN", 14));
}

static void what_still_resets_is_a_warning_and_what_was_mended_is_not(void **state)
{
	(void)state;
	assert_int_equal(framing_severity(OUTCOME_RESET), SEVERITY_WARNING);
	assert_int_equal(framing_severity(OUTCOME_FAILED), SEVERITY_WARNING);
	assert_int_equal(framing_severity(OUTCOME_SEEN), SEVERITY_NOTICE);
	assert_int_equal(framing_severity(OUTCOME_AVERTED), SEVERITY_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_and_standard_error_have_no_frame),
		cmocka_unit_test(syslog_gets_one_line_with_priority_and_tag),
		cmocka_unit_test(the_journal_gets_fields_and_a_message_with_its_length),
		cmocka_unit_test(the_journal_gets_the_innermost_frame),
		cmocka_unit_test(the_journal_gets_the_innermost_line_of_the_language),
		cmocka_unit_test(no_name_makes_a_field_of_its_own),
		cmocka_unit_test(the_journal_gets_what_only_some_events_have),
		cmocka_unit_test(a_long_message_has_its_length_in_more_than_one_byte),
		cmocka_unit_test(what_still_resets_is_a_warning_and_what_was_mended_is_not),
	};

	return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
