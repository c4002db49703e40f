#!/bin/bash
# Damaged repositories: check names what is damaged and which files that
# touches, repair makes the rest sound again, and nothing that is whole is lost
# on the way, also if it is killed.  restic is the judge.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$ROOT/tests/lib/repo.sh"

step=${KILL_STEP:-2}
S=$SHM/src BASE=$SHM/base D=$SHM/d
cd "$SHM" || exit 1

cat >"$BIN/files.py" <<'END'
import os, random, sys
top, seed = sys.argv[1], int(sys.argv[2])
rng = random.Random(seed)
for i in range(80):
    d = "%s/d%d/e%d" % (top, i % 5, i % 3)
    os.makedirs(d, exist_ok=True)
    path = "%s/f%d" % (d, i)
    if not os.path.exists(path) or rng.random() < 0.1:
        with open(path, "wb") as f:
            f.write(rng.randbytes(rng.choice((0, 100, 9000, 120000))))
if seed == 1:
    with open(top + "/large", "wb") as f:
        f.write(rng.randbytes(9000000))
END
make_files() { /usr/bin/python3 "$BIN/files.py" "$S" "$1"; }

# What is touched if these blobs are lost, by restic's mouth: "01234567 /path"
# for each file and each folder that cannot be read.
cat >"$BIN/touched.py" <<'END'
import json, os, subprocess, sys
repo, lost = sys.argv[1], set(sys.argv[2:])
def cat(*what):
    return json.loads(subprocess.run(
        [os.environ["RESTIC"], "-q", "--no-lock", "--no-cache", "-r", repo,
         "cat", *what], stdout=subprocess.PIPE, check=True).stdout)
trees = {}
def walk(snap, tree, path):
    if tree in lost:
        print(snap, path or "/")
        return
    if tree not in trees:
        trees[tree] = cat("blob", tree)
    for n in trees[tree]["nodes"] or ():
        at = path + "/" + n["name"]
        if "subtree" in n:
            walk(snap, n["subtree"], at)
        elif lost & set(n.get("content") or ()):
            print(snap, at)
for s in sorted(os.listdir(repo + "/snapshots")):
    walk(s[:8], cat("snapshot", s)["tree"], "")
END
touched() { /usr/bin/python3 "$BIN/touched.py" "$BASE" "$@" | sort; }

# blobs_of PACK: "type id" of each.
blobs_of() {
	local i
	for i in "$BASE"/index/*; do
		"$RESTIC" -q --no-lock --no-cache -r "$BASE" cat index \
			"${i##*/}" | jq -r --arg p "$1" '.packs[] |
			select(.id == $p).blobs[] | .type + " " + .id'
	done
}

# told: what ferry has just said is touched.
told() {
	sed -n 's/^error: snapshot \([0-9a-f]*\): \(.*\): \(a part\|this f\).*/\1 \2/p' \
		"$ERR" | sort
}

export RESTIC
fresh "$BASE"
mkdir "$S"
for n in 1 2 3; do
	make_files "$n"
	ferry backup -q --pack-size 4M "$S" || not_ok "backup $n" "$ERR"
done
chmod -R u+w "$BASE"
sound "the repository is sound at first"
judges=("${judges[0]}") # the other one would say the same, slowly
exits 0 "check finds nothing wrong" repo check --read-data
says "and says so" "no errors were found"
large_pack=$(find "$BASE/data" -type f -printf '%s %f\n' | sort -n | tail -n 1)
large_pack=${large_pack#* }
packs=$(find "$BASE/data" -type f -printf '%f\n' | sort)
for p in $packs; do
	blobs_of "$p" >"$SHM/blobs.$p"
	if grep -q '^tree' "$SHM/blobs.$p"; then
		tree_pack=$p
	elif [ "$p" != "$large_pack" ]; then
		data_pack=$p
	fi
done
path_of() { echo "$D/data/${1:0:2}/$1"; }

# hurt: a copy of the repository to be damaged, that of the following commands.
hurt() {
	rm -rf "$D"
	cp -a "$BASE" "$D"
	export RESTIC_REPOSITORY=$D
}
flip() { # FILE OFFSET (from the end, if negative)
	/usr/bin/python3 - "$1" "$2" <<'END'
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[int(sys.argv[2])] ^= 4
open(sys.argv[1], "wb").write(b)
END
}

# mend: what check says is to be done.
mend() {
	local broken
	ferry repo repair index || return 1
	ferry repo check --read-data --json
	broken=$(jq -r 'select(.message_type == "summary").broken_packs |
		.[]?' "$OUT")
	# shellcheck disable=SC2086
	if [ -n "$broken" ]; then
		ferry repo repair packs --no-copies $broken || return 1
	fi
	ferry repo repair snapshots --forget
}

# kept NAME: of the newest snapshot all is there that $SHM/touched does not
# name; and of the others, as many.
kept() {
	local name=$1 last bad f t
	last=$(find "$BASE/snapshots" -type f -printf '%T@ %f\n' | sort -n |
		tail -n 1 | cut -d' ' -f2)
	rm -rf "$SHM/back"
	restic restore --no-lock --no-cache latest --target "$SHM/back" \
		>"$SHM/check" 2>&1 || {
		not_ok "$name" "$SHM/check"
		return
	}
	diff -rq "$S" "$SHM/back$S" 2>&1 | sed -n \
		-e 's/^Files \(.*\) and .* differ$/\1/p' \
		-e 's/^Only in \(.*\): \(.*\)$/\1\/\2/p' >"$SHM/differ"
	sed -n "s/^${last:0:8} //p" "$SHM/touched" >"$SHM/may"
	bad=$(while read -r f; do
		while read -r t; do
			t=${t%/}
			case $f in "$t" | "$t"/*) continue 2 ;; esac
		done <"$SHM/may"
		echo "$f"
	done <"$SHM/differ")
	echo "$bad" >"$SHM/bad"
	check "$name" test -z "$bad"
}

# mended NAME: and then the judges find nothing wrong.
mended() {
	if ! mend; then
		not_ok "repair: $1" "$ERR"
	fi
	sound "repaired: $1"
	exits 0 "check agrees: $1" repo check --read-data
	kept "all else is kept: $1"
}

# --- packs ---------------------------------------------------------------

# A bit in one blob; all in it that is whole must be saved.
hurt
read -r _ blob <"$SHM/blobs.$data_pack"
touched "$blob" >"$SHM/touched"
flip "$(path_of "$data_pack")" 40
exits 0 "a flipped bit in a file's content is not seen by a plain check" \
	repo check
exits 1 "but by one that reads the data" repo check --read-data
says "the pack is named" "pack $data_pack: 1 of its"
says "and the blob" "blob $blob"
told >"$SHM/told"
check "and the files that it touches" cmp "$SHM/touched" "$SHM/told"
check "which there are" test -s "$SHM/told"
says "and what repairs it" "ferry repo repair packs $data_pack"
mended "a blob of data"
for s in "$D"/snapshots/*; do
	"$RESTIC" -q --no-lock -r "$D" cat snapshot "${s##*/}"
done | jq -r .original | cut -c1-8 | sort >"$SHM/originals"
cut -d' ' -f1 "$SHM/touched" | sort -u >"$SHM/expected"
sed -i /null/d "$SHM/originals"
check "only the snapshots that are touched were changed" \
	cmp "$SHM/originals" "$SHM/expected"

hurt
size=$(stat -c %s "$(path_of "$data_pack")")
flip "$(path_of "$data_pack")" -20
: >"$SHM/touched"
exits 1 "a flipped bit in a header is seen" repo check --read-data
says "the header is named" "$data_pack: its header is not"
is "and no file is touched" "$(told)" ""
mended "a header"
is "nothing was lost with it" "$(cat "$SHM/differ")" ""

# What a damaged header cannot tell is in the index that is replaced only.
hurt
flip "$(path_of "$data_pack")" -20
exits 0 "all headers are read, and one is damaged" \
	repo repair index --read-all-packs
says "what the index knew of that pack is kept" "repair packs $data_pack"
mended "a header, after all were read"
is "nothing was lost with that, either" "$(cat "$SHM/differ")" ""

hurt
cut=$((size / 2))
truncate -s $cut "$(path_of "$data_pack")"
exits 1 "a cut pack is seen by a plain check" repo check
says "and named" "pack $data_pack: it has $cut bytes"
told >"$SHM/touched"
check "the files are named" test -s "$SHM/touched"
exits 0 "repair index keeps what is known of it" repo repair index
says "and says what is to be done" "repair packs $data_pack"
mended "a cut pack"

hurt
: >"$(path_of "$large_pack")"
exits 1 "an empty pack is seen" repo check
# shellcheck disable=SC2046
touched $(cut -d' ' -f2 "$SHM/blobs.$large_pack") >"$SHM/touched"
told >"$SHM/told"
check "and all that it touches" cmp "$SHM/touched" "$SHM/told"
mended "an empty pack"

hurt
rm "$(path_of "$data_pack")"
exits 1 "a missing pack is seen" repo check
says "and named" "pack $data_pack: missing"
# shellcheck disable=SC2046
touched $(cut -d' ' -f2 "$SHM/blobs.$data_pack") >"$SHM/touched"
told >"$SHM/told"
check "and all that it touches, of each snapshot" cmp "$SHM/touched" \
	"$SHM/told"
says "and what repairs it" "ferry repo repair index"
cp -a "$D" "$SHM/missing"
mended "a missing pack"

# A new backup heals what it can, before anything is taken away.
rm -rf "$D"
mv "$SHM/missing" "$D"
exits 0 "the index forgets a missing pack" repo repair index
exits 0 "a backup brings back what is still there" backup -q --force "$S"
ferry repo check
told | grep -c "^$(latest | cut -c1-8)" >"$SHM/n"
is "so that the newest is whole" "$(cat "$SHM/n")" 0

hurt
read -r _ tree <"$SHM/blobs.$tree_pack"
touched "$tree" >"$SHM/touched"
flip "$(path_of "$tree_pack")" 40
exits 1 "a flipped bit in a tree is seen by a plain check" repo check
says "the tree is named" "tree blob $tree"
says "and its pack" "pack $tree_pack"
told >"$SHM/told"
check "and all that it touches" cmp "$SHM/touched" "$SHM/told"
mended "a tree"

hurt
rm "$(path_of "$tree_pack")"
exits 1 "a missing pack of trees is seen" repo check
says "and named" "$tree_pack: missing"
told >"$SHM/touched"
check "and what it touches" test -s "$SHM/touched"
mended "a missing pack of trees"

hurt
orphan=$(echo orphan | sha256sum | cut -c1-64)
mkdir -p "$D/data/${orphan:0:2}"
echo orphan >"$D/data/${orphan:0:2}/$orphan"
exits 0 "a file that no index names is no damage" repo check --read-data
says "but told" "1 packs are named by no index"

# --- the other files -----------------------------------------------------

: >"$SHM/touched"
for how in flip cut remove; do
	hurt
	f=$(find "$D/index" -type f | head -n 1)
	case $how in
	flip) flip "$f" 100 ;;
	cut) truncate -s 100 "$f" ;;
	remove) rm "$f" ;;
	esac
	exits 1 "an index file is damaged: $how" repo check
	[ $how = remove ] || says "and named: $how" "${f##*/}"
	# what it named is there still
	exits 0 "the index is repaired: $how" repo repair index
	sound "the index is right again: $how"
	exits 0 "check finds nothing any more: $how" repo check --read-data
	kept "nothing is lost with an index: $how"
	is "nothing at all: $how" "$(cat "$SHM/differ")" ""

	hurt
	f=$(find "$D/snapshots" -type f -printf '%T@ %p\n' | sort -n |
		head -n 1 | cut -d' ' -f2)
	case $how in
	flip) flip "$f" 100 ;;
	cut) truncate -s 10 "$f" ;;
	remove) rm "$f" ;;
	esac
	if [ $how = remove ]; then
		exits 0 "what was a snapshot's is no damage" repo check
	else
		exits 1 "a snapshot is damaged: $how" repo check
		says "and named: $how" "${f##*/}"
	fi
	ferry repo recover
	rm -f "$f"
	sound "its folders are recovered: $how"
	is "as a snapshot: $how" "$(describes '.tags[0]')" recovered
	restic ls --no-lock "$(latest)" >"$SHM/listed"
	check "with all its files: $how" grep -q "$S/d1/e1/f1$" "$SHM/listed"
	ferry repo recover
	says "and then there is nothing more to recover: $how" \
		"leads to each of them"

	hurt
	case $how in
	flip) flip "$D/config" 30 ;;
	cut) truncate -s 20 "$D/config" ;;
	remove) rm "$D/config" ;;
	esac
	if [ $how = remove ]; then
		exits 10 "no config, no repository" repo check
	else
		exits 1 "a damaged config is told: $how" repo check
		says "by its name: $how" "config"
	fi

	hurt
	key=$(find "$D/keys" -type f)
	case $how in
	flip) flip "$key" -90 ;;
	cut) truncate -s 200 "$key" ;;
	remove) rm "$key" ;;
	esac
	ferry repo check
	is "without its key nothing opens: $how" \
		"$(($? != 0))" 1
done
hurt
echo '{}' >"$D/keys/$orphan"
exits 1 "a damaged key among others is seen" repo check
says "and named" "key $orphan"

# --- two at once, and all over -------------------------------------------

hurt
rm "$(path_of "$data_pack")" "$(find "$D/index" -type f | head -n 1)"
flip "$(path_of "$tree_pack")" 2000
exits 1 "several damages" repo check --read-data
told >"$SHM/touched"
mended "several damages"

for seed in 1 2 3; do
	hurt
	/usr/bin/python3 - "$D" "$seed" <<'END'
import os, random, sys
rng = random.Random(int(sys.argv[2]))
files = [os.path.join(d, f) for sub in ("data", "index")
         for d, _, fs in os.walk(os.path.join(sys.argv[1], sub)) for f in fs]
for path in rng.sample(sorted(files), 3):
    b = bytearray(open(path, "rb").read())
    if rng.random() < 0.3:
        b = b[:rng.randrange(len(b))]
    for _ in range(rng.randrange(5)):
        if b:
            b[rng.randrange(len(b))] ^= 1 << rng.randrange(8)
    open(path, "wb").write(b)
END
	ferry repo check --read-data
	[ $? -le 1 ] || not_ok "random damage $seed" "$ERR"
	mend || not_ok "random damage $seed is not repaired" "$ERR"
	sound "random damage $seed is repaired"
done

# --- subsets -------------------------------------------------------------

hurt
flip "$(path_of "$data_pack")" 40
found=0
for n in 1 2 3; do
	ferry repo check --read-data-subset $n/3 || found=$((found + 1))
done
is "of three parts one has the damage" "$found" 1
exits 1 "100% is all" repo check --read-data-subset 100%
exits 1 "and so is a size" repo check --read-data-subset 1G
for bad in 0/3 4/3 1/ x 0% 101% -1 0; do
	exits 2 "--read-data-subset=$bad is refused" repo check \
		"--read-data-subset=$bad"
done

# --- rewrite -------------------------------------------------------------

hurt
old=$(latest)
exits 0 "what would be left out is shown" \
	repo rewrite --exclude 'f1*' --dry-run latest
is "and nothing is changed" "$(latest)" "$old"
exits 0 "files are left out" repo rewrite --exclude 'f1*' latest
sound "the snapshot without them is sound"
is "it says where it comes from" "$(describes .original)" "$old"
is "and has the tag" "$(describes '.tags[0]')" rewrite
restic ls --no-lock "$(latest)" | grep -a '^/' >"$SHM/ours"
was=$(tree_id)
is "the summary counts what is left" \
	"$(describes .summary.total_files_processed)" \
	"$(find "$S" -type f ! -name 'f1*' | wc -l)"
hurt
"$RESTIC" -q rewrite --no-cache --exclude 'f1*' "$old" >"$SHM/check" 2>&1
is "restic makes the same tree of it" "$(tree_id)" "$was"
hurt
exits 0 "host and time are changed, the old one goes" repo rewrite --forget \
	--new-host other --new-time "2001-02-03 04:05:06" latest
is "one is left in its place" "$(snapshot_count)" 3
is "of that host" "$(describes .hostname)" other
is "without a tag" "$(describes .tags)" null
sound "which is sound"
exits 2 "rewrite without a wish is refused" repo rewrite
exits 0 "what matches nothing changes nothing" \
	repo rewrite --exclude nosuchname
says "and that is said" "no snapshots were modified"

# --- migrate -------------------------------------------------------------

fresh "$SHM/one" 1
ferry backup -q "$S"
exits 0 "what there is to migrate" repo migrate
says "is listed" upgrade_repo_v2
exits 0 "to version 2" repo migrate upgrade_repo_v2
sound "the repository is sound then"
is "and of version 2" "$(restic cat config | jq .version)" 2
exits 2 "only once" repo migrate upgrade_repo_v2
exits 0 "a backup into it" backup -q --force "$S"
sound "and sound then"

# --- killed --------------------------------------------------------------

# killed_at N COMMAND...: with its N-th writing or removing waiting for ever.
killed_at() {
	local place=":fault,remote=$D,op=\"put unlink\",calls=$1-,delay=60s:"
	shift
	RESTIC_REPOSITORY='' "$FERRY" "$@" -r "$place" >"$SHM/killed" 2>&1 &
	held $!
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
}

# killing NAME SETUP COMMAND...: at each point; then all is repaired, and only
# that is lost which was.
killing() {
	local name=$1 setup=$2 n=2 kills=0 bad_ones=0
	shift 2
	while
		hurt
		$setup
		killed_at "$n" "$@"
		[ $? = 137 ]
	do
		kills=$((kills + 1))
		# shellcheck disable=SC2119 # without flags
		if ! mend || ! is_sound >"$SHM/check" 2>&1; then
			bad_ones=$((bad_ones + 1))
			not_ok "$name killed at call $n" "$ERR" "$SHM/check"
		fi
		kept "$name killed at call $n: all else is kept"
		n=$((n + step))
	done
	is "$name, killed at $kills points, was always finished" "$bad_ones" 0
	check "$name: there were points" test "$kills" -ge 2
}
# shellcheck disable=SC2317
spoil_blob() { flip "$(path_of "$data_pack")" 40; }
# shellcheck disable=SC2317
spoil_index() {
	rm "$(find "$D/index" -type f | head -n 1)"
	rm "$(path_of "$data_pack")"
}
# shellcheck disable=SC2317
spoil_all() {
	spoil_index
	ferry repo repair index
}
touched "$blob" >"$SHM/touched"
killing "repair packs" spoil_blob repo repair packs --no-copies "$data_pack"
# shellcheck disable=SC2046
touched $(cut -d' ' -f2 "$SHM/blobs.$data_pack") >"$SHM/touched"
killing "repair index" spoil_index repo repair index
killing "repair snapshots" spoil_all repo repair snapshots --forget

e2e_end
