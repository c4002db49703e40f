#!/bin/bash
# ferry backup, broken off at any instant by any means: the repository is
# whole, and the next run goes on with what was stored.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$(dirname "$0")/../lib/repo.sh"

rounds=${KILL_ROUNDS:-40}
S=$SHM/src
export FERRY_CACHE_DIR=$SHM/ferry-cache

# What changes from round to round: some is new, some is as before.
state() {
	/usr/bin/python3 - "$S" "$1" <<'PY'
import os, random, sys
top, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
for i in range(300):
    if seed > 1 and rng.randrange(6):
        continue
    os.makedirs("%s/d%d" % (top, i % 20), exist_ok=True)
    with open("%s/d%d/f%d" % (top, i % 20, i), "wb") as f:
        f.write(rng.randbytes((0, 100, 5000, 70000, 300000)[i % 5] +
                              rng.randrange(9)))
with open(top + "/big", "wb") as f:
    f.write(rng.randbytes(5000000))
PY
}

# clean: no judge finds a fault.  Packs that no index names are none: what a
# killed run leaves behind.  Each judge in his turn.
# shellcheck disable=SC2317 # called by check
clean() {
	local r=${judges[$((turn++ % ${#judges[@]}))]}
	"$r" check --no-lock --no-cache --read-data </dev/null \
		>"$SHM/clean" 2>&1 &&
		! grep -iE 'error|missing' "$SHM/clean" |
			grep -v 'no errors were found' && return
	cat "$SHM/clean"
	return 1
}
turn=0

# killed_after MICROSECONDS ARGUMENT...: 1 if it was over before.
killed_after() {
	local us=$1 pid
	shift
	"$FERRY" backup --pack-size 4M "$@" >"$OUT" 2>"$ERR" &
	pid=$!
	sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	[ $? = 137 ]
}

state 1
fresh "$SHM/repo"
start=$(date +%s%N)
exits 0 "a first backup" backup --pack-size 4M "$S"
took=$((($(date +%s%N) - start) / 1000)) # microseconds

RANDOM=42
killed=0
for ((round = 1; round <= rounds; round++)); do
	state $((round + 1))
	# However busy the machine is now, some are early, some late.
	if killed_after $(((RANDOM * 32768 + RANDOM) % took)) "$S"; then
		killed=$((killed + 1)) took=$((took * 9 / 8))
	else
		took=$((took / 2 + 1000))
	fi
	bad=
	clean >"$SHM/check" 2>&1 || bad="after the kill"
	if [ -z "$bad" ] && [ $((round % 4)) = 0 ]; then
		"$FERRY" backup "$S" >"$OUT" 2>"$ERR" ||
			bad="the next run: exit $?"
		[ -n "$bad" ] || clean >"$SHM/check" 2>&1 ||
			bad="after the next run"
		[ -n "$bad" ] || [ -z "$(ls "$SHM/repo/locks")" ] ||
			bad="a lock is left"
		[ -n "$bad" ] || { back "$SHM/back" &&
			treediff "$S" "$SHM/back$S"; } >"$SHM/check" 2>&1 ||
			bad="restored, it differs"
	fi
	if [ -n "$bad" ]; then
		not_ok "round $round: $bad" "$SHM/check" "$ERR"
		[ -z "${FERRY_KEEP:-}" ] || cp -a "$SHM" "$FERRY_KEEP"
		break
	fi
	ok "round $round: killed, sound and gone on"
done 2>/dev/null
echo "# $killed of $rounds runs were killed before their end"
is "enough runs were killed" "$((killed * 4 > rounds))" 1
exits 0 "one that is left alone" backup "$S"
sound "in the end all is sound"
rm -rf "$SHM/back"

# A first backup that is killed again and again: what was sent is used.
rm -rf "$S"
mkdir "$S"
for i in {1..24}; do head -c 8M /dev/urandom >"$S/$i"; done
fresh "$SHM/repo"
ferry backup --pack-size 4M "$S"
whole=$(pack_bytes "$SHM/repo")
PACK=$(find "$SHM/repo/data" -type f -printf '%s\n' | sort -n | tail -n 1)
stored() { find "$SHM/repo/data" -type f -name '[0-9a-f]*' | wc -l; }
# killed_at PACKS: when so many more are there.  1 if it was over before.
killed_at() {
	local pid want=$(($(stored) + $1))
	"$FERRY" backup --bwlimit 60M --pack-size 4M "$S" >"$OUT" 2>"$ERR" &
	pid=$!
	while kill -0 $pid && [ "$(stored)" -lt $want ]; do
		sleep 0.003
	done
	kill -9 $pid
	wait $pid
	[ $? = 137 ]
}

# continued NAME COMMAND...: killed five times, the command run in between.
continued() {
	local name=$1 n=0 ended
	shift
	fresh "$SHM/repo"
	for _ in 1 2 3 4 5; do
		! killed_at 2 || n=$((n + 1))
		"$@"
	done >"$SHM/check" 2>&1
	is "$name: it was killed" "$((n > 2))" 1
	ended=$(snapshot_count) # of runs that were faster than the kill
	exits 0 "$name: then it ends" backup --pack-size 4M "$S"
	is "$name: nothing is sent twice but a pack a kill" \
		"$(($(pack_bytes "$SHM/repo") <= whole + n * PACK))" 1
	sound "$name: sound"
	is "$name: one snapshot more" "$(snapshot_count)" "$((ended + 1))"
	echo "# $name $n times: $(pack_bytes "$SHM/repo") bytes in packs, $whole at once"
}
continued "killed" true
continued "killed, the cache lost" rm -rf "$FERRY_CACHE_DIR" "$HOME/.cache"
continued "killed, its locks removed" "$FERRY" repo unlock

# interrupted SIGNAL: how it ends, and what is left.
interrupted() {
	fresh "$SHM/repo"
	/usr/bin/python3 "$BIN/interrupt.py" "$1" "$SHM/repo/data:5" \
		"$FERRY" backup --bwlimit 60M --pack-size 4M "$S" \
		>"$OUT" 2>"$ERR"
	is "$1 ends it at once with 130" "$(cat "$OUT")" "130 quick"
	check "$1: no lock is left" test -z "$(ls "$SHM/repo/locks")"
	is "$1: no snapshot" "$(snapshot_count)" 0
	check "$1: what was stored is in the index" \
		test -n "$(ls "$SHM/repo/index")"
	sound "$1: sound"
	exits 0 "$1: the next run" backup --json --pack-size 4M "$S"
	is "$1: does not send that again" \
		"$(($(pack_bytes "$SHM/repo") <= whole + 2 * PACK))" 1
	is "$1: and says that it added less" \
		"$(($(field data_added) < whole))" 1
	sound "$1: sound in the end"
}
interrupted SIGINT
interrupted SIGTERM

# A limit holds for packs, too: this would take three minutes.
fresh "$SHM/repo"
"$FERRY" backup --bwlimit 1M "$S" >"$OUT" 2>"$ERR" &
pid=$!
sleep 3
check "--bwlimit: it is still at work" kill -TERM $pid
wait $pid
is "--bwlimit: and ends when told" $? 130
check "--bwlimit: little was stored" \
	test "$(pack_bytes "$SHM/repo")" -lt 40000000

# No room.
if is_root; then
	image tmpfs 60
	fresh "$MOUNT/repo"
	echo x >"$SHM/small"
	exits 0 "a small backup" backup "$SHM/small"
	exits 1 "a full disk" backup --pack-size 4M "$S"
	says "is said to be full" "space"
	is "no snapshot is made" "$(snapshot_count)" 1
	check "the repository is sound" clean
	mount -o remount,size=400m "$MOUNT"
	exits 0 "with room it goes on" backup --pack-size 4M "$S"
	sound "and is sound"
	is "and what was stored was used" \
		"$(($(pack_bytes "$MOUNT/repo") <= whole + 2 * PACK))" 1
	umount "$MOUNT"
	mounts=()
else
	skipped "a full disk needs root"
fi

# Two at once.
fresh "$SHM/repo"
mkdir "$SHM/other"
cp "$S/1" "$S/2" "$SHM/other"
head -c 20M /dev/urandom >"$SHM/other/own"
"$FERRY" backup --pack-size 4M "$S" >"$SHM/out1" 2>"$SHM/err1" &
pid1=$!
"$FERRY" backup --pack-size 4M "$SHM/other" >"$SHM/out2" 2>"$SHM/err2" &
pid2=$!
"$RESTIC" -q backup "$S/3" >"$SHM/out3" 2>&1
is "two at once, and restic's third" $? 0
wait $pid1
is "the first is well" $? 0
wait $pid2
is "the second is well" $? 0
is "three snapshots" "$(snapshot_count)" 3
sound "sound"
check "no lock is left" test -z "$(ls "$SHM/repo/locks")"
check "restored" back "$SHM/back"

e2e_end
