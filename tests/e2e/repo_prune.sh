#!/bin/bash
# forget, prune and tag on repositories that restic also works on; restic is
# the judge of what is left, also after a kill at any point.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

RESTIC=${RESTIC:-$(command -v restic-new || command -v restic)}
need restic
export RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$SHM/cache
step=${KILL_STEP:-3}
S=$SHM/src R=$SHM/repo

# Files that change from one snapshot to the next; half of them compress well.
cat >"$BIN/change.py" <<'END'
import os, random, sys
top, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
for i in range(120):
    d = "%s/d%d" % (top, i % 12)
    os.makedirs(d, exist_ok=True)
    path = "%s/f%d" % (d, i)
    if not os.path.exists(path) or rng.random() < 0.3:
        n = rng.choice((0, 100, 9000, 120000, 400000))
        with open(path, "wb") as f:
            f.write(rng.randbytes(n) if i % 2 else b"%d" % seed * (n // 2))
END
change() { /usr/bin/python3 "$BIN/change.py" "$S" "$1"; }

restic() { "$RESTIC" -q --no-cache --no-lock -r "$@"; }
sound() { restic "$1" check --read-data; }

# The last snapshot, restored by restic, is what was saved last.
whole() {
	rm -rf "$SHM/back"
	restic "$1" restore latest --target "$SHM/back" &&
		diff -r "$S" "$SHM/back$S"
}

# files_of REPO: all but its locks.
files_of() { (cd "$1" && find . -type f -not -path './locks/*' | sort); }

# Six snapshots by both programs in turn.
fill() {
	local repo=$1 i
	rm -rf "$S"
	for i in 1 2 3 4 5 6; do
		change "$i"
		if [ $((i % 2)) = 0 ]; then
			"$FERRY" backup -q -r "$repo" --pack-size 4M "$S" ||
				return 1
		else
			"$RESTIC" backup -q --no-cache -r "$repo" \
				--pack-size 4 "$S" || return 1
		fi
	done
}

"$RESTIC" init -q --no-cache -r "$R" || exit 1
quick "$R"
check "six snapshots are made" fill "$R"

# --- which snapshots -----------------------------------------------------

exits 2 "forget without a policy is refused" forget -r "$R"
exits 2 "forget with an empty policy is refused" forget -r "$R" --keep-last 0
exits 2 "snapshots and a policy together are refused" \
	forget -r "$R" --keep-last 1 latest
exits 2 "all without a filter is refused" \
	forget -r "$R" --unsafe-allow-remove-all
for bad in "--keep-last -1" "--keep-daily x" "--keep-within 7" \
	"--keep-within -1d" "--group-by nothing" "--max-unused 100%"; do
	# shellcheck disable=SC2086
	exits 2 "forget $bad is refused" forget -r "$R" --keep-tag a $bad
done
files_of "$R" >"$SHM/before"
ferry forget -r "$R" --keep-tag nosuch
says "a policy that leaves nothing is refused" "would be left"
exits 0 "what would be forgotten is shown" \
	forget -r "$R" --keep-last 2 --dry-run --prune
files_of "$R" >"$SHM/after"
as_before "refusals and dry runs change nothing"
exits 0 "a snapshot that is not there is no failure" forget -r "$R" 00000000

# The same snapshots are kept for the same reasons as restic keeps them.
# shellcheck disable=SC2317 # by eval
as_restic() {
	"$FERRY" forget -r "$R" --dry-run --json "$@" >"$SHM/ours" &&
		restic "$R" forget --dry-run --json "$@" >"$SHM/theirs" &&
		cmp "$SHM/ours" "$SHM/theirs"
}
for policy in "--keep-last 2" "--keep-hourly 1 --keep-weekly 3" \
	"--keep-within 1h" "--keep-within-daily 1y2m3d4h --keep-last 1" \
	"--keep-tag a,b --keep-yearly unlimited" "--keep-last 1 --group-by ''"
do
	check "restic decides the same: $policy" eval "as_restic $policy"
done

# --- prune ---------------------------------------------------------------

cp -a "$R" "$SHM/full"
stray=$(echo stray | sha256sum | cut -c1-64)
echo stray >"$R/data/${stray:0:2}/$stray"
exits 0 "forget --prune" forget -r "$R" --keep-last 2 --prune --pack-size 4M
check "restic finds nothing wrong with what is left" sound "$R"
check "the last snapshot is whole" whole "$R"
is "two snapshots are left" "$(find "$R/snapshots" -type f | wc -l)" 2
ferry prune -r "$R" --dry-run --json --pack-size 4M
is "a second run finds nothing to pack anew" "$(field packs_repacked)" 0
is "and nothing to remove" "$(field packs_removed)$(field packs_unreferenced)" \
	00
check "less is left" test "$(du -s "$R" | cut -f1)" -lt \
	"$(du -s "$SHM/full" | cut -f1)"
files_of "$R" >"$SHM/before"
"$RESTIC" prune -q --no-cache -r "$R" --pack-size 4 >/dev/null
files_of "$R" | grep /data/ >"$SHM/after"
grep /data/ "$SHM/before" >"$SHM/packs" && mv "$SHM/packs" "$SHM/before"
as_before "restic's prune finds nothing to do"

exits 0 "with --max-unused 0" prune -r "$R" --max-unused 0
ferry prune -r "$R" --dry-run --json --max-unused 0
is "nothing unused is left" "$(field bytes_unused_after)" 0
check "restic finds nothing wrong with that" sound "$R"
exits 0 "ferry goes on after restic has pruned" backup -q -r "$R" "$S"
check "and the snapshot is whole" whole "$R"

exits 0 "with --max-unused unlimited" forget -r "$SHM/full" --keep-last 1
ferry prune -r "$SHM/full" --dry-run --json --max-unused unlimited \
	--pack-size 4M
is "no data is moved but for small packs and folders" \
	"$(($(field bytes_repacked) < 4000000))" 1
exits 0 "with --max-repack-size 0" \
	prune -r "$SHM/full" --max-repack-size 0 --json
is "nothing is packed anew" "$(field packs_repacked)" 0
check "restic finds nothing wrong with that, either" sound "$SHM/full"

# --- damage --------------------------------------------------------------

refuses() { # NAME TEXT
	files_of "$SHM/bad" >"$SHM/before"
	exits 1 "prune is refused: $1" prune -r "$SHM/bad" --pack-size 4M \
		--max-unused 0
	says "and says why: $1" "$2"
	grep -q "snapshot [0-9a-f]\{8\}: .* blob [0-9a-f]\{64\}" "$ERR" ||
		not_ok "the snapshot and the blob are named: $1" "$ERR"
	files_of "$SHM/bad" | comm -23 "$SHM/before" - >"$SHM/gone"
	check "and nothing is removed: $1" test ! -s "$SHM/gone"
}
cp -a "$SHM/full" "$SHM/bad"
chmod -R u+w "$SHM/bad"
pack=$(find "$SHM/bad/data" -type f -printf '%s %p\n' | sort -n | tail -n 1)
pack=${pack#* }
mv "$pack" "$SHM/saved"
refuses "a pack is missing" "is needed and not there"
head -c 100000 "$SHM/saved" >"$pack"
refuses "a pack is cut" "has 100000 bytes"
/usr/bin/python3 - "$SHM/saved" "$pack" <<'END'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
for i in range(20, len(b) - 20000, 1000):
    b[i] ^= 1
open(sys.argv[2], "wb").write(b)
END
refuses "a blob that is to be moved is damaged" "bad MAC"
rm -rf "$SHM/bad"

# --- uncompressed, and version 1 -----------------------------------------

"$RESTIC" init -q --no-cache -r "$SHM/plain"
quick "$SHM/plain"
"$RESTIC" backup -q --no-cache -r "$SHM/plain" --compression off "$S"
was=$(du -s "$SHM/plain" | cut -f1)
exits 0 "what is not compressed is" prune -r "$SHM/plain" \
	--repack-uncompressed
check "less is left of it" test "$(du -s "$SHM/plain" | cut -f1)" -lt \
	$((was * 9 / 10))
check "restic finds nothing wrong with it" sound "$SHM/plain"
check "and it is whole" whole "$SHM/plain"

"$RESTIC" init -q --no-cache -r "$SHM/one" --repository-version 1
quick "$SHM/one"
fill "$SHM/one"
exits 2 "version 1 cannot compress" prune -r "$SHM/one" --repack-uncompressed
exits 0 "version 1 is pruned" \
	forget -r "$SHM/one" --keep-last 2 --prune --pack-size 4M
check "restic finds nothing wrong with version 1" sound "$SHM/one"
check "version 1 is whole" whole "$SHM/one"

# --- tags ----------------------------------------------------------------

tags() {
	restic "$R" snapshots --json | /usr/bin/python3 -c '
import json, sys
print(" ".join(",".join(s.get("tags") or ["-"]) for s in json.load(sys.stdin)))'
}
ids() {
	restic "$R" snapshots --json | /usr/bin/python3 -c '
import json, sys
print(*[s.get("original", s["id"]) for s in json.load(sys.stdin)])'
}
ids >"$SHM/before"
exits 0 "tags are set" repo tag -r "$R" --set a,b
is "all have them" "$(tags)" "a,b a,b a,b"
exits 0 "tags are added and removed" \
	repo tag -r "$R" --add c,a --remove b latest
is "the last one has them" "$(tags)" "a,b a,b a,c"
exits 0 "tags are taken away" repo tag -r "$R" --tag c --set ''
is "the one has none" "$(tags)" "a,b a,b -"
ids >"$SHM/after"
as_before "the first ids are kept as the originals"
exits 2 "nothing to do is an error" repo tag -r "$R"

# --- killed --------------------------------------------------------------

# killed_at N: the N-th call that writes or removes something waits for ever.
killed_at() {
	local place=":fault,remote=$SHM/k,op=\"put unlink\",calls=$1-,delay=60s:"
	rm -rf "$SHM/k"
	cp -a "$SHM/many" "$SHM/k"
	"$FERRY" prune -q -r "$place" --pack-size 4M >"$SHM/killed" 2>&1 &
	held $!
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
}
# shellcheck disable=SC2317 # by check
make_many() {
	"$RESTIC" init -q --no-cache -r "$SHM/many" && quick "$SHM/many" &&
		fill "$SHM/many" &&
		"$FERRY" forget -q -r "$SHM/many" --keep-last 2
}
check "a repository to prune" make_many
n=2 kills=0 unsound=0
while killed_at "$n"; [ $? = 137 ]; do
	kills=$((kills + 1))
	if ! sound "$SHM/k" >"$SHM/check" 2>&1; then
		unsound=$((unsound + 1))
		not_ok "killed at call $n" "$SHM/check"
	elif [ $((kills % 3)) = 0 ]; then
		if ! ferry prune -q -r "$SHM/k" --pack-size 4M ||
			! whole "$SHM/k" >"$SHM/check" 2>&1; then
			unsound=$((unsound + 1))
			not_ok "the next prune after a kill at call $n" \
				"$ERR" "$SHM/check"
		fi
		ferry prune -r "$SHM/k" --dry-run --json --pack-size 4M
		[ "$(field packs_repacked)$(field packs_removed)" = 00 ] ||
			not_ok "something is left to do after call $n" "$OUT"
	fi
	n=$((n + step))
done
is "killed at $kills points, the repository was always sound" "$unsound" 0
check "there were some points" test "$kills" -ge 2
check "at last it was not killed" sound "$SHM/k"

e2e_end
