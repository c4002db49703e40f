#!/bin/bash
# Questions to a repository (ls, find, diff, dump, stats, key) and copies of
# it: restic's own program gives the same answers.
. "$(dirname "$0")/../lib/e2e.sh"
RESTIC=${RESTIC:-restic-new}
need "$RESTIC" jq tar

export RESTIC_PASSWORD=secret RESTIC_REPOSITORY=$SHM/repo
export RESTIC_CACHE_DIR=$SHM/cache

# restic ARGUMENT...: as ferry, to $SHM/theirs.
restic() { "$RESTIC" "$@" >"$SHM/theirs" 2>"$SHM/theirs.err" </dev/null; }

# Each line's object in one order of members, without what only we add.
sorted() { jq -cS 'del(.. | .path_hex?)' "$1"; }

# same NAME ARGUMENT...: the same JSON and exit status.
same() {
	local name=$1 ours theirs
	shift
	ferry repo "$@" --json
	ours=$?
	restic "$@" --json
	theirs=$?
	if [ $ours = $theirs ] && cmp -s <(sorted "$OUT") \
		<(sorted "$SHM/theirs"); then
		ok "$name"
	else
		diff <(sorted "$OUT") <(sorted "$SHM/theirs") >"$SHM/diff"
		not_ok "$name: exit $ours, restic's $theirs" "$SHM/diff" "$ERR"
	fi
}

# same_text NAME ARGUMENT...: the same text, byte for byte.
same_text() {
	local name=$1 ours theirs
	shift
	ferry repo "$@"
	ours=$?
	restic "$@"
	theirs=$?
	if [ $ours = $theirs ] && cmp -s "$OUT" "$SHM/theirs"; then
		ok "$name"
	else
		diff -a "$OUT" "$SHM/theirs" >"$SHM/diff"
		not_ok "$name: exit $ours, restic's $theirs" "$SHM/diff" "$ERR"
	fi
}

# A tree of everything that there may be, and another made from it.
make_tree() {
	mkdir -p src/d/e/f src/empty src/d-x src/many
	head -c 3000000 /dev/urandom >src/big
	head -c 3000 /dev/urandom >src/d/small
	cp src/d/small src/d/e/same
	ln src/d/small src/d/hard
	ln -s /tar/get src/sl
	ln -s $'b\xffd"\n' src/d/odd-link
	mkfifo src/ff
	printf x >$'src/new\nline'
	printf y >$'src/inv\xffalid'
	printf z >'src/quo"te\b'
	printf k >'src/späce <&> .txt'
	printf q >$'src/esc\033[31m'
	printf r >src/d-x/'!x*'
	: >src/zero
	: >src/d/e/f/UPPER.Txt
	printf '%0150d' 7 >"src/d/$(printf '%0200d' 1)"
	setfattr -n user.foo -v bar src/big
	setfattr -n user.nul -v 0x000102 src/d
	chmod 4755 src/big
	chmod 1777 src/empty
	chmod 640 src/d/e/same
	touch -d '1969-12-31 23:59:58.25 UTC' src/d/e/f
	touch -d '2001-02-03 04:05:06.789 UTC' src/zero
	(cd src/many && seq -f '%05.0f' 300 | while read -r n; do
		echo "$((10#$n / 2))" >"$n"
	done)
	if is_root; then
		mknod src/cd c 5 1
		mknod src/bd b 7 300
		chown 12345:54321 src/d/e/same
		setfacl -m u:1234:rw,g:77:x src/d/e/same
		setfacl -d -m u:1234:rwx src/empty
	fi
}
change_tree() {
	printf changed >src/d/e/same
	rm -r src/zero src/ff src/empty
	touch src/new
	chmod 700 src/d
	mkdir src/ff
	touch src/ff/in
	echo 'more' >>src/many/00007
	cp -r src/many src/again
	ln -sfn /elsewhere src/sl
}

S=$SHM/src
cd "$SHM" || exit 1
mkdir other
echo o >other/file
make_tree
exits 0 "a repository is made" init
exits 0 "a first snapshot" backup --tag a,b --host one "$S"
change_tree
restic backup --host two "$S" "$SHM/other"
ferry repo snapshots --json
A=$(jq -r '.[0].id' "$OUT") B=$(jq -r '.[1].id' "$OUT")

# ls
same "ls: all of a snapshot" ls "$A"
same "ls: another one, with folders above it" ls "$B"
same "ls: latest of a host" ls latest --host one
same "ls: a folder alone" ls "$A" "$S"
same "ls: two folders" ls "$A" "$S/d" "$S/empty"
same "ls: a folder and all below" ls "$A" --recursive "$S/d"
same "ls: a file" ls "$A" "$S/"$'inv\xffalid'
same "ls: the root" ls "$B" /
same "ls: no such folder" ls "$A" /nosuch
same "ls: below a path" ls "$A:$S/d"
for by in name size time mtime atime ctime extension; do
	same "ls --sort $by" ls --sort "$by" "$A"
	same "ls --sort $by --reverse" ls --sort "$by" --reverse "$B"
done
same_text "ls: names" ls -q "$A"
same_text "ls -l" ls -q -l "$A"
exits 4 "ls: no such snapshot" repo ls ffffffff
exits 1 "ls: a file is no folder" repo ls "$A:$S/big"
exits 2 "ls: a path that is not absolute" repo ls "$A" src

# find
same "find: a name" find small
same "find: two patterns" find 'sm*' '*.txt'
same "find: upper and lower case" find -i 'upper.TXT'
same "find: a path and all below" find "$S/d"
same "find: folders on the way" find "$SHM/**/same"
same "find: a link, a device" find sl cd bd
same "find: nothing" find nosuch
# To restic it takes back what no pattern has matched.
ferry repo find '!x*' --json
is "find: an exclamation mark is one" \
	"$(jq -r '.[0].matches[0].path' "$OUT")" "$S/d-x/!x*"
same "find: odd names" find 'inv*' 'new*' 'quo*' 'esc*' 'sp*'
same "find: in one snapshot" find -s "$A" zero
same "find: in one host's" find -H two same
same "find: the oldest first" find -R same
same "find: not older" find --oldest 2010-01-01 zero UPPER.Txt
same "find: not newer" find --newest '2010-01-01 12:00:00' zero UPPER.Txt
same_text "find: as text" find -l 'd*' zero
same_text "find: nothing, as text" find nosuch
BLOB=$("$RESTIC" cat tree "$A:$S/d" |
	jq -r '.nodes[]|select(.name=="small").content[0]')
TREE=$("$RESTIC" cat tree "$A:$S" | jq -r '.nodes[]|select(.name=="d").subtree')
ROOT_TREE=$(ferry repo cat snapshot "$A" && jq -r .tree "$OUT")
PACK=$("$RESTIC" find --blob --show-pack-id "$BLOB" |
	sed -n 's/^Object belongs to pack //p')
same "find --blob" find --blob "$BLOB"
same "find --blob: eight digits" find --blob "${BLOB:0:8}"
same "find --tree" find --tree "$TREE"
same "find --tree: the root" find --tree "$ROOT_TREE"
same "find --pack" find --pack "$PACK"
same_text "find --blob, as text" find --blob "$BLOB"
same_text "find --tree, as text" find --tree "$TREE"
exits 2 "find: one kind of id" repo find --blob --tree "$BLOB"
exits 4 "find: no such pack" repo find --pack ffffffffffff
exits 2 "find: no id" repo find --blob xyz

# diff
same "diff" diff "$A" "$B"
same "diff: the other way" diff "$B" "$A"
same "diff --metadata" diff --metadata "$A" "$B"
same "diff: folders" diff --metadata "$A:$S/d" "$B:$S/d"
same "diff: a folder against another" diff "$B:$S/many" "$B:$S/again"
same "diff: a snapshot against itself" diff "$A" "$A"
same_text "diff: as text" diff --metadata "$A" "$B"
same_text "diff: sums alone" diff -q "$A" "$B"
exits 2 "diff: one snapshot" repo diff "$A"
exits 4 "diff: no such folder" repo diff "$A:$S/nosuch" "$B"

# stats
for mode in restore-size files-by-contents blobs-per-file raw-data; do
	same "stats --mode $mode" stats --mode "$mode"
	same "stats --mode $mode of one" stats --mode "$mode" "$A"
	same "stats --mode $mode of a host's" stats --mode "$mode" -H two
done
exits 2 "stats: no such mode" repo stats --mode sum
