# SPDX-License-Identifier: MIT
# rstfix: `make help` lists the targets.

O ?= build
Q := $(if $(V),,@)
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib/rstfix
VERSION := 0.1.0

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
CPPFLAGS += -D_GNU_SOURCE
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
CFLAGS_ALL := -std=gnu11 $(OPT) $(WARN) -fvisibility=hidden -ffunction-sections $(CFLAGS)
HARDEN := -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs,--as-needed

ifneq ($(SAN),)
CFLAGS_ALL += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
SANLINK := -fsanitize=$(SAN)
endif

SHIM_INNER := $(wildcard shim/base/*.c shim/detect/*.c shim/policy/*.c shim/fix/*.c shim/log/*.c)
SHIM_DOORS := $(wildcard shim/intercept/*.c)
TOOLS := $(wildcard tools/*.c)
UNIT := $(wildcard tests/unit/test_*.c)
SCENARIOS := $(wildcard tests/scenarios/test_*.c)
BENCH := $(wildcard tests/bench/*.c)
PROGRAMS := $(wildcard tests/programs/*.c)
PROGRAM_LIBS := $(wildcard tests/programs/lib*.cc)

objects = $(patsubst %.c,$(O)/%.o,$(1))
binaries = $(patsubst %.c,$(O)/%,$(1))

LIBRARY := $(O)/librstfix.so
COMMAND := $(O)/rstfix
ARCHIVE := $(O)/librstfix.a
TOOL_OBJECTS := $(filter-out $(O)/tools/main.o,$(call objects,$(TOOLS)))
JSON_LIBS := -ljson-c

.PHONY: all help setup demo check check-unit check-scenarios check-programs check-programs-quick \
	check-lab check-clang check-san check-privilege bench format format-check lint install clean
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

$(O)/export.map: shim/export.map.in shim/hooks.def
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x c shim/export.map.in -o $@

$(ARCHIVE): $(call objects,$(SHIM_INNER))
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

$(LIBRARY): $(call objects,$(SHIM_DOORS)) $(ARCHIVE) $(O)/export.map
	$(Q)$(CC) -shared $(LDFLAGS) $(HARDEN) $(SANLINK) -Wl,--version-script=$(O)/export.map \
		-Wl,-soname,librstfix.so -o $@ $(call objects,$(SHIM_DOORS)) $(ARCHIVE) -ldl

$(COMMAND): $(O)/tools/main.o $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ $(JSON_LIBS) -ldl

# --- tests -----------------------------------------------------------------------------------

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) $(SANLINK) -o $@ $^ -lcmocka $(JSON_LIBS) -ldl

$(O)/tests/scenarios/test_%: $(O)/tests/scenarios/test_%.o $(TOOL_OBJECTS) $(ARCHIVE)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(JSON_LIBS) -ldl

$(O)/tests/programs/lib%.so: tests/programs/lib%.cc
	@mkdir -p $(@D)
	$(Q)$(CXX) $(OPT) -Wall -Wextra -shared -fPIC -o $@ $<

$(O)/tests/programs/%: tests/programs/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fvisibility=hidden,$(CFLAGS_ALL)) -o $@ $< -lpthread -ldl

$(O)/tests/bench/%: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(filter-out -fvisibility=hidden,$(CFLAGS_ALL)) -o $@ $< -lpthread -ldl

PROGRAM_HELPERS := $(call binaries,$(PROGRAMS)) $(patsubst %.cc,$(O)/%.so,$(PROGRAM_LIBS))

demo: all ## a real program resets its peer: bare, audited, mended
	@python3 tests/programs/demo.py --library $(LIBRARY)

-include $(patsubst %.o,%.d,$(call objects,$(SHIM_INNER) $(SHIM_DOORS) $(TOOLS) $(UNIT) $(SCENARIOS)))
