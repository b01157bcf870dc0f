# SPDX-License-Identifier: MIT
# rstfix: `make help` lists the targets.

O ?= build
Q := $(if $(V),,@)
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib/rstfix
VERSION := 0.1.0
STARTED := $(shell date +%s.%N)

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
CFLAGS_ALL := -std=gnu11 $(OPT) $(WARN) -fvisibility=hidden -ffunction-sections $(CFLAGS)
HARDEN := -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs,--as-needed

# GCC's ThreadSanitizer warns of fences, which it does not follow.
ifneq ($(SAN),)
SANFLAGS := $(if $(filter thread,$(SAN)),-Wno-tsan) -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_ALL += $(SANFLAGS)
SANLINK := -fsanitize=$(SAN)
endif

SHIM_INNER := $(wildcard shim/base/*.c shim/detect/*.c shim/policy/*.c shim/fix/*.c shim/log/*.c)
SHIM_DOORS := $(wildcard shim/intercept/*.c)
TOOLS := $(wildcard tools/*.c)
COMMANDS := tools/main.c tools/command.c $(wildcard tools/cmd_*.c)
REPORT := $(wildcard tools/report/*.c tools/report/*.cc)
UNIT := $(wildcard tests/unit/test_*.c)
SCENARIOS := $(wildcard tests/scenarios/test_*.c)
SCENARIO_PARTS := $(addprefix $(O)/tests/scenarios/,runs.o table.o)
DIFFERENTIAL_SHARED := $(addprefix $(O)/tests/differential/,choices.o program.o lockstep.o)
DIFFERENTIAL_RUNNER := $(patsubst %.c,$(O)/%.o,$(wildcard tests/differential/acting_*.c)) \
	$(O)/tests/differential/runner.o
BENCH := $(wildcard tests/bench/*.c)
PROGRAMS := $(wildcard tests/programs/*.c)
PROGRAM_LIBS := $(wildcard tests/programs/lib*.cc)

objects = $(patsubst %.c,$(O)/%.o,$(patsubst %.cc,$(O)/%.o,$(1)))
binaries = $(patsubst %.c,$(O)/%,$(1))

LIBRARY := $(O)/librstfix.so
COMMAND := $(O)/rstfix
ARCHIVE := $(O)/librstfix.a
TOOL_OBJECTS := $(call objects,$(filter-out $(COMMANDS),$(TOOLS)))
TOOL_LIBS := -ljson-c -lncursesw -ltinfo
REPORT_ARCHIVE := $(O)/report.a
REPORT_LIBS := -lsimdjson -ldw -lelf -lz -lzstd -lstdc++ -lpthread

.PHONY: all help setup demo check check-programs faults sanitize san-build san-tests tsan-build analyse tidy \
	bench differential fuzz format format-check \
	check-hosts install install-library clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LIBRARY) $(COMMAND) ## build the library and the command

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 24

setup: ## install what building and testing need (Debian)
	tests/setup.sh

$(O)/shim/%.o: shim/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS_ALL) -fPIC -MMD -MP -c $< -o $@

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Ishim -Itools -DRSTFIX_VERSION='"$(VERSION)"' -DRSTFIX_LIBDIR='"$(LIBDIR)"' \
		$(CFLAGS_ALL) -MMD -MP -c $< -o $@

# The reader of log lines in C++, for simdjson's sake; the rest does not know.
$(O)/tools/report/%.o: tools/report/%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CPPFLAGS) -Ishim -Itools -std=gnu++17 $(OPT) -Wall -Wextra -Wshadow -fno-exceptions \
		-fno-rtti -fvisibility=hidden $(SANFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

# The page that `rstfix report --format html` fills in is part of the command.
$(O)/tools/report/html.o: $(wildcard tools/report/*.html tools/report/*.css tools/report/*.js)

$(O)/export.map: shim/export.map.in shim/hooks.def
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x c shim/export.map.in -o $@

$(ARCHIVE): $(call objects,$(SHIM_INNER))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(LIBRARY): $(call objects,$(SHIM_DOORS)) $(ARCHIVE) $(O)/export.map
	$(Q)$(CC) -shared $(LDFLAGS) $(HARDEN) $(SANLINK) -Wl,--version-script=$(O)/export.map \
		-Wl,-soname,librstfix.so -o $@ $(call objects,$(SHIM_DOORS)) $(ARCHIVE) -ldl

# The library for tests/faults, in which its own system calls can be made to fail. What a door does in
# the program's place goes on as it is: base/libc.c.
FAULTS := $(O)/faults/librstfix.so
FAULT_OBJECTS := $(patsubst %.c,$(O)/faults/%.o,$(SHIM_INNER) $(SHIM_DOORS) tests/faults/inject.c)
INJECTED := -include tests/faults/injected.h
$(O)/faults/shim/base/libc.o $(O)/faults/tests/faults/inject.o: INJECTED :=

$(O)/faults/%.o: %.c tests/faults/injected.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Ishim $(CFLAGS_ALL) -fno-optimize-sibling-calls $(INJECTED) -fPIC -MMD -MP -c $< -o $@

$(FAULTS): $(FAULT_OBJECTS) $(O)/export.map
	$(Q)$(CC) -shared $(LDFLAGS) $(HARDEN) -Wl,--wrap=mmap,--wrap=madvise,--wrap=dlopen \
		-Wl,--version-script=$(O)/export.map -Wl,-soname,librstfix.so -o $@ $(FAULT_OBJECTS) -ldl

$(REPORT_ARCHIVE): $(call objects,$(REPORT))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(COMMAND): $(call objects,$(COMMANDS)) $(TOOL_OBJECTS) $(REPORT_ARCHIVE) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ $(TOOL_LIBS) $(REPORT_LIBS) -ldl

# --- tests -----------------------------------------------------------------------------------

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ -lcmocka $(TOOL_LIBS) -ldl

$(O)/tests/unit/test_report: $(O)/tests/unit/test_report.o $(REPORT_ARCHIVE) $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ -lcmocka $(TOOL_LIBS) $(REPORT_LIBS) -ldl

$(O)/tests/unit/test_handover: $(O)/tests/unit/test_handover.o $(O)/tools/netns.o $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ -lcmocka -ldl

$(O)/tests/scenarios/test_%: $(O)/tests/scenarios/test_%.o $(SCENARIO_PARTS) $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ -lcmocka $(TOOL_LIBS) -ldl

# The watched program; and who runs it, and compares.
$(O)/tests/differential/runner: $(DIFFERENTIAL_RUNNER) $(DIFFERENTIAL_SHARED)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

$(O)/tests/differential/differential: $(addprefix $(O)/tests/differential/,differential.o seeds.o generate.o \
		peer.o trial.o compare.o shrink.o) $(DIFFERENTIAL_SHARED) $(O)/tools/netns.o
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(O)/tests/programs/lib%.so: tests/programs/lib%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(OPT) -Wall -Wextra -shared -fPIC -o $@ $<

$(O)/tests/programs/%: tests/programs/%.c $(wildcard tests/programs/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fvisibility=hidden,$(CFLAGS_ALL)) -o $@ $< -lpthread -ldl

$(O)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fvisibility=hidden,$(CFLAGS_ALL)) -o $@ $< -lpthread -ldl

$(O)/tests/bench/rules: tests/bench/rules.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Ishim $(CFLAGS_ALL) -Wno-format-nonliteral -o $@ $^

UNIT_TESTS := $(call binaries,$(UNIT))
SCENARIO_TESTS := $(call binaries,$(SCENARIOS))
VICTIMS := $(addprefix $(O)/tests/scenarios/,victim victim-asan victim-tsan)
PROGRAM_HELPERS := $(call binaries,$(PROGRAMS)) $(patsubst %.cc,$(O)/%.so,$(PROGRAM_LIBS))
BENCH_HELPERS := $(call binaries,$(BENCH))

VICTIM_PARTS := $(wildcard tools/victims*.c) $(addprefix tools/,act.c calls.c doors.c stage.c transport.c)

$(O)/tests/scenarios/victim: $(O)/tests/scenarios/victim.o $(call objects,$(VICTIM_PARTS))
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -rdynamic -o $@ $^ -lpthread

# Programs under a sanitizer themselves, whose runtime interposes on the same functions.
$(O)/tests/scenarios/victim-asan: SANITIZED := address $(if $(SAN),-fsanitize=$(SAN))
$(O)/tests/scenarios/victim-tsan: SANITIZED := thread
$(O)/tests/scenarios/victim-asan $(O)/tests/scenarios/victim-tsan: tests/scenarios/victim.c $(TOOLS) $(ARCHIVE)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Ishim -Itools -DRSTFIX_VERSION='"$(VERSION)"' \
		-DRSTFIX_LIBDIR='"$(LIBDIR)"' -std=gnu11 -O1 -g -fsanitize=$(SANITIZED) -rdynamic -o $@ \
		tests/scenarios/victim.c $(filter-out $(COMMANDS),$(TOOLS)) $(ARCHIVE) $(TOOL_LIBS) -ldl -lpthread

demo: all ## a real program resets its peer: bare, audited, mended
	@python3 tests/programs/demo.py --library $(LIBRARY)

C_SOURCES := $(wildcard shim/*/*.[ch] tools/*.[ch] tools/*/*.[ch] tools/*/*.cc tests/*/*.[ch])
SHELL_SOURCES := $(wildcard tests/*.sh tests/hosts/*.sh tests/programs/*.sh tests/programs/scripts/*.bash) .ci/run
PYTHON_SOURCES := tests/run-tap $(wildcard tests/*/*.py tests/*/*/*.py)
SPELLED := README.md Makefile $(wildcard shim/*/* tools/*.[ch] tools/*/* man/* tests/*.sh tests/*/*.[ch]) \
	$(PYTHON_SOURCES)
MAN_PAGES := $(patsubst %,$(O)/%,$(wildcard man/*.[157]))

DIFFERENTIAL := $(O)/tests/differential/differential
DIFFERENTIAL_HELPERS := $(DIFFERENTIAL) $(O)/tests/differential/runner
DIFFERENTIAL_RUN = $(DIFFERENTIAL) --runner $(O)/tests/differential/runner --library $(LIBRARY)

TESTING := $(FAULTS) $(UNIT_TESTS) $(SCENARIO_TESTS) $(VICTIMS) $(PROGRAM_HELPERS) \
	$(DIFFERENTIAL_HELPERS) $(MAN_PAGES)
TAP := CMOCKA_MESSAGE_OUTPUT=TAP
SCENARIO := tests/scenarios/test_scenarios
PROGRAM_CHECK := python3 tests/programs/check.py --library $(LIBRARY) --rstfix $(COMMAND)

FAULT_CHECK := python3 tests/faults/faults.py --library $(FAULTS) --program $(O)/tests/programs/faulted

# The sanitizers' runtime cannot come first where a library is preloaded; what the short-lived
# command does not free at its end is of no interest.
SAN_ENV := ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0
units = $(foreach t,$(UNIT),"$(2)$(patsubst test_%.c,unit-%,$(notdir $(t)))=$(SAN_ENV) $(TAP) $(1)/$(t:.c=)")
lab = "$(2)lab=$(SAN_ENV) tests/lab.sh $(1)/rstfix lab"

SUITES := "run-tap=python3 tests/tap/run_tap.py" \
	$(call units,$(O)) $(call lab,$(O)) "exports=tests/exports.sh $(LIBRARY) shim/hooks.def" \
	"scenarios=$(TAP) $(O)/$(SCENARIO)" \
	"programs=$(PROGRAM_CHECK) --quick" \
	"differential-kept=$(DIFFERENTIAL_RUN) --replay tests/differential/kept/*.prog" \
	"differential=$(DIFFERENTIAL_RUN) --seed 1 --count 2000 --jobs 2" \
	"faults=$(FAULT_CHECK) --quick" \
	"stack=python3 tests/faults/stack.py --library $(LIBRARY) --program $(O)/tests/programs/stacks" \
	"userns-lab=tests/lab.sh tests/as-user.sh userns $(O) rstfix lab" \
	"userns-scenarios=$(TAP) tests/as-user.sh userns $(O) $(SCENARIO)" \
	"nobody-lab=tests/lab.sh tests/as-user.sh nobody $(O) rstfix lab unread-close linger-zero shutdown-read" \
	"nobody-scenarios=$(TAP) tests/as-user.sh nobody $(O) $(SCENARIO)" \
	"policy-grammar=python3 tests/policy/grammar.py --rstfix $(COMMAND)" \
	"report=python3 tests/report/report.py --rstfix $(COMMAND)" \
	"san-report=$(SAN_ENV) python3 tests/report/report.py --rstfix $(O)/san/rstfix figures same_log lingers broken baseline neither language run_time forged" \
	"fuzz=tests/build.sh the_fuzzer_finds_nothing_in_a_few_seconds clang $(MAKE) -s fuzz FUZZ_SECONDS=5" \
	"clang=tests/build.sh clang_builds_it_without_a_warning clang $(MAKE) -s CC=clang O=$(O)/clang all" \
	$(call units,$(O)/san,san-) $(call lab,$(O)/san,san-) \
	"san-scenarios=$(SAN_ENV) $(TAP) $(O)/san/$(SCENARIO) 'unread_close by * in *, fix*' 1" \
	"tsan-unit-handover=$(TAP) $(O)/tsan/tests/unit/test_handover" \
	"analyse=tests/build.sh gcc_analyses_it_without_a_finding gcc $(MAKE) -s -j2 analyse" \
	"tidy=tests/build.sh clang_tidy_finds_nothing clang-tidy $(MAKE) -s tidy" \
	"format=tests/build.sh the_sources_are_formatted clang-format $(MAKE) -s format-check" \
	"shellcheck=tests/build.sh the_shell_is_clean shellcheck shellcheck $(SHELL_SOURCES)" \
	"pyflakes=tests/build.sh the_python_is_clean pyflakes3 pyflakes3 $(PYTHON_SOURCES)" \
	"codespell=tests/build.sh the_spelling_is_right codespell codespell -L nd,useable $(SPELLED)" \
	"mandoc=tests/build.sh the_man_pages_are_right mandoc mandoc -T lint -W warning $(MAN_PAGES)"

ifeq ($(SAN),)
check: all $(TESTING) san-build tsan-build ## every test that gates a change (with SAN=: units, lab and scenarios)
	@tests/run-tap --since $(STARTED) $(SUITES)
else
check: all san-tests
	@tests/run-tap --since $(STARTED) $(call units,$(O)) $(call lab,$(O)) \
		"scenarios=$(SAN_ENV) $(TAP) $(O)/$(SCENARIO)"
endif

# What compilers do not warn of by themselves.
ANALYSED := $(SHIM_INNER) $(SHIM_DOORS) $(TOOLS) $(filter %.c,$(REPORT))
ANALYSIS = $(CPPFLAGS) -Ishim -Itools -std=gnu11 -DRSTFIX_VERSION='"$(VERSION)"' -DRSTFIX_LIBDIR='"$(LIBDIR)"'

$(O)/analysed/%.o: %.c
	@mkdir -p $(@D)
	$(Q)gcc -fanalyzer -O1 $(ANALYSIS) -Werror -c -o $@ $<

analyse: $(patsubst %.c,$(O)/analysed/%.o,$(ANALYSED)) ## gcc -fanalyzer over the shim and the command

tidy: ## clang-tidy, with the short list of .clang-tidy
	$(Q)clang-tidy --quiet $(ANALYSED) -- $(ANALYSIS) 2>/dev/null

san-build:
	@$(MAKE) -s SAN=address,undefined O=$(O)/san all san-tests

san-tests: $(UNIT_TESTS) $(SCENARIO_TESTS) $(addprefix $(O)/tests/scenarios/,victim victim-asan)

# The library's inner parts, driven from many threads.
tsan-build:
	@$(MAKE) -s SAN=thread O=$(O)/tsan $(O)/tsan/tests/unit/test_handover

# Valgrind has no thread for the reaper, which is all that the test of the hand-over is about.
MEMCHECK := $(TAP) valgrind --quiet --error-exitcode=99
IN_VALGRIND := $(filter-out tests/unit/test_handover.c,$(UNIT))

sanitize: all $(TESTING) san-build tsan-build ## units and scenarios under ASan and UBSan, TSan and valgrind, at length
	@tests/run-tap --timeout 1800 \
		$(foreach t,$(IN_VALGRIND),"valgrind-$(patsubst test_%.c,unit-%,$(notdir $(t)))=$(MEMCHECK) $(O)/$(t:.c=)") \
		"valgrind-audit=$(TAP) $(O)/$(SCENARIO) '*by close in main, audit' valgrind" \
		"valgrind-fix=$(TAP) $(O)/$(SCENARIO) '*by close in main, fix' valgrind" \
		"valgrind-doors=$(TAP) $(O)/$(SCENARIO) 'unread_close by * in *, fix' valgrind" \
		"san-scenarios=$(SAN_ENV) $(TAP) $(O)/san/$(SCENARIO)" \
		"tsan-unit-handover=$(TAP) $(O)/tsan/tests/unit/test_handover"

# Their tests are in no package of Debian's.
TESTED_SOURCES := perl ruby3.1 libio-socket-ssl-perl libhttp-daemon-perl

check-programs: all $(PROGRAM_HELPERS) ## real programs, all of them: bare, audit, fix
	@tests/setup.sh suites
	@tests/programs/sources.sh $(O)/sources $(TESTED_SOURCES)
	@rm -f $(O)/suite-*.txt
	@tests/run-tap --timeout 7200 "programs=$(PROGRAM_CHECK)"; status=$$?; \
		cat $(O)/suite-*.txt; exit $$status

faults: $(FAULTS) $(O)/tests/programs/faulted ## every system call of the shim's fails, at every place
	@tests/run-tap --timeout 3600 "faults=$(FAULT_CHECK)"

# What it finds: `$(DIFFERENTIAL) --shrink SEED` makes it small, for tests/differential/kept.
PROGRAMS_COUNT ?= 200000
SEED ?= $(shell date +%s)
JOBS ?= 4

differential: all $(DIFFERENTIAL_HELPERS) ## random programs bare, under audit and fix: PROGRAMS_COUNT=200000 SEED=now JOBS=4
	$(DIFFERENTIAL_RUN) --seed $(SEED) --count $(PROGRAMS_COUNT) --jobs $(JOBS)

check-hosts: $(LIBRARY) $(O)/tests/programs/resets ## the library for i386, musl and aarch64: built, and run where that can be
	@tests/run-tap --timeout 1200 "hosts=tests/hosts/check.sh $(O) i386 musl aarch64"

bench: all $(BENCH_HELPERS) $(PROGRAM_HELPERS) ## the shim beside the bare program
	@python3 tests/bench/bench.py --library $(LIBRARY) --builddir $(O)

# The parsers and what they are made of. What is found new stays in the build folder.
FUZZ_SECONDS ?= 60
FUZZ_RULES := tests/fuzz/fuzz_rules.c $(wildcard shim/policy/rules*.c) shim/policy/parse.c \
	shim/base/format.c shim/detect/verdict.c
FUZZ_STATS := tests/fuzz/fuzz_stats.c tools/statsread.c tools/statsfolder.c tools/prometheus.c \
	tools/toprows.c tools/say.c shim/base/format.c
FUZZERS := $(O)/tests/fuzz/fuzz_rules $(O)/tests/fuzz/fuzz_stats
FUZZ_LOG := tests/fuzz/fuzz_log.c tools/say.c tools/statsread.c tools/statsfolder.c tools/report/memory.c $(wildcard tools/report/tally*.c) \
	$(addprefix tools/report/,stacks.c peers.c pending.c timeline.c json.c text.c paper.c when.c \
	report.c baseline.c folded.c junit.c sarif.c read.c input.c stream.c counters.c)
FUZZ_FLAGS := $(CPPFLAGS) -Ishim -Itools -O1 -g -fno-sanitize-recover=all

$(O)/tests/fuzz/fuzz_rules: $(FUZZ_RULES) $(wildcard shim/policy/*.h)
$(O)/tests/fuzz/fuzz_stats: $(FUZZ_STATS) $(wildcard tools/*.h) shim/log/statsfile.h

$(FUZZERS):
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -std=gnu11 $(WARN) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.c,$^)

$(O)/tests/fuzz/line.o: tools/report/line.cc tools/report/line.h
	@mkdir -p $(@D)
	$(Q)clang++ $(FUZZ_FLAGS) -std=gnu++17 -fno-exceptions -fno-rtti \
		-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=function -c -o $@ $<

$(O)/tests/fuzz/fuzz_log: $(FUZZ_LOG) $(O)/tests/fuzz/line.o $(ARCHIVE) $(wildcard tools/report/*.h)
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -DRSTFIX_VERSION='"$(VERSION)"' -std=gnu11 $(WARN) \
		-fsanitize=fuzzer,address,undefined -o $@ $(FUZZ_LOG) $(O)/tests/fuzz/line.o $(ARCHIVE) \
		$(TOOL_LIBS) $(REPORT_LIBS) -ldl

fuzz: $(FUZZERS) $(O)/tests/fuzz/fuzz_log ## libFuzzer on the readers of rules, counter files and logs: FUZZ_SECONDS=60 each
	@mkdir -p $(O)/fuzz $(O)/fuzz-stats $(O)/fuzz-log
	@$(O)/tests/fuzz/fuzz_rules -max_total_time=$(FUZZ_SECONDS) -max_len=600 -dict=tests/fuzz/rules.dict -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(O)/fuzz/ $(O)/fuzz tests/fuzz/rules.corpus
	@$(O)/tests/fuzz/fuzz_stats -max_total_time=$(FUZZ_SECONDS) -max_len=2200 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(O)/fuzz-stats/ $(O)/fuzz-stats tests/fuzz/stats.corpus
	@$(O)/tests/fuzz/fuzz_log -max_total_time=$(FUZZ_SECONDS) -max_len=6000 -dict=tests/fuzz/log.dict -verbosity=0 \
		-print_final_stats=1 -artifact_prefix=$(O)/fuzz-log/ $(O)/fuzz-log tests/fuzz/log.corpus

# --- the rest --------------------------------------------------------------------------------

format: ## clang-format over all C sources
	clang-format -i $(C_SOURCES)

format-check: ## complain about what `make format` would change
	clang-format --dry-run -Werror $(C_SOURCES)

# The table of variables goes into the man page from the code.
$(O)/man/%: man/% $(COMMAND)
	@mkdir -p $(@D)
	$(Q)$(COMMAND) help environment-mdoc >$(O)/environment.mdoc
	$(Q)sed '/BEGIN environment/r $(O)/environment.mdoc' $< >$@

install-library: $(LIBRARY) ## the library alone, of another class: CFLAGS=-m32, O=, LIBDIR=
	install -d $(DESTDIR)$(LIBDIR)
	install -m 644 $(LIBRARY) $(DESTDIR)$(LIBDIR)/

install: all $(MAN_PAGES) ## PREFIX=, DESTDIR=, LIBDIR=
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(LIBDIR) $(addprefix $(DESTDIR)$(PREFIX)/share/man/man,1 5 7)
	install -m 755 $(COMMAND) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(LIBRARY) $(DESTDIR)$(LIBDIR)/
	for page in $(MAN_PAGES); do \
		install -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/ || exit; done

clean: ## remove the build folder
	rm -rf $(O)

-include $(patsubst %.o,%.d,$(call objects,$(SHIM_INNER) $(SHIM_DOORS) $(TOOLS) $(REPORT) $(UNIT) $(SCENARIOS)) $(SCENARIO_PARTS) \
	$(call objects,$(wildcard tests/differential/*.c)) $(FAULT_OBJECTS))
