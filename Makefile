# ferry: one Makefile, no recursion.  `make help` lists the targets.

PREFIX  ?= /usr/local
DESTDIR ?=
CFLAGS  ?= -O2 -g
SAN     ?=
V       ?= 0

FOLDERS := lib net crypt backends backends/local backends/mem \
	   backends/fault sync repo vfs mount cmd
PKGS    := sqlite3 libpcre2-8 libcrypto

# A build with other flags goes to another folder and never meets this one.
comma := ,
B := build/$(if $(SAN),$(subst $(comma),-,$(SAN)),plain)

PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wconversion -Wformat=2 -Wundef -Wvla \
	-Wcast-qual -Wwrite-strings -Wimplicit-fallthrough -Werror
FLAGS := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I. -pthread \
	 $(PKG_CFLAGS) $(WARN) $(if $(SAN),-fsanitize=$(SAN) \
	 -fno-sanitize-recover=all -fno-omit-frame-pointer)

SRC   := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
OBJ   := $(SRC:%.c=$(B)/%.o)
CORE  := $(filter-out $(B)/cmd/main.o,$(OBJ))
TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c))

Q := $(if $(filter 1,$(V)),,@)

all: $(B)/ferry compile_commands.json

$(B)/ferry: $(OBJ)
	$(Q)$(CC) $(CFLAGS) $(FLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# -MMD -MP: the next run knows which headers each object came from.
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(FLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(CORE)
	$(Q)$(CC) $(CFLAGS) $(FLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

-include $(OBJ:.o=.d) $(TESTS:=.d)

check: $(TESTS)
	@scripts/check-layers
	@for t in $(TESTS); do echo "# $$t"; $$t || exit 1; done

fuzz: FLAGS += -fsanitize=fuzzer,address,undefined
fuzz:
	@mkdir -p build/fuzz
	$(Q)clang $(CFLAGS) $(FLAGS) -o build/fuzz/$(T) tests/fuzz/$(T).c \
		$(filter-out cmd/main.c,$(SRC)) $(PKG_LIBS)
	build/fuzz/$(T) -max_total_time=$(or $(TIME),60) build/fuzz/$(T).corpus

compile_commands.json: Makefile $(SRC)
	@{ echo '['; sep=; for f in $(SRC); do \
	  printf '%s{"directory":"%s","file":"%s","command":"cc %s -c %s"}' \
	    "$$sep" "$(CURDIR)" "$$f" '$(FLAGS)' "$$f"; sep=','; \
	done; echo ']'; } >$@

install: $(B)/ferry
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(B)/ferry $(DESTDIR)$(PREFIX)/bin/ferry

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/ferry

clean:
	rm -rf build compile_commands.json

.PHONY: all check fuzz install uninstall clean
.SECONDARY:
