#!/bin/bash
# Killed at any instant, the destination has each file's old or its new
# content, and the next run finishes the work.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

rounds=${KILL_ROUNDS:-30}
S=$SHM/src D=$SHM/dst
export S D

# Two states of a tree: small files, some large, and one that takes a while.
cat >"$BIN/state.py" <<'END'
import os, random, sys
top, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
os.makedirs(top, exist_ok=True)
keep = set()
for i in range(400):
    if (i + seed) % 17 == 0:
        continue  # not in this state: added or deleted between two
    d = "%s/d%d" % (top, i % 20)
    os.makedirs(d, exist_ok=True)
    size = (0, 100, 5000, 40000, 100000)[i % 5] if i % 40 else 2000000
    path = "%s/f%d" % (d, i)
    keep.add(path)
    with open(path, "wb") as f:
        f.write(rng.randbytes(size))
for d, _, names in os.walk(top):
    for n in names:
        if d + "/" + n not in keep:
            os.unlink(d + "/" + n)
END

# Every file of the destination is, whole, one of the old or of the new state.
cat >"$BIN/whole.py" <<'END'
import hashlib, os, sys
dst, trees = sys.argv[1], sys.argv[2:]
bad = 0
def read(path):
    try:
        with open(path, "rb") as f:
            return hashlib.blake2b(f.read()).digest()
    except FileNotFoundError:
        return None
for d, _, names in os.walk(dst):
    for n in names:
        if n.startswith(".ferry-tmp."):
            continue
        rel = os.path.relpath(os.path.join(d, n), dst)
        if read(os.path.join(d, n)) not in [read(t + "/" + rel)
                                            for t in trees]:
            print("neither the old nor the new:", rel)
            bad = 1
for d, _, names in os.walk(trees[0]):  # what both states have is never gone
    for n in names:
        rel = os.path.relpath(os.path.join(d, n), trees[0])
        if all(os.path.lexists(t + "/" + rel) for t in trees) and \
                not os.path.lexists(dst + "/" + rel):
            print("gone:", rel)
            bad = 1
sys.exit(bad)
END

state() { /usr/bin/python3 "$BIN/state.py" "$1" "$2"; }
whole() { /usr/bin/python3 "$BIN/whole.py" "$@"; }

state "$S" 1
"$FERRY" sync "$S" "$D" >"$OUT" 2>"$ERR" || not_ok "the first copy" "$ERR"
state "$S" 2
start=$(date +%s%N)
"$FERRY" sync "$S" "$D" >"$OUT" 2>"$ERR" || not_ok "the second" "$ERR"
took=$((($(date +%s%N) - start) / 1000)) # microseconds of such a run

RANDOM=42
killed=0 runs=0
for ((round = 3; round <= rounds + 2; round++)); do
	rm -rf "$SHM/old"
	cp -a "$D" "$SHM/old"
	state "$S" "$round"
	bad=
	for again in 1 2 3; do
		"$FERRY" sync "$S" "$D" >"$OUT" 2>"$ERR" &
		pid=$!
		us=$(((RANDOM * 32768 + RANDOM) % took))
		sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
		# However busy the machine is now, some are early, some late.
		if [ $? = 137 ]; then
			killed=$((killed + 1)) took=$((took * 9 / 8))
		else
			took=$((took / 2 + 1000))
		fi
		runs=$((runs + 1))
		whole "$D" "$SHM/old" "$S" >"$SHM/check" 2>&1 ||
			bad="after kill $again"
		[ -z "$bad" ] || break
	done
	if [ -z "$bad" ]; then
		"$FERRY" sync "$S" "$D" >"$OUT" 2>"$ERR" ||
			bad="the next run: exit $?"
	fi
	[ -n "$bad" ] || treediff "$S" "$D" >"$SHM/check" 2>&1 ||
		bad="no convergence"
	[ -n "$bad" ] || no_strays "$D" >"$SHM/check" 2>&1 || bad="strays"
	if [ -n "$bad" ]; then
		not_ok "round $((round - 2)): $bad" "$ERR" "$SHM/check"
		[ -z "${FERRY_KEEP:-}" ] || cp -a "$SHM" "$FERRY_KEEP"
		break
	fi
	ok "round $((round - 2)): killed, whole and finished"
done 2>/dev/null
echo "# $killed of $runs runs were killed before their end"
is "enough runs were killed" "$((killed * 4 > runs))" 1
rm -rf "$SHM/old" "$S" "$D"

# partial NAME: a run on one large file, stopped in the middle.
partial() {
	mkdir -p "$S" "$D"
	head -c 100M /dev/urandom >"$S/large"
	"$FERRY" copy --bwlimit 10M "$S" "$D" >"$OUT" 2>"$ERR" &
	local pid=$!
	for _ in {1..600}; do
		[ -z "$(find "$D" -name '.ferry-tmp.*' -size +20M)" ] || break
		sleep 0.05
	done
	kill "-$1" "$pid"
	wait "$pid" 2>/dev/null
}

partial 9
check "a killed copy leaves nothing in the file's place" test ! -e "$D/large"
check "but a part of it" test -n "$(find "$D" -name '.ferry-tmp.*' -size +100k)"
exits 0 "the next run goes on" copy --json "$S" "$D"
is "from where it was" "$(($(field resumed_bytes) > 1000000))" 1
check "the content is right" cmp "$S/large" "$D/large"
check "nothing is left over" no_strays "$D"
rm -rf "$S" "$D"

# A part that is not what the source has is not built upon.
partial 9
part=$(find "$D" -name '.ferry-tmp.*' -size +100k | head -n 1)
printf 'XXXX' | dd of="$part" bs=1 seek=5000 conv=notrunc status=none
exits 0 "a damaged part: the next run succeeds" copy --json "$S" "$D"
check "and its content is right" cmp "$S/large" "$D/large"
rm -rf "$S" "$D"
partial 9
head -c 100M /dev/urandom >"$S/large"
exits 0 "another source: the next run succeeds" copy --json "$S" "$D"
check "and has the new content" cmp "$S/large" "$D/large"
check "and nothing is left over" no_strays "$D"
rm -rf "$S" "$D"

# interrupted SIGNAL: how it ends.
interrupted() {
	mkdir -p "$S" "$D"
	echo old >"$D/large"
	head -c 100M /dev/urandom >"$S/large"
	/usr/bin/python3 "$BIN/interrupt.py" "$1" 0.7 "$FERRY" copy \
		--bwlimit 3M "$S" "$D" >"$OUT" 2>"$ERR"
	is "$1 ends it at once with 130" "$(cat "$OUT")" "130 quick"
	check "with a summary" test -s "$ERR"
	check "the old file is there" grep -qx old "$D/large"
	rm -rf "$S" "$D"
}
interrupted SIGINT
interrupted SIGTERM

e2e_end
