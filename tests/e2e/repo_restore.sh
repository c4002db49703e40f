#!/bin/bash
# What a snapshot has comes back, entry by entry: from repositories that ferry
# and restic made, as root and as nobody, over anything that is there already,
# after a kill, and out of damaged repositories.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"

need restic rsync setfacl
R=$SHM/repo S=$SHM/src T=$SHM/target
export RESTIC_PASSWORD=pass RESTIC_CACHE_DIR=$SHM/restic-cache
export FERRY_REPOSITORY=$R
rounds=${KILL_ROUNDS:-30}

judges=(restic)
command -v restic-new >/dev/null && judges+=(restic-new)

fresh() { rm -rf "$T"; }
# The snapshot's root is the folder's content.
keep() { (cd "$2" && "$1" -r "$R" backup -q . >"$SHM/keep" 2>&1); }
restored() { exits 0 "$1" restore latest --target "$T" "${@:2}"; }

# same NAME [A B]: rsync and treediff find nothing.
same() {
	local a=${2:-$S} b=${3:-$T}
	chmod --reference="$a" "$b" # the target itself is not restored
	touch -r "$a" "$b"
	rsync -aHAXni --delete "$a/" "$b/" >"$SHM/diff" 2>&1
	# paths that are too long for rsync are left to treediff
	grep -vE 'max-path|^IO error|^rsync error' "$SHM/diff" >"$SHM/diff2"
	treediff "$a" "$b" >>"$SHM/diff2" 2>&1
	if [ -s "$SHM/diff2" ]; then
		not_ok "$1" "$SHM/diff2"
	else
		ok "$1"
	fi
}

content_of() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z |
	xargs -0r sha256sum); }
states() { (cd "$1" && find . -printf '%P %y %i %s %T@ %m %U %G %l\n' | sort); }

# ---- fidelity -----------------------------------------------------------
maketree "$S" --seed 11 --small
find "$S" -type s -delete # nobody would listen

for judge in "${judges[@]}"; do
	rm -rf "$R"
	"$judge" init -q -r "$R"
	quick "$R"
	keep "$judge" "$S" # which cannot save the deepest
	rm -rf "$SHM/ref"
	"$judge" -r "$R" restore -q latest --target "$SHM/ref" >/dev/null 2>&1
	fresh
	restored "a tree of $judge is restored"
	same "entry by entry as $judge restores it" "$SHM/ref" "$T"
	states "$T" >"$SHM/before"
	restored "and once more"
	states "$T" >"$SHM/after"
	as_before "which changes nothing"
done

rm -rf "$R"
exits 0 "ferry makes a repository" init
quick "$R"
(cd "$S" && "$FERRY" backup . -q) >"$OUT" 2>"$ERR" </dev/null
is "ferry saves the tree" $? 0
fresh
restored "a tree of ferry's is restored" --verify
same "entry by entry as it was"

fresh
mkdir -p "$T"
setfacl -d -m u:12:rwx,g:13:r "$T"
restored "below a folder whose ACL is inherited"
setfacl -b "$T"
same "nothing of it is left in what was restored"

fresh
restored "with --sparse" --sparse
same "the same is read from a sparse tree"

if is_root; then
	rm -rf "$SHM/nobody"
	mkdir -m 777 "$SHM/nobody"
	N=$SHM/nobody
	nobody /usr/bin/python3 "$BIN/maketree.py" "$N/src" --seed 3 --small \
		--user >/dev/null 2>&1
	find "$N/src" -type s -delete
	nobody "$FERRY" -q init -r "$N/repo" >"$OUT" 2>"$ERR"
	(cd "$N/src" && nobody "$FERRY" backup -q -r "$N/repo" .) \
		>"$OUT" 2>"$ERR"
	nobody "$FERRY" restore -r "$N/repo" latest -t "$N/t" >"$OUT" 2>"$ERR"
	is "nobody restores what is his" $? 0
	same "entry by entry" "$N/src" "$N/t"
	nobody "$FERRY" restore -r "$N/repo" latest -t "$N/t" >"$OUT" 2>"$ERR"
	same "again, into folders that are read-only by now" "$N/src" "$N/t"
	mkdir "$N/own"
	echo x >"$N/own/set"
	chown 7:8 "$N/own/set"
	chmod 6755 "$N/own/set"
	(cd "$N/own" && "$FERRY" backup -q -r "$N/repo" . --host other) \
		>"$OUT" 2>"$ERR"
	chmod -R a+rX "$N/repo"
	nobody "$FERRY" restore -r "$N/repo" latest --host other -t "$N/o" \
		--no-lock >"$OUT" 2>"$ERR"
	is "files of others are no failure" $? 0
	is "but their set-id bits go" "$(stat -c %a "$N/o/set")" 755
else
	skipped "as another user: only root can"
fi

# ---- what is there already ----------------------------------------------
rm -rf "$R" "$S"
mkdir -p "$S/d/sub" "$S/empty"
echo one >"$S/d/one"
echo two >"$S/d/two"
ln "$S/d/two" "$S/d/sub/two-again"
ln -s one "$S/d/link"
head -c 3000000 /dev/urandom >"$S/d/big"
touch -d '2020-01-01' "$S/d/one"
ferry init && quick "$R" &&
	(cd "$S" && "$FERRY" backup -q .) >"$OUT" 2>"$ERR"

prepare() {
	rm -rf "$T"
	cp -a "$S" "$T"
	printf 'ONE\n' >"$T/d/one" # as long,
	touch -d "$1" "$T/d/one"
}
overwrites() { # RULE MTIME WANTED
	prepare "$2"
	restored "--overwrite $1" --overwrite "$1"
	is "--overwrite $1 over a file of $2" "$(cat "$T/d/one")" "$3"
}
overwrites always 2020-01-01 one
overwrites if-changed 2020-01-01 ONE
overwrites if-changed 2021-01-01 one
overwrites if-newer 2019-01-01 one
overwrites if-newer 2021-01-01 ONE
overwrites never 2019-01-01 ONE
rm "$T/d/two"
restored "never, and a file is missing" --overwrite never
is "which comes back" "$(cat "$T/d/two")" two
exits 2 "another word is refused" restore latest -t "$T" --overwrite perhaps
exits 1 "where no folder can be made, that is why" \
	restore latest -t /sys/kernel/target

# Names of one file, of which some are not to be overwritten.
prepare 2020-01-01
rm "$T/d/two"
echo mine >"$T/d/two"
restored "if-newer, and another name of a file is newer" --overwrite if-newer
is "which stays" "$(cat "$T/d/two")" mine
prepare 2020-01-01
rm "$T/d/two" "$T/d/sub/two-again"
echo mine >"$T/d/sub/two-again" # of both the first that is met
restored "never, and the first name is another file" --overwrite never
is "what is there stays" "$(cat "$T/d/sub/two-again")" mine
is "and the other name is restored by itself" "$(cat "$T/d/two")" two
is "it is alone" "$(stat -c %h "$T/d/two")" 1
rm "$T/d/two" "$T/d/sub/two-again"
restored "never, and no name is there" --overwrite never
rm "$T/d/two"
restored "never, and one of two names is there" --overwrite never
check "the other is a link to it" \
	test "$T/d/two" -ef "$T/d/sub/two-again"

for rule in never if-newer; do
	prepare 2020-01-01
	rm -r "$T/d/sub"
	echo mine >"$T/d/sub"
	exits 3 "$rule, and a file is where a folder should be" \
		restore latest --target "$T" --overwrite $rule
	is "$rule: it stays" "$(cat "$T/d/sub")" mine
done
restored "always, and a file is where a folder should be"
check "it gives way" test -f "$T/d/sub/two-again"

prepare 2020-01-01
printf X | dd of="$T/d/big" bs=1 seek=1000000 conv=notrunc status=none
inode=$(stat -c %i "$T/d/big")
ln "$T/d/big" "$SHM/other-name"
cp "$T/d/big" "$SHM/other-copy"
restored "over a large file with one wrong byte"
same "it is right again"
check "what was its other name is not written into" \
	cmp "$SHM/other-name" "$SHM/other-copy"
check "it is another file now" test "$(stat -c %i "$T/d/big")" != "$inode"
rm -f "$SHM/other-name"

prepare 2020-01-01
rm "$T/d/one" && mkdir "$T/d/one" # a folder where a file belongs
rm -r "$T/empty" && echo x >"$T/empty"
rm "$T/d/link" && echo x >"$T/d/link"
restored "over entries of another kind"
same "they are what they were"
rm "$T/d/one" && mkdir "$T/d/one" && echo x >"$T/d/one/precious"
exits 3 "a folder with something in it stays" restore latest -t "$T"
says "and is named" d/one
is "with what is in it" "$(cat "$T/d/one/precious")" x
restored "but not with --delete" --delete
same "and all is as it was"

prepare 2020-01-01
mkdir -p "$T/x/y/z" "$T/d/x" && echo x >"$T/x/y/z/f"
echo x >"$T/d/extra" && ln -s / "$T/d/root"
states "$T" >"$SHM/before"
restored "--delete --dry-run" --delete --dry-run -v
states "$T" >"$SHM/after"
as_before "changes nothing"
says "but says what it would do" "deleted   /d/extra"
restored "--delete, but not what is excluded" --delete --exclude /d/extra
is "the excluded file stays" "$(cat "$T/d/extra")" x
check "others are gone" test ! -e "$T/x"
restored "--delete" --delete
same "leaves what the snapshot has"
check "and links were not followed" test -e /etc

exits 2 "--delete into / is refused" restore latest -t / --delete
exits 2 "however it is written" restore latest -t //./ --delete
exits 2 "no target, no restore" restore latest
exits 2 "--include and --exclude" restore latest -t "$T" -i a -e b

fresh
restored "--include" --include /d/sub
is "is what was asked for, and where it lies" \
	"$(cd "$T" && find . | sort | xargs)" ". ./d ./d/sub ./d/sub/two-again"
fresh
restored "--exclude" --exclude /d
is "is all the others" "$(cd "$T" && find . | sort | xargs)" ". ./empty"
fresh
exits 0 "a folder of the snapshot" restore latest:/d -t "$T"
same "becomes the target itself" "$S/d" "$T"
fresh
exits 0 "a file of the snapshot" restore latest:d/one -t "$T"
is "goes into the target" "$(cat "$T/one")" one
exits 4 "a path that is not there" restore latest:/d/none -t "$T"
exits 4 "no such snapshot" restore latest --host nobody-has-it -t "$T"

fresh
exits 0 "--json" restore latest -t "$T" --json -v
is "counts everything" "$(field total_files)" 8
is "and what it did" "$(field files_restored)" 8
says "and names each" '"action":"restored","item":"/d/one","size":4'

# ---- nothing outside ----------------------------------------------------
trap_it() { # NAME: $T has links that lead to $SHM/outside
	restored "$1"
	as_outside "$1: nothing outside is touched"
}
as_outside() {
	states "$SHM/outside" >"$SHM/after"
	as_before "$1"
}
mkdir -p "$SHM/outside/sub"
echo mine >"$SHM/outside/one"
echo mine >"$SHM/outside/sub/two-again"
states "$SHM/outside" >"$SHM/before"
fresh && mkdir "$T" && ln -s "$SHM/outside" "$T/d"
trap_it "a link where a folder belongs"
check "it is a folder now" test ! -L "$T/d"
fresh && mkdir -p "$T/d" && ln -s "$SHM/outside" "$T/d/sub"
ln -s "$SHM/outside/one" "$T/d/one"
trap_it "links one level down"
same "and they are files"
fresh && mkdir -p "$T/d" && ln -s "$SHM/outside/one" "$T/d/big"
trap_it "a link where a large file belongs" --delete
fresh && mkdir -p "$T/d" && restored "names of temporary files" -q
temp=$(cd "$SHM" && strace -f -o "$SHM/trace" -e trace=openat "$FERRY" \
	restore latest:d -t "$SHM/traced" >/dev/null 2>&1
	grep -ao '\.ferry-tmp\.[0-9a-f]*' "$SHM/trace" 2>/dev/null | sort -u)
if [ -n "$temp" ]; then
	fresh && mkdir -p "$T"
	for t in $temp; do ln "$SHM/outside/one" "$T/$t"; done
	exits 0 "links in place of temporary files" restore latest:d -t "$T"
	is "are not written through" "$(cat "$SHM/outside/one")" mine
	fresh && mkdir -p "$T"
	for t in $temp; do ln -s "$SHM/outside/one" "$T/$t"; done
	exits 0 "nor are symbolic ones" restore latest:d -t "$T" --delete
	is "followed" "$(cat "$SHM/outside/one")" mine
	same "and the files are right" "$S/d" "$T"
else
	skipped "temporary names: no strace here"
fi

# ---- killed and gone on with --------------------------------------------
rm -rf "$R" "$S"
mkdir "$S"
/usr/bin/python3 - "$S" <<'END'
import os, random, sys
rng = random.Random(5)
for i in range(3000):
    d = "%s/d%d" % (sys.argv[1], i % 60)
    os.makedirs(d, exist_ok=True)
    with open("%s/f%d" % (d, i), "wb") as f:
        f.write(rng.randbytes((0, 100, 5000, 20000)[i % 4]))
with open(sys.argv[1] + "/large", "wb") as f:
    f.write(rng.randbytes(60000000))
END
ferry init && quick "$R" &&
	(cd "$S" && "$FERRY" backup -q .) >"$OUT" 2>"$ERR"
content_of "$S" >"$SHM/wanted"
# Every file that has its own name has its content.
whole() {
	content_of "$T" | grep -v '\.ferry-tmp\.' >"$SHM/have"
	[ -z "$(LC_ALL=C comm -13 <(LC_ALL=C sort "$SHM/wanted") \
		<(LC_ALL=C sort "$SHM/have"))" ]
}
fresh
# how long one takes, of which the password is a good part
begun=$(date +%s%N)
restored "an undisturbed restore"
took=$(($(date +%s%N) - begun))
bad=0
for ((i = 0; i < rounds; i++)); do
	((i % 5)) || fresh
	when=$((took / 3 + took * (RANDOM % 100) / 150))
	timeout -s KILL "$(printf '%d.%09d' $((when / 1000000000)) \
		$((when % 1000000000)))" \
		"$FERRY" restore latest -t "$T" -q >/dev/null 2>&1
	[ ! -d "$T" ] || whole || bad=$((bad + 1))
done 2>/dev/null
is "after $rounds kills there is no file that is half there" "$bad" 0
restored "the next run"
same "finishes the work"
check "and nothing else is left" no_strays "$T"

# ---- damage -------------------------------------------------------------
R2=$SHM/damaged
export FERRY_REPOSITORY=$R2
cp -a "$R" "$R2"
chmod -R u+w "$R2"
pack=$(find "$R2/data" -type f -size +4M -printf '%s %p\n' | sort -n |
	tail -1 | cut -d' ' -f2)
dd if=/dev/urandom of="$pack" bs=100 seek=50000 count=1 conv=notrunc \
	status=none
fresh
exits 3 "a flipped bit is status 3" restore latest -t "$T"
says "and it is named" "data blob"
lost=$(grep -c 'not restored' "$ERR")
is "it concerns one file" "$lost" 1
content_of "$T" | grep -v damaged >"$SHM/have"
is "and all others are there" \
	"$(comm -23 <(sort "$SHM/wanted") <(sort "$SHM/have") | wc -l)" 1
is "none is there under its name that is wrong" \
	"$(comm -13 <(sort "$SHM/wanted") <(sort "$SHM/have") | wc -l)" 0
rm "$pack"
fresh
exits 3 "a missing pack is status 3" restore latest -t "$T"
content_of "$T" | grep -v damaged >"$SHM/have"
is "no file is wrong" \
	"$(comm -13 <(sort "$SHM/wanted") <(sort "$SHM/have") | wc -l)" 0
mkdir -p "$SHM/old" && rm -rf "$T" && mkdir "$T" && echo old >"$T/large"
ferry restore latest -t "$T"
case $(head -c 3 "$T/large") in
old) ok "an older file stays where the new one is damaged" ;;
*) check "the file was not in that pack" cmp "$S/large" "$T/large" ;;
esac
rm -rf "${R2:?}/data" && cp -a "$R/data" "$R2"
find "$R2/data" -type f -size -200k -delete # those of the trees
fresh
ferry restore latest -t "$T" --no-cache
is "without any tree: 3, and it is named" $? 3
rm -f "$R2"/index/*
fresh
exits 3 "without an index, too" restore latest -t "$T" --no-cache

e2e_end
