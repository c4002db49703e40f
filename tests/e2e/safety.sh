#!/bin/bash
# What must never happen: a destination emptied, a file torn or lost, a byte
# written outside; and what every failure must say.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need setpriv

# Two small folders, the second with more in it: $S and $D.
pair() {
	S=$SHM/$1/src D=$SHM/$1/dst
	rm -rf "${SHM:?}/$1"
	mkdir -p "$S/sub" "$D/sub"
	echo one >"$S/one"
	echo two >"$S/sub/two"
	cp -a "$S/." "$D"
	for i in 1 2 3 4 5; do echo extra >"$D/extra$i"; done
	dump "$D" >"$SHM/before"
}

untouched() {
	dump "$D" >"$SHM/after" 2>&1
	as_before "$1"
}

# An empty or vanished source.
pair empty
mkdir "$SHM/empty/none"
exits 6 "an empty source is refused" sync "$SHM/empty/none" "$D"
untouched "and the destination keeps all"
exits 6 "in a dry run, too" sync -n "$SHM/empty/none" "$D"
exits 0 "unless --force is given" sync --force "$SHM/empty/none" "$D"
check "and then it is emptied" test -z "$(ls -A "$D")"

pair vanished
exits 4 "a source that is not there" sync "$SHM/vanished/gone" "$D"
untouched "and the destination keeps all"
says "and it is named" gone
exits 4 "nor with --force" sync --force "$SHM/vanished/gone" "$D"
untouched "and the destination still keeps all"
for cmd in copy copyto move moveto check ls lsf lsjson size cat hashsum; do
	args=("$SHM/vanished/gone")
	case $cmd in
	copy | copyto | move | moveto | check) args+=("$D") ;;
	hashsum) args=(md5 "${args[@]}") ;;
	esac
	exits 4 "$cmd of what is not there" "$cmd" "${args[@]}"
done
exits 4 "a remote that is not in the configuration" ls nowhere:path

pair filtered
exits 0 "what a filter leaves out" sync --exclude 'extra*' "$S" "$D"
check "is not deleted" test -e "$D/extra1" -a -e "$D/extra5"
exits 0 "unless that is asked for" \
	sync --exclude 'extra*' --delete-excluded "$S" "$D"
silent "and then it is" treediff "$S" "$D"

# One inside the other.
pair nested
exits 2 "a destination inside the source" sync "$S" "$S/sub/in"
check "makes nothing there" test ! -e "$S/sub/in"
exits 2 "a source inside the destination" sync "$S/sub" "$S"
check "deletes nothing there" test -e "$S/one"
ln -s "$S" "$SHM/nested/alias"
exits 2 "a destination inside the source by a link" \
	sync "$S" "$SHM/nested/alias/sub/in"
exits 2 "a destination inside the source by .." \
	sync "$S" "$SHM/nested/dst/../src/sub/in"
exits 2 "the source itself" sync "$S" "$S/"
check "loses nothing" test -e "$S/sub/two"

# --max-delete
pair max
exits 6 "--max-delete stops" sync --max-delete 4 "$S" "$D"
untouched "before anything is deleted"
exits 0 "--max-delete lets as many" sync --max-delete 5 "$S" "$D"
silent "and then they are gone" treediff "$S" "$D"
pair max-zero
exits 6 "--max-delete 0 stops" sync --max-delete 0 "$S" "$D"
untouched "and nothing is deleted"

# What cannot be read.
unreadable() {
	local dir=$DISK/unreadable as=()
	mkdir -p "$dir/src/closed" "$dir/src/open" "$dir/dst/closed" "$dir/dst/x"
	echo a >"$dir/src/closed/a"
	echo b >"$dir/src/open/b"
	echo secret >"$dir/src/open/secret"
	echo keep >"$dir/dst/closed/keep"
	echo keep >"$dir/dst/x/keep"
	chmod 000 "$dir/src/closed" "$dir/src/open/secret"
	if is_root; then
		mkdir -p "$HOME/nobody"
		chown -R 65534:65534 "$dir" "$HOME/nobody"
		as=(nobody)
	fi
	"${as[@]}" "$FERRY" sync "$dir/src" "$dir/dst" >"$OUT" 2>"$ERR"
	is "an unreadable folder: exit 3" $? 3
	says "it is named" closed
	says "an unreadable file is named" open/secret
	check "the rest is copied" cmp "$dir/src/open/b" "$dir/dst/open/b"
	check "nothing is deleted below it" test -e "$dir/dst/closed/keep"
	check "nor anywhere else" test -e "$dir/dst/x/keep"
	chmod 700 "$dir/src/closed" "$dir/src/open/secret"
	"${as[@]}" "$FERRY" sync "$dir/src" "$dir/dst" >"$OUT" 2>"$ERR"
	is "once readable: exit 0" $? 0
	silent "all is as at the source" treediff "$dir/src" "$dir/dst"

	mkdir "$dir/ro"
	echo old >"$dir/ro/one"
	[ ${#as[@]} = 0 ] || chown -R 65534:65534 "$dir/ro"
	chmod 555 "$dir/ro"
	"${as[@]}" "$FERRY" copy --no-metadata "$dir/src/open" "$dir/ro" \
		>"$OUT" 2>"$ERR"
	is "a folder that may not be written: exit 3" $? 3
	says "and it says why" "ermission denied"
	check "it keeps what it had" grep -q old "$dir/ro/one"
}
unreadable

if is_root; then
	pair readonly
	mount -t tmpfs tmpfs "$D" && mounts+=("$D")
	echo old >"$D/one"
	mount -o remount,ro "$D"
	ferry sync "$S" "$D"
	case $? in
	1 | 3) ok "a read-only destination: exit 1 or 3" ;;
	*) not_ok "a read-only destination" "$ERR" ;;
	esac
	says "and it says why" "ead-only file system"
fi

# Files that change while they are copied.
growing() {
	local i
	S=$SHM/growing/src D=$SHM/growing/dst
	mkdir -p "$S"
	for i in 1 2 3 4 5 6 7 8; do
		head -c 3M /dev/zero >"$S/file$i"
	done
	(while :; do echo more >>"$S/file5"; done) &
	local writer=$!
	ferry sync --bwlimit 30M "$S" "$D"
	local status=$?
	kill "$writer" && wait "$writer" 2>/dev/null
	case $status in
	0 | 3) ok "a growing file: exit 0 or 3" ;;
	*) not_ok "a growing file: exit $status" "$ERR" ;;
	esac
	[ $status = 0 ] || says "and it is named" file5
	check "the others arrive" cmp "$S/file8" "$D/file8"
	check "no part of it is left" no_strays "$D"
	exits 0 "when it grows no more, all arrives" sync "$S" "$D"
	silent "and is equal" treediff "$S" "$D"
}
growing

vanishing() {
	local i
	S=$SHM/vanishing/src D=$SHM/vanishing/dst
	mkdir -p "$S"
	for i in $(seq 1 300); do head -c 50K /dev/zero >"$S/$i"; done
	mkfifo "$SHM/go"
	(read -r <"$SHM/go"; for i in $(seq 1 300); do rm "$S/$i"; done) &
	echo >"$SHM/go"
	ferry copy --bwlimit 20M --transfers 1 "$S" "$D"
	local status=$?
	wait
	case $status in
	0 | 3) ok "vanishing files: exit 0 or 3" ;;
	*) not_ok "vanishing files: exit $status" "$ERR" ;;
	esac
	check "no part of one is left" no_strays "$D"
	check "each is whole" test -z "$(find "$D" -type f ! -size 51200c)"
}
vanishing

# A folder of the destination swapped for a link to somewhere else, and one of
# the source for a link to what is secret, again and again during the walk.
swapped() {
	local dir=$SHM/swapped i
	mkdir -p "$dir/outside" "$dir/secret" "$dir/dst/d" "$dir/src/d"
	echo secret >"$dir/secret/file0"
	ln -s "$dir/outside" "$dir/to-outside"
	ln -s "$dir/secret" "$dir/to-secret"
	for i in $(seq 0 199); do echo "$i" >"$dir/src/d/file$i"; done
	cat >"$SHM/swap.py" <<-'END'
		import ctypes, os, sys
		libc = ctypes.CDLL(None)
		def swap(a, b):  # RENAME_EXCHANGE: at no time is there nothing
		    libc.renameat2(-100, a.encode(), -100, b.encode(), 2)
		top = sys.argv[1]
		while os.getppid() != 1:
		    swap(top + "/dst/d", top + "/to-outside")
		    swap(top + "/src/d", top + "/to-secret")
	END
	/usr/bin/python3 "$SHM/swap.py" "$dir" &
	local swapper=$!
	for i in $(seq 1 25); do
		ferry sync "$dir/src" "$dir/dst"
		ferry sync --ignore-times "$dir/src" "$dir/dst"
	done
	kill "$swapper" && wait "$swapper" 2>/dev/null
	check "nothing is written through a link put in the way" \
		test -z "$(ls -A "$dir/outside")"
	check "nor through one that was copied" \
		test "$(ls -A "$dir/secret")" = file0
	check "nothing is read through a link put in the way" \
		test -z "$(find "$dir/dst" "$dir/to-outside" -type f \
			-exec grep -lx secret {} +)"
}
swapped

# Links at the destination where folders or files should be.
links_in_the_way() {
	S=$SHM/inway/src D=$SHM/inway/dst
	mkdir -p "$S/dir" "$D" "$SHM/inway/else"
	echo in >"$S/dir/file"
	echo top >"$S/top"
	echo outside >"$SHM/inway/else/kept"
	ln -s ../else "$D/dir"
	ln -s ../else/kept "$D/top"
	exits 0 "a link where a folder belongs is replaced" sync "$S" "$D"
	silent "all is as at the source" treediff "$S" "$D"
	check "what it pointed at is untouched" grep -qx outside \
		"$SHM/inway/else/kept"
	check "and nothing came there" test ! -e "$SHM/inway/else/file"
}
links_in_the_way

# The configuration.
configuration() {
	local conf=$SHM/ferry.conf
	printf '[a]\ntype = local\n[b]\ntype = loc' >"$conf"
	cp "$conf" "$SHM/ferry.conf.was"
	exits 1 "a configuration cut short" --config "$conf" ls a:
	says "is named" ferry.conf
	exits 1 "and is not written over" --config "$conf" config create c local
	check "nothing of it is lost" cmp "$conf" "$SHM/ferry.conf.was"
	exits 2 "no flag of that name" sync --no-such-flag a b
	says "is named" --no-such-flag
	exits 2 "a flag without its value" sync "$S" "$D" --max-delete
	exits 2 "a flag with a wrong value" sync --max-delete many "$S" "$D"
	exits 2 "too few places" sync "$S"
	exits 2 "too many places" sync "$S" "$D" "$D"
	exits 2 "no command of that name" frobnicate
	exits 2 "no command" --no-such-flag
	exits 2 "an unknown driver" ls :nosuch:
	exits 2 "an unknown option of a driver" ls ":mem,frob=1:"
	exits 2 "a pattern that is none" ls --include '[' "$S"
	local lines
	lines=$(wc -l <"$ERR")
	is "a usage error is one or two lines" "$((lines <= 2))" 1
}
configuration

# A full disk.
full() {
	if ! is_root; then
		skipped "a full disk: only root can mount one"
		return
	fi
	image tmpfs 8 || not_ok "a small tmpfs"
	S=$SHM/full D=$MOUNT/dst
	mkdir -p "$S" "$D"
	head -c 3M /dev/urandom >"$S/old"
	exits 0 "what fits is copied" sync "$S" "$D"
	cp "$S/old" "$SHM/old"
	head -c 6M /dev/urandom >"$S/old"
	head -c 1M /dev/urandom >"$S/small"
	ferry sync "$S" "$D"
	case $? in
	1 | 3) ok "a full disk: exit 1 or 3" ;;
	*) not_ok "a full disk" "$ERR" ;;
	esac
	says "it says so" "o space left"
	check "the old file is whole" cmp "$SHM/old" "$D/old"
	check "no stray is left" no_strays "$MOUNT"
	rm "$S/old"
	exits 0 "with room again, all is well" sync "$S" "$D"
	silent "and equal" treediff "$S" "$D"
	ferry ls "$S" >/dev/full
	"$FERRY" ls "$S" >/dev/full 2>"$ERR"
	is "output that cannot be written: exit 1" $? 1
}
full

# Times, of a run that is told how much it may do.
pair limits
for i in $(seq 1 20); do head -c 100K /dev/urandom >"$S/r$i"; done
ferry copy --max-transfer 500K --transfers 1 "$S" "$D"
status=$?
is "--max-transfer stops the run" "$((status != 0))" 1
n=$(find "$D" -name 'r*' | wc -l)
is "after about as much" "$((n >= 3 && n <= 7))" 1
check "whole files only" test -z "$(find "$D" -name 'r*' ! -size 102400c)"

e2e_end
