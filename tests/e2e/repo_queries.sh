#!/bin/bash
# Questions to a repository (ls, find, diff, dump, stats, key) and copies of
# it: restic's own program gives the same answers.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
RESTIC=${RESTIC:-restic-new}
need "$RESTIC" jq tar openssl

export RESTIC_PASSWORD=secret RESTIC_REPOSITORY=$SHM/repo
export RESTIC_CACHE_DIR=$SHM/cache

# restic ARGUMENT...: as ferry, to $SHM/theirs.
restic() { "$RESTIC" "$@" >"$SHM/theirs" 2>"$SHM/theirs.err" </dev/null; }

# Each line's object in one order of members, without what only we add.
# Keys come in no order.
sorted() {
	jq -cS 'del(.. | .path_hex?) | if type == "array" and
		(.[0].userName?) then sort_by(.id) else . end' "$1"
}

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
quick "$RESTIC_REPOSITORY"
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
	# A path's blobs count where restic meets them first, and it reads
	# snapshots in no order.
	[ $mode = blobs-per-file ] ||
		same "stats --mode $mode" stats --mode "$mode"
	same "stats --mode $mode of one" stats --mode "$mode" "$A"
	same "stats --mode $mode of a host's" stats --mode "$mode" -H two
done
exits 2 "stats: no such mode" repo stats --mode sum

# dump
same_bytes() {
	local name=$1 file=$2
	shift 2
	if "$FERRY" repo dump "$@" >"$OUT" 2>"$ERR" && cmp -s "$OUT" "$file"
	then ok "$name"; else not_ok "$name" "$ERR"; fi
}
# untarred NAME FROM DIR ARGUMENT...: what tar makes of it is, below DIR, that
# folder; -H would say that of hard links each is a file of its own.
untarred() {
	local name=$1 dir=$2 below=$3
	shift 3
	rm -rf untar
	mkdir untar
	if "$FERRY" repo dump "$@" >"$SHM/tar" 2>"$ERR" &&
		tar --acls --xattrs --xattrs-include='*' -xpf "$SHM/tar" \
			-C untar --numeric-owner \
			--warning=no-timestamp 2>"$SHM/tar.err" &&
		rsync -aAXni --delete "$dir/" "untar/$below" >"$SHM/diff" \
			2>&1 && [ ! -s "$SHM/diff" ] && [ ! -s "$SHM/tar.err" ]
	then
		ok "$name"
	else
		not_ok "$name" "$ERR" "$SHM/tar.err" "$SHM/diff"
	fi
}
same_bytes "dump: a file" src/big "$B" "$S/big"
same_bytes "dump: an empty one" src/d/e/f/UPPER.Txt "$B" "$S/d/e/f/UPPER.Txt"
same_bytes "dump: an odd name" $'src/inv\xffalid' "$B" "$S/"$'inv\xffalid'
same_bytes "dump: below a path" src/d/small "$B:$S/d" small
untarred "dump: a folder as tar" src "$S" "$B" "$S"
untarred "dump: a folder below a path" src/d d "$B:$S" d
untarred "dump: all of a snapshot" src "$S" "$B" /
restic dump "$B" "$S/d"
tar tf "$SHM/theirs" >"$SHM/theirs.list"
ferry repo dump "$B" "$S/d"
tar tf "$OUT" | tail -n +2 >"$SHM/ours.list"
check "dump: the names are restic's, after the folder itself" \
	cmp "$SHM/ours.list" "$SHM/theirs.list"
exits 0 "dump --target" repo dump -t "$SHM/target" "$B" "$S/big"
check "dump --target: the file is whole" cmp "$SHM/target" src/big
check "dump --target: nothing is left aside" no_strays "$SHM"/*
exits 0 "dump --target of a device" repo dump -t /dev/null "$B" "$S/big"
exits 2 "dump: a link" repo dump "$B" "$S/sl"
exits 4 "dump: nothing there" repo dump "$B" "$S/nosuch"
"$FERRY" repo dump "$B" "$S/big" 2>"$ERR" | head -c 10 >"$OUT"
is "dump: a reader that goes away" "$(stat -c %s "$OUT")" 10

# copy
C=$SHM/copy
export RESTIC_FROM_REPOSITORY=$RESTIC_REPOSITORY RESTIC_FROM_PASSWORD=secret
exits 0 "a second repository" init -r "$C" --insecure-no-password
OTHER=(-r "$C" --insecure-no-password)
unpassworded() { env -u RESTIC_PASSWORD "$RESTIC" "${OTHER[@]}" "$@"; }
exits 0 "copy: all snapshots" repo copy "${OTHER[@]}"
unpassworded snapshots --json |
	jq -cS '[.[]|{tree,paths,hostname,username,tags,uid,gid,original,
		parent,t:(.time|.[0:23])}]' >"$SHM/ours"
"$RESTIC" snapshots --json |
	jq -cS '[.[]|{tree,paths,hostname,username,tags,uid,gid,original:.id,
		parent:null,t:(.time|.[0:23])}]' >"$SHM/theirs"
check "copy: the snapshots say the same" cmp "$SHM/ours" "$SHM/theirs"
check "copy: restic finds no fault" unpassworded check --read-data
check "copy: restic has nothing to copy" unpassworded copy
is "copy: and has copied nothing" \
	"$(unpassworded snapshots --json | jq length)" 2
exits 0 "copy: again" repo copy "${OTHER[@]}" --json
is "copy: skips what is there" "$(field snapshots_copied)" 0
exits 0 "copy: into a repository without compression" \
	init -r "$SHM/v1" --repository-version 1
exits 0 "copy: one snapshot, by restic's version 1" \
	repo copy -r "$SHM/v1" "$A"
check "copy: version 1 is without fault" \
	"$RESTIC" -r "$SHM/v1" check --read-data
exits 0 "copy: restic's copy" repo copy -r "$SHM/v1" --from-repo "$C" \
	--from-insecure-no-password
is "copy: the original is what counts" \
	"$("$RESTIC" -r "$SHM/v1" snapshots --json | jq length)" 2
exits 2 "copy: onto itself" repo copy
exits 2 "copy: from nowhere" repo copy --from-repo "" -r "$C" || true
exits 12 "copy: a wrong password" repo copy "${OTHER[@]}" \
	--from-password-file <(echo wrong)

# kill
rm -rf "$SHM/killed"
"$FERRY" init -r "$SHM/killed" --copy-chunker-params \
	--from-repo "$RESTIC_REPOSITORY" >"$OUT" 2>"$ERR" ||
	not_ok "copy: init like another" "$ERR"
quick "$SHM/killed"
# Enough to be killed amidst it.
mkdir large
for i in 1 2 3 4 5 6; do head -c 12000000 /dev/urandom >"large/$i"; done
restic backup large
is "kill: there is something to copy" $? 0
faults=0
for i in 1 2 3 4 5 6 7 8; do
	"$FERRY" repo copy -r "$SHM/killed" --pack-size 4M >"$OUT" 2>"$ERR" &
	sleep "0.$((RANDOM % 5))$i"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	"$RESTIC" -r "$SHM/killed" unlock >/dev/null 2>&1
	"$RESTIC" -r "$SHM/killed" check >"$SHM/check" 2>&1 || {
		faults=$((faults + 1))
		cp "$SHM/check" "$SHM/check.bad"
	}
done
is "copy: killed at any time, the target is clean" $faults 0
exits 0 "copy: goes on after kills" repo copy -r "$SHM/killed"
check "copy: and is whole" "$RESTIC" -r "$SHM/killed" check --read-data
is "copy: all are there, once" \
	"$("$RESTIC" -r "$SHM/killed" snapshots --json | jq length)" 3
unset RESTIC_FROM_REPOSITORY RESTIC_FROM_PASSWORD

# The flags of a repository, as restic's users write them.
before() { exits "$1" "in front of the command: ${*:2}" "${@:2}"; }
before 0 -r "$RESTIC_REPOSITORY" snapshots --no-lock
before 0 --json --repo "$RESTIC_REPOSITORY" --no-lock repo stats
RESTIC_REPOSITORY='' before 2 snapshots
before 0 --repo="$SHM/nowhere" snapshots -r "$RESTIC_REPOSITORY" # goes first
before 12 -p /etc/hostname snapshots
before 2 -r "$RESTIC_REPOSITORY" ls "$SHM"
says "in front of what has no repository" 'do not belong in front of "ls"'

# key
K=$SHM/keys
"$RESTIC" init -q -r "$K" >"$OUT" 2>"$ERR" || not_ok "key: a repository" "$ERR"
same "key list" key list -r "$K"
echo second >"$SHM/second"
echo third >"$SHM/third"
exits 0 "key add" repo key add -r "$K" --new-password-file "$SHM/second" \
	--user anna --host here
check "key add: restic takes the new password" \
	"$RESTIC" -r "$K" -p "$SHM/second" cat config
same "key list: of two" key list -r "$K"
ID=$(jq -r '.[]|select(.userName=="anna").id' "$OUT")
is "key add: user and host" "$(jq -r '.[]|select(.userName=="anna").hostName' \
	"$OUT")" here
OLD=$(jq -r '.[]|select(.current).id' "$OUT")
exits 2 "key remove: not the one in use" repo key remove -r "$K" "$OLD"
exits 0 "key passwd" repo key passwd -r "$K" -p "$SHM/second" \
	--new-password-file "$SHM/third"
exits 12 "key passwd: the old one is gone" repo key list -r "$K" \
	-p "$SHM/second"
check "key passwd: restic takes the new one" \
	"$RESTIC" -r "$K" -p "$SHM/third" cat config
exits 4 "key remove: no such key" repo key remove -r "$K" "$ID"
exits 0 "key remove" repo key remove -r "$K" -p "$SHM/third" "${OLD:0:8}"
exits 12 "key remove: its password is gone" repo key list -r "$K"
exits 2 "key add: an empty password is an accident" \
	repo key add -r "$K" -p "$SHM/third" --new-password-file /dev/null
exits 2 "key add: without a terminal somebody must say it" \
	repo key add -r "$K" -p "$SHM/third"
exits 0 "key add: an empty password that is meant" repo key add -r "$K" \
	-p "$SHM/third" --new-insecure-no-password
check "key: nothing of these is left locked" \
	[ -z "$(ls "$K/locks")" ]

# big
mkdir -p thousands
(cd thousands && for d in $(seq 100); do
	mkdir "$d"
	for f in $(seq 100); do echo "$d $f" >"$d/$f"; done
done)
exits 0 "10,000 files: a backup" backup "$SHM/thousands"
T=$("$RESTIC" snapshots --json --latest 1 --path "$SHM/thousands" |
	jq -r '.[0].id')
same "10,000 files: ls" ls "$T"
same "10,000 files: find" find -s "$T" '7?'
same "10,000 files: diff" diff "$T" "$B"
same "10,000 files: stats" stats "$T"
untarred "10,000 files: dump" thousands "$SHM/thousands" "$T" /
exits 0 "10,000 files: copy" repo copy -r "$SHM/killed" \
	--from-repo "$RESTIC_REPOSITORY" "$T"
check "10,000 files: the copy is whole" \
	"$RESTIC" -r "$SHM/killed" check --read-data

e2e_end
