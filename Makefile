# SPDX-License-Identifier: Apache-2.0
#
#   make            build the four programs into build/$(MODE)/bin (MODE=debug)
#   make run        build for release and show a program in the sandbox
#   make test       every test; ends with how many passed, failed, were skipped
#                   (narrower: SUITES="unit guest", T=part-of-a-name)
#   make soak       builds and test suites in one sandbox for MINUTES=10, and what has grown at the end
#   make test-engines   podman, Docker and containerd with us against them with runc
#   make test-oci   the validation programs of the OCI runtime specification on runc, crun and us
#   make test-kubernetes    the same on a Kubernetes node, which is built the first time
#   make check      all that a change must pass: both compilers, layers, headers, locks, format, test
#   make bench      measures every row, natively, in gVisor and in us, into docs/performance.md
#                   (bench-quick, bench-compare: see there; narrower: ROWS=regex BOXES=native,ptrace)
#   make install    into $(DESTDIR)$(PREFIX)
#   MODE=           debug | release | tsan | cov | fuzz; CC=gcc or CC=clang with any
#
# A new .c or .S file is picked up by itself; there is no list to keep. A main.c is
# a program, and no part of its library, so that tests can link the library.

MODE   ?= debug
PREFIX ?= /usr/local

CC_debug   := gcc
CC_release := gcc
CC_tsan    := clang
CC_cov     := gcc
CC_fuzz    := clang
CF_debug   := -Og -g3 -DDEBUG=1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CF_release := -O2 -g -D_FORTIFY_SOURCE=2 -fPIE
CF_tsan    := -O1 -g -DDEBUG=1 -fsanitize=thread -Itests/tsan-shim
CF_cov     := -O0 -g -DDEBUG=1 --coverage
CF_fuzz    := -O1 -g -DDEBUG=1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LF_release := -pie -Wl,-z,relro,-z,now

# What a recipe does, in a word; V=1 shows the commands themselves.
SAY = @$(if $(V),,echo "  $(1)$(2)";)$(if $(V),set -x;)
CC := $(CC_$(MODE))
O  := build/$(MODE)$(if $(filter-out $(CC_$(MODE)),$(CC)),-$(CC))

# What gcc guesses by following the flow differs with each mode and version: seen, but no error.
GUESSES  := $(if $(findstring gcc,$(CC)),-Wno-error=maybe-uninitialized -Wno-error=array-bounds \
            -Wno-error=stringop-overflow -Wno-error=stringop-overread)
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-function-type \
            -Wpointer-arith -Wvla -Werror $(GUESSES)
CPPFLAGS += -I. -I$(O)/gen -D_GNU_SOURCE -MMD -MP
CFLAGS   += -std=gnu17 $(WARN) -fstack-protector-strong -fstack-clash-protection -fno-strict-aliasing $(CF_$(MODE))
LDFLAGS  += $(LF_$(MODE)) -Wl,--as-needed
LDLIBS   += -lpthread

# The libraries, each above the ones after it, so that one link line does for all.
LIBS := runsc sentry netstack gofer platform-ptrace platform-kvm platform-systrap platform-stub base

# The programs: where main.c is, which libraries, and which of the host's.
PROGRAMS := runsc runsc-sentry runsc-gofer runsc-netgofer
main_runsc          := runsc
main_runsc-sentry   := sentry
main_runsc-gofer    := gofer/file
main_runsc-netgofer := gofer/net
libs_runsc          := runsc sentry base # of the sentry, the options alone
libs_runsc-sentry   := sentry netstack platform-ptrace platform-kvm platform-systrap platform-stub base
libs_runsc-gofer    := gofer base
libs_runsc-netgofer := gofer base
host_runsc          := -ljansson
host_runsc-sentry   := -lZydis
host_runsc-netgofer := -lslirp

find     = $(if $(wildcard $(1)),$(shell find $(1) $(2)))
srcs     = $(filter-out %/main.c,$(call find,$(1),-name '*.c' -o -name '*.S'))
objs     = $(patsubst %,$(O)/obj/%.o,$(call srcs,$(1)))
archives = $(1:%=$(O)/lib%.a)
PRESENT := $(foreach p,$(PROGRAMS),$(if $(wildcard $(main_$(p))/main.c),$(p)))
ALL_A   := $(call archives,$(LIBS))

all: $(PRESENT:%=$(O)/bin/%) $(ALL_A)

define library
$(O)/lib$(1).a: $(call objs,$(1)) ; @mkdir -p $$(@D) && rm -f $$@ && $$(AR) rcs $$@ $$^
endef
$(foreach l,$(LIBS),$(eval $(call library,$(l))))

define program
$(O)/bin/$(1): $(O)/obj/$(main_$(1))/main.c.o $(call archives,$(libs_$(1)))
	@mkdir -p $$(@D)
	$$(call SAY,LINK  ,$$@) $$(CC) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $(host_$(1)) $$(LDLIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

$(O)/obj/%.o: % | $(O)/gen/filters.inc
	@mkdir -p $(@D)
	$(call SAY,CC    ,$<) $(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# platform-*/guest/ runs in the guest's process, where there is no libc and no sanitizer.
$(foreach l,$(filter platform-%,$(LIBS)),$(eval $(O)/obj/$(l)/guest/%.o: CFLAGS += -fno-sanitize=all \
    -fno-stack-protector -U_FORTIFY_SOURCE -fcf-protection=none -fPIC -fvisibility=hidden -mgeneral-regs-only -O2))

# The seccomp filters are made while we build, by a program without sanitizers.
FILTERGEN := base/filtergen/main.c base/filter.h base/cc.h base/hostcalls.def base/filter_rules.def
$(O)/gen/filters.inc: $(FILTERGEN)
	@mkdir -p $(@D)
	$(call SAY,FILTER,$@) gcc -std=gnu17 $(WARN) -I. -D_GNU_SOURCE -DDEBUG=$(if $(filter release,$(MODE)),0,1) -o $(@D)/filtergen $< -lseccomp
	@$(@D)/filtergen > $@.new && mv $@.new $@

# The vDSO runs in guests: a library of its own, of which the sentry carries the bytes.
VDSO := $(addprefix sentry/load/vdso/,main.c vvar.h vdso.lds)
$(O)/gen/vdso.so: $(VDSO)
	@mkdir -p $(@D)
	$(call SAY,VDSO  ,$@) gcc -std=gnu17 $(WARN) -I. -D_GNU_SOURCE -O2 -fPIC -ffreestanding -fno-stack-protector -fcf-protection=none \
	    -fasynchronous-unwind-tables -nostdlib -shared -s -Wl,-T,sentry/load/vdso/vdso.lds -Wl,-soname,linux-vdso.so.1 \
	    -Wl,--hash-style=both,--eh-frame-hdr,--build-id=sha1,-Bsymbolic -o $@ $<
$(O)/obj/sentry/load/vdso_image.S.o: $(O)/gen/vdso.so

# tests/X_test.c tests X.c: one program for each. tests/lib is linked to all of them.
# (Criterion does not start under ThreadSanitizer: there a stand-in runs what it can)
UNIT_C := $(call find,tests,-path tests/guest -prune -o -name '*_test.c' -print)
UNIT_C := $(if $(filter tsan,$(MODE)),$(shell grep -L parameterized.h -- $(UNIT_C) </dev/null),$(UNIT_C))
UNIT   := $(UNIT_C:tests/%.c=$(O)/tests/%)
$(O)/tests/runsc/systemd_test: LDLIBS += -lsystemd # plays one
RUNNER := $(if $(filter tsan,$(MODE)),tests/tsan-shim/main.c,-lcriterion)
TESTLIB := $(O)/libtests.a
$(TESTLIB): $(call objs,tests/lib) ; @mkdir -p $(@D) && rm -f $@ && $(AR) rcs $@ $^
$(O)/tests/%_test: tests/%_test.c $(TESTLIB) $(ALL_A)
	@mkdir -p $(@D)
	$(call SAY,TEST  ,$<) $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TESTLIB) $(ALL_A) $(RUNNER) $(host_runsc) $(host_runsc-sentry) $(host_runsc-netgofer) $(LDLIBS)

# tests/fuzz/X_fuzz.c is a libFuzzer target in MODE=fuzz; in all other modes the same
# file becomes a program that replays tests/fuzz/corpus/X.
FUZZ   := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/fuzz/*_fuzz.c))
FUZZER := $(if $(filter fuzz,$(MODE)),-fsanitize=fuzzer,tests/fuzz/replay/main.c)
$(O)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c $(wildcard tests/fuzz/replay/main.c) $(TESTLIB) $(ALL_A)
	@mkdir -p $(@D)
	$(call SAY,TEST  ,$<) $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TESTLIB) $(ALL_A) $(FUZZER) $(host_runsc) $(host_runsc-sentry) $(LDLIBS)

# bench/X.c is a program that prints what parts of ours cost: make MODE=release build/release/bench/X
$(O)/bench/%: bench/%.c $(TESTLIB) $(ALL_A)
	@mkdir -p $(@D)
	$(call SAY,BENCH ,$@) $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(TESTLIB) $(ALL_A) $(host_runsc-sentry) $(LDLIBS)

# bench/rows/X.c is a guest that measures itself; a script among them is copied.
ROWS_BUILT := $(patsubst bench/rows/%.c,build/bench/bin/%,$(wildcard bench/rows/*.c)) \
              $(patsubst bench/rows/%,build/bench/bin/%,$(wildcard bench/rows/*.py))
build/bench/bin/%: bench/rows/%.c
	@mkdir -p $(@D)
	$(call SAY,BENCH ,$@) $(GUEST_CC) -O2 -static -o $@ $< -lpthread
build/bench/bin/%.py: bench/rows/%.py ; @mkdir -p $(@D) && cp $< $@
bench-rows: $(ROWS_BUILT)

# Guest tests are plain programs, built both ways, without sanitizers, for any mode.
GUEST_C := $(wildcard tests/guest/*_test.c)
GUEST   := $(GUEST_C:tests/guest/%.c=build/guest/static/%) $(GUEST_C:tests/guest/%.c=build/guest/dynamic/%)
GUEST_CC := gcc -std=gnu17 -O1 -g -Wall -Wextra -Werror -I. -D_GNU_SOURCE -MMD -MP
build/guest/static/%: tests/guest/%.c
	@mkdir -p $(@D)
	$(call SAY,GUEST ,$@) $(GUEST_CC) -static -o $@ $< -lpthread -lrt
build/guest/dynamic/%: tests/guest/%.c
	@mkdir -p $(@D)
	$(call SAY,GUEST ,$@) $(GUEST_CC) -o $@ $< -lpthread -lrt -ldl

# Hostile guests run in the sandbox only.
HOSTILE := $(patsubst tests/%.c,build/%,$(wildcard tests/hostile/*.c))
build/hostile/%: tests/hostile/%.c
	@mkdir -p $(@D)
	$(call SAY,GUEST ,$@) $(GUEST_CC) -static -o $@ $< -lpthread -lrt

fuzz: $(FUZZ)
unit: $(UNIT) $(if $(filter fuzz,$(MODE)),,$(FUZZ))
guest: $(GUEST) $(HOSTILE)
tests-built: unit guest

# Unit tests run in MODE; guests, programs and the command line run in the release build.
export PLATFORMS ?= systrap ptrace
BUILD   = $(MAKE) --no-print-directory -s $(if $(findstring jobserver,$(MAKEFLAGS)),,-j2)
RELEASE = $(BUILD) MODE=release CC=$(CC_release) all
RUNSC  ?= $(CURDIR)/build/release/bin/runsc
SUITES ?= unit fuzz guest programs runsc hostile
test: deps-test
	@$(BUILD) all unit guest bench-rows
	@$(RELEASE)
	@UNIT="$(UNIT)" FUZZ="$(FUZZ)" GUEST="$(GUEST)" HOSTILE="$(HOSTILE)" RUNSC="$(RUNSC)" \
	    SUITES="$(SUITES)" T="$(T)" sh tests/tools/run_tests.sh
test-engines: # podman, Docker, containerd, its CRI: root, Debian's packages, a minute or two each
	@$(RELEASE)
	@status=0; for t in podman podman-rootless docker swarm containerd cri; do RUNSC=$(RUNSC) bash tests/engines/$$t.sh || status=1; done; exit $$status
test-oci: # the specification's own programs, on runc, crun and us: root, Debian's packages, five minutes
	@$(RELEASE)
	@RUNSC=$(RUNSC) bash tests/engines/oci.sh
test-kubernetes: # a node of our own; builds Kubernetes once, into $KUBERNETES
	@$(RELEASE)
	@RUNSC=$(RUNSC) bash tests/engines/kubernetes/kubernetes.sh
test-long: ; @LONG=1 $(MAKE) --no-print-directory test
soak: guest
	@$(RELEASE) && RUNSC=$(RUNSC) sh tests/tools/soak.sh $(or $(MINUTES),10) $(firstword $(PLATFORMS))
bench-built: deps-bench
	@$(RELEASE) bench-rows && sh bench/prepare.sh
bench: bench-built
	@bench/run && bench/start && bench/containers && bench/report
bench-quick: bench-built
	@QUICK=1 bench/run && STARTS=11 bench/start && STARTS=11 bench/containers
bench-compare: bench-built
	@BOXES=$${BOXES:-native,ptrace,systrap,kvm} bench/run && bench/compare
run: deps
	@$(RELEASE) && RUNSC=$(RUNSC) sh tests/tools/demo.sh

deps:    ; @sh tests/tools/deps.sh
deps-test: ; @sh tests/tools/deps.sh test
deps-bench: ; @sh tests/tools/deps.sh bench
layers:  ; @sh tests/tools/layers.sh
coverage: ; @sh tests/tools/guest_coverage.sh
headers: $(O)/gen/filters.inc # each stands on its own
	@sh tests/tools/headers.sh $(wildcard $(LIBS) include)
locks:   $(O)/gen/filters.inc
	@find $(wildcard $(LIBS)) -name '*.c' -print0 | xargs -0 -P2 -n1 clang -std=gnu17 -I. -I$(O)/gen \
	    -D_GNU_SOURCE -DDEBUG=1 -fsyntax-only -Wthread-safety -Werror
format: # what differs from main, so that nobody formats another's work
	@{ git diff --name-only --diff-filter=d $$(git merge-base main HEAD) -- '*.[ch]'; git ls-files -o --exclude-standard '*.[ch]'; } | xargs -r clang-format -i
format-check: ; @git ls-files '*.[ch]' | xargs clang-format --dry-run -Werror
docs: # docs/syscalls.md is what the table says
	@mkdir -p $(O)/gen docs && gcc -std=gnu17 -I. -D_GNU_SOURCE -o $(O)/gen/sysdoc tests/tools/sysdoc.c && $(O)/gen/sysdoc > docs/syscalls.md
docs-check: # as committed?
	@mkdir -p $(O)/gen && gcc -std=gnu17 -I. -D_GNU_SOURCE -o $(O)/gen/sysdoc tests/tools/sysdoc.c
	@$(O)/gen/sysdoc | diff - docs/syscalls.md >&2 || { echo 'docs/syscalls.md is stale: make docs' >&2; false; }
survey:  ; @sh tests/tools/survey.sh
check: format-check layers coverage docs-check headers locks # what takes seconds comes first
	@$(BUILD) all
	@$(BUILD) CC=$(if $(filter clang,$(CC)),gcc,clang) all
	@$(MAKE) --no-print-directory test

install: # runsc finds the others beside itself, or in ../libexec/runsc
	@$(RELEASE)
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin build/release/bin/runsc
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/libexec/runsc $(filter-out %/runsc,$(wildcard build/release/bin/*))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 docs/runsc.1
	install -D -m 644 runsc/completion.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/runsc
clean: ; rm -rf build

.PHONY: all test test-engines test-oci test-kubernetes test-long bench bench-built bench-quick bench-compare bench-rows run deps deps-test deps-bench layers coverage headers locks format format-check docs docs-check survey check \
        install clean fuzz unit guest tests-built
.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(wildcard $(O) build/guest build/hostile build/bench/bin) -name '*.d' 2>/dev/null)
