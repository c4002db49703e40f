# ferry: one Makefile, no recursion.  `make help` lists the targets.

VERSION := 0.1.0

PREFIX  ?= /usr/local
DESTDIR ?=
SAN     ?=
CFLAGS  ?= $(if $(SAN),-O1 -g1,-O2 -g)
V       ?= 0
T       ?= fuzz_ini
TIME    ?= 60
REMOTE  ?=
E2E     ?= $(basename $(notdir $(wildcard tests/e2e/*.sh)))
TESTS   ?= unit fuzz style suite e2e

FOLDERS := lib net crypt backends backends/local backends/mem \
	   backends/fault backends/webdav backends/jotta sync repo vfs mount cmd
PKGS    := sqlite3 libpcre2-8 libcrypto libcurl expat libsodium libzstd fuse3

# `make fuzz` is a build of its own: clang, its fuzzer and two sanitizers.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
CC  := clang
SAN := fuzzer-no-link,address,undefined
endif

# A build with other flags goes to another folder and never meets this one.
comma := ,
hash  := \#
CLANG := $(findstring clang,$(notdir $(firstword $(CC))))
B     := build/$(if $(CLANG),clang-)$(if $(SAN),$(subst $(comma),-,$(SAN)),plain)

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wconversion -Wformat=2 -Wundef -Wvla \
	-Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Werror

HARDEN_x86_64  := -fcf-protection
HARDEN_aarch64 := -mbranch-protection=standard
ifeq ($(SAN),)
HARDEN    := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	     -fstack-clash-protection -fPIE $(HARDEN_$(shell uname -m))
HARDEN_LD := -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed
else
# gcc takes what it instruments for uninitialized now and then.
HARDEN    := -fsanitize=$(SAN) -fno-sanitize-recover=all \
	     -fno-omit-frame-pointer $(if $(CLANG),,-Wno-maybe-uninitialized)
HARDEN_LD :=
endif

FLAGS := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -pthread \
	 $(PKG_CFLAGS) $(WARN) $(HARDEN)
DEFS  := -DFERRY_VERSION='"$(VERSION)"'
LINK   = $(CC) $(CFLAGS) $(FLAGS) $(HARDEN_LD) $(LDFLAGS) -o $@ \
	 $(filter %.o %.a,$^) $(PKG_LIBS)

SRC     := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
OBJ     := $(SRC:%.c=$(B)/%.o)
CORE    := $(filter-out $(B)/cmd/main.o,$(OBJ))
UNIT    := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst %.c,$(B)/%,$(wildcard tests/fuzz/fuzz_*.c))
SUITE   := $(patsubst %.c,$(B)/%.o,$(wildcard tests/suite/*.c))
TEST_C  := $(wildcard tests/unit/*.c tests/fuzz/*.c tests/suite/*.c \
	   tests/lib/*.c)

# The sanitizers of this compiler need a memory layout without surprises.
RUN := $(if $(SAN),setarch -R) env FERRY=$(abspath $(B))/ferry \
       FERRY_BUILD=$(abspath $(B)) FERRY_SAN=$(subst $(comma),-,$(SAN))

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' $(1) $@)

all: $(B)/ferry compile_commands.json

$(B)/ferry: $(B)/cmd/main.o $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)

# Made anew each time, so that no object of a deleted file stays in it.
$(B)/core.a: $(CORE)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# -MMD -MP: the next run knows which headers each object came from.
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CFLAGS) $(FLAGS) $(DEFS) -MMD -MP -c -o $@ $<

$(UNIT): %: %.o $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)

$(B)/tests/suite/suite: $(SUITE) $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)

# In a fuzzing build the fuzzer itself is main(), elsewhere a replay is.
ifneq ($(filter fuzz,$(MAKECMDGOALS)),)
$(FUZZERS): HARDEN_LD := -fsanitize=fuzzer
$(FUZZERS): %: %.o $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)
else
$(FUZZERS): %: %.o $(B)/tests/lib/replay.o $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)
endif

# Programs of the benchmark, which share nothing with ferry.
BENCH := $(addprefix $(B)/tests/lib/,bare_puts mktree measure floor \
	   delay_proxy fuse_floor mount_load)
# This one makes what only ferry's own functions can.
$(B)/tests/lib/mkindex: %: %.o $(B)/core.a
	$(call say,LINK)
	$(Q)$(LINK)

# Programs of the whole-program tests, which share nothing with it, either.
JUDGES := $(addprefix $(B)/tests/lib/,fsmodel fsacked posix_names \
	  posix_files)
E2E_NEEDS := $(B)/ferry $(B)/tests/lib/delay_proxy $(JUDGES)
$(BENCH) $(JUDGES): %: %.o
	$(call say,LINK)
	$(Q)$(LINK)

-include $(OBJ:.o=.d) $(TEST_C:%.c=$(B)/%.d)

corpus_of = tests/fuzz/corpus/$(patsubst fuzz_%,%,$(notdir $(1)))

check: $(UNIT) $(FUZZERS)
	@$(RUN) tests/lib/run $(UNIT) \
	  $(foreach f,$(FUZZERS),"$(f) $(call corpus_of,$(f))") \
	  scripts/check-layers scripts/check-style

unit: $(UNIT)
	@$(RUN) tests/lib/run $(UNIT)

suite: $(B)/tests/suite/suite
	@$(RUN) tests/lib/suite $(REMOTE)

e2e: $(E2E_NEEDS)
	@$(RUN) tests/lib/run $(E2E:%=tests/e2e/%.sh)

# For scripts/test, which runs those of several builds in one go: what TESTS
# names, built; and how each of these is run, a line with its name behind a #.
has = $(if $(filter $(1),$(TESTS)),$(2))
show = $(info $(RUN) $(1) $(hash) $(B): $(patsubst $(B)/%,%,$(1)))
tests: $(call has,unit,$(UNIT)) $(call has,fuzz,$(FUZZERS)) \
       $(call has,suite,$(B)/tests/suite/suite) $(call has,e2e,$(E2E_NEEDS))

list-tests:
	$(foreach t,$(call has,e2e,$(E2E:%=tests/e2e/%.sh)) \
	  $(call has,suite,tests/lib/suite) \
	  $(call has,style,scripts/check-style scripts/check-layers) \
	  $(call has,unit,$(UNIT)),$(call show,$(t)))
	$(foreach f,$(call has,fuzz,$(FUZZERS)),$(call show,$(f) \
	  $(call corpus_of,$(f))))
	@:

soak: $(E2E_NEEDS)
	@$(RUN) env KILL_ROUNDS=200 FIDELITY_ROUNDS=100 MOUNT_SOAK=600 \
	  MOUNT_KILL_ROUNDS=20 MODEL_ROUNDS=10 FERRY_TIMEOUT=7200 \
	  tests/lib/run tests/e2e/mount_soak.sh tests/e2e/mount_kill.sh \
	  tests/e2e/mount_model.sh tests/e2e/kill.sh tests/e2e/repo_kill.sh \
	  tests/e2e/fidelity.sh

fuzz: $(B)/tests/fuzz/$(T)
	@mkdir -p $(B)/corpus/$(T) tests/fuzz/corpus/$(T:fuzz_%=%)
	$< -max_total_time=$(TIME) $(B)/corpus/$(T) \
	  tests/fuzz/corpus/$(T:fuzz_%=%)

bench-tools: $(BENCH) $(B)/tests/lib/mkindex

# One mark a file, so that an analysis goes on where the last one stopped.
analyze: $(SRC:%.c=$(B)/tidy/%.ok)
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --inline-suppr \
	  --enable=warning,performance,portability -D_GNU_SOURCE -I. \
	  --suppress=missingIncludeSystem --suppress=unknownEvaluationOrder \
	  --suppress=autoVariables --suppress=leakReturnValNotUsed \
	  --suppress=arrayIndexOutOfBoundsCond --suppress=invalidFunctionArg \
	  --library=posix,gnu $(SRC)

$(B)/tidy/%.ok: %.c .clang-tidy Makefile
	@mkdir -p $(@D)
	@printf '  %-7s %s\n' TIDY $<
	$(Q)clang-tidy --quiet $< -- $(FLAGS) $(DEFS) -Wno-everything
	@touch $@

quote  := "
listed := $(SRC) $(TEST_C)
as_json = "directory":"$(CURDIR)","file":"$(1)","command":"cc $(subst \
	  $(quote),\$(quote),$(FLAGS) $(DEFS)) -c $(1)"
comma_unless_last = $(if $(filter-out $(lastword $(listed)),$(1)),$(comma))
compile_commands.json: Makefile $(listed)
	$(file >$@,[)
	$(foreach f,$(listed),$(file \
	  >>$@,{$(call as_json,$(f))}$(call comma_unless_last,$(f))))
	$(file >>$@,])
	@:

SHARE = $(DESTDIR)$(PREFIX)/share
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/user
COMPLETIONS := bash-completion/completions/ferry zsh/site-functions/_ferry \
	       fish/vendor_completions.d/ferry.fish

install: $(B)/ferry
	install -d $(DESTDIR)$(PREFIX)/bin $(SHARE)/man/man1 \
	  $(dir $(COMPLETIONS:%=$(SHARE)/%))
	install -s -m 755 $(B)/ferry $(DESTDIR)$(PREFIX)/bin/ferry
	install -d $(DESTDIR)$(PREFIX)/sbin $(UNITS)
	ln -sf ../bin/ferry $(DESTDIR)$(PREFIX)/sbin/mount.ferry
	install -m 644 docs/systemd/ferry-mount@.service $(UNITS)
	rm -rf $(B)/man && mkdir -p $(B)/man && $(B)/ferry man $(B)/man
	install -m 644 $(B)/man/*.1 $(SHARE)/man/man1
	for c in $(COMPLETIONS); do \
	  $(B)/ferry completion $${c%%[-/]*} >$(B)/completion && \
	  install -m 644 $(B)/completion $(SHARE)/$$c || exit 1; \
	done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/ferry $(SHARE)/man/man1/ferry.1 \
	  $(DESTDIR)$(PREFIX)/sbin/mount.ferry \
	  $(UNITS)/ferry-mount@.service \
	  $(SHARE)/man/man1/ferry-*.1 $(COMPLETIONS:%=$(SHARE)/%)

clean:
	rm -rf build compile_commands.json

help:
	@echo 'make                 build $(B)/ferry'
	@echo 'make check           unit tests, fuzz corpora, layers, style'
	@echo 'make suite [REMOTE=] the driver suite; by default on all drivers'
	@echo 'make e2e [E2E="..."] whole-program tests: $(E2E)'
	@echo 'make soak            hours of kills, changes and mounts'
	@echo 'make fuzz [T=fuzz_ini] [TIME=60]'
	@echo 'make analyze         clang-tidy and cppcheck'
	@echo 'make bench-tools     what scripts/bench needs'
	@echo 'make install         to PREFIX=$(PREFIX), below DESTDIR='
	@echo 'make uninstall       and take it away again'
	@echo 'make clean'
	@echo
	@echo 'CC=clang, SAN=address,undefined and SAN=thread build in folders'
	@echo 'of their own and go with all of these; V=1 shows the commands.'

.PHONY: all analyze bench-tools check clean e2e fuzz help install list-tests \
	soak suite tests uninstall unit
.SECONDARY:
.DELETE_ON_ERROR:
