# shellcheck shell=bash
# What the whole-program tests share; sourced by each tests/e2e/NAME.sh.
#
# A test is one line `ok NAME` or `not ok NAME`; e2e_end prints the sums.
# $SHM and $DISK are empty folders on tmpfs and on a disk, removed at the end.
set -u

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FERRY=${FERRY:-$ROOT/build/plain/ferry}
FERRY_SAN=${FERRY_SAN:-}
LIB=$ROOT/tests/lib
SELF=$(basename "$0" .sh)
export LC_ALL=C.UTF-8 NO_COLOR=1

passed=0 failed=0
mounts=()

SHM=$(mktemp -d "${FERRY_E2E_SHM:-/dev/shm}/ferry-e2e.XXXXXX") || exit 1
DISK=$(mktemp -d "${FERRY_E2E_DISK:-/var/tmp}/ferry-e2e.XXXXXX") || exit 1
chmod 755 "$SHM" "$DISK"

e2e_clean() {
	local m
	for m in "${mounts[@]}"; do
		umount "$m" || umount -l "$m"
	done
	[ "$(id -u)" = 0 ] || chmod -R u+rwX "$SHM" "$DISK" 2>/dev/null
	rm -rf "$SHM" "$DISK"
}
trap e2e_clean EXIT
trap 'exit 1' INT TERM

# Nothing of the user's own settings, and none of these tests', is touched.
export HOME=$SHM/home XDG_RUNTIME_DIR=$SHM/home
unset XDG_CONFIG_HOME XDG_STATE_HOME XDG_CACHE_HOME
mkdir "$HOME"
chmod 1777 "$HOME"
export RCLONE_CONFIG=$HOME/rclone.conf
: >"$RCLONE_CONFIG"

# Copies that every user may read and run, wherever the checkout lies.
BIN=$DISK/bin
mkdir "$BIN"
cp "$FERRY" "$BIN/ferry" || exit 1
cp "$LIB"/*.py "$BIN" || exit 1
chmod -R a+rX "$BIN"
FERRY=$BIN/ferry
OUT=$SHM/out ERR=$SHM/err

ok() {
	passed=$((passed + 1))
	echo "ok $SELF: $1"
}

# not_ok NAME [FILE...]: and what the files say about it.
not_ok() {
	local name=$1 f
	shift
	failed=$((failed + 1))
	echo "not ok $SELF: $name"
	for f in "$@"; do
		[ -s "$f" ] && head -c 4000 "$f" | head -n 12 |
			cut -b 1-200 | sed 's/^/#   /' && echo
	done
	return 0
}

# need PROGRAM...: ends the tests where one is missing.
need() {
	local p
	for p in "$@"; do
		command -v "$p" >/dev/null || {
			not_ok "$p is missing: see scripts/deps"
			e2e_end
		}
	done
}

# ferry ARGUMENT...: standard output to $OUT, errors to $ERR.
ferry() { "$FERRY" "$@" >"$OUT" 2>"$ERR" </dev/null; }

# As somebody who may do nothing special.
nobody() {
	setpriv --reuid=65534 --regid=65534 --clear-groups -- \
		env HOME="$HOME/nobody" "$@"
}

# exits STATUS NAME ARGUMENT...: ferry with these ends with this status.
exits() {
	local want=$1 name=$2 got
	shift 2
	ferry "$@"
	got=$?
	if [ "$got" = "$want" ]; then
		ok "$name"
	else
		not_ok "$name: exit $got, not $want: ferry $*" "$ERR" "$OUT"
	fi
}

# check NAME COMMAND...: the command succeeds.
check() {
	local name=$1
	shift
	if "$@" >"$SHM/check" 2>&1; then
		ok "$name"
	else
		not_ok "$name" "$SHM/check"
	fi
}

# until_true COMMAND...: it succeeds within a minute.
until_true() {
	local i
	for ((i = 0; i < 600; i++)); do
		"$@" >"$SHM/until" 2>&1 && return 0
		sleep 0.1
	done
	cat "$SHM/until"
	return 1
}

# as_before NAME: the last two dumps, $SHM/before and $SHM/after, are equal.
as_before() { check "$1" same_dumps; }
same_dumps() { [ -s "$SHM/before" ] && cmp "$SHM/before" "$SHM/after"; }

# says NAME TEXT: the last ferry named it, on standard error or output.
says() {
	if grep -qaF -e "$2" "$ERR" "$OUT"; then
		ok "$1"
	else
		not_ok "$1: nothing about \"$2\"" "$ERR" "$OUT"
	fi
}

# silent NAME COMMAND...: it prints nothing and succeeds.
silent() {
	local name=$1
	shift
	if "$@" >"$SHM/check" 2>&1 && [ ! -s "$SHM/check" ]; then
		ok "$name"
	else
		not_ok "$name" "$SHM/check"
	fi
}

# Is there nothing of ferry's own left below these?
no_strays() {
	[ -z "$(find "$@" -name '.ferry-tmp.*' -print 2>&1 | head -n 5 |
		tee "$SHM/strays")" ] || {
		cat "$SHM/strays"
		return 1
	}
}

# quick FOLDER: the repository there opens at once from now on, with the same
# password: half a second each time would be most of what many tests take.
quick() {
	if ! "$FERRY" repo cat masterkey -r "$1" >"$SHM/master" 2>"$ERR" ||
		! /usr/bin/python3 "$BIN/quick_key.py" "$1" "$RESTIC_PASSWORD" \
			<"$SHM/master"; then
		not_ok "a quick key" "$ERR"
	fi
}

# held PID: until it has ended, or done nothing for 1.2 seconds: something keeps
# it from going on.
held() {
	local was=x now same=0
	for _ in {1..1200}; do
		now=$(cut -d' ' -f14,15 "/proc/$1/stat" 2>/dev/null)
		kill -0 "$1" 2>/dev/null || return
		if [ "$now" = "$was" ]; then same=$((same + 1)); else same=0; fi
		[ $same -lt 12 ] || return
		was=$now
		sleep 0.1
	done
}

# Debian's own Python: another one may be out of another user's reach.
maketree() { /usr/bin/python3 "$BIN/maketree.py" "$@" 2>/dev/null; }
mutate() { /usr/bin/python3 "$BIN/mutate.py" "$@"; }
treediff() { /usr/bin/python3 "$BIN/treediff.py" "$@"; }
dump() { treediff --dump "$@"; }

# field NAME: of the summary, the last object that --json printed; or -1.
field() {
	/usr/bin/python3 -c '
import json, sys
last = {}
for line in open(sys.argv[1], "rb"):
    try:
        last = json.loads(line)
    except ValueError:
        pass
print(last.get(sys.argv[2], -1))' "$OUT" "$1"
}

# is NAME VALUE WANTED
is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1: $2, not $3" "$ERR"
	fi
}

# image FSTYPE MIB: a file system of its own, mounted; says where in $MOUNT.
image() {
	local type=$1 mib=$2
	MOUNT=$DISK/mnt-$type
	mkdir "$MOUNT"
	if [ "$type" = tmpfs ]; then
		mount -t tmpfs -o "size=${mib}m" tmpfs "$MOUNT" || return 1
	else
		truncate -s "${mib}M" "$DISK/$type.img"
		"mkfs.$type" -q "$DISK/$type.img" || return 1
		mount -o loop "$DISK/$type.img" "$MOUNT" || return 1
	fi
	mounts+=("$MOUNT")
	chmod 755 "$MOUNT"
}

is_root() { [ "$(id -u)" = 0 ]; }

# Named loudly, and counted by tests/lib/run.
skipped() { echo "skipped $SELF: $1"; }

e2e_end() {
	echo "$passed passed, $failed failed"
	exit "$((failed > 0))"
}
