#!/bin/bash
# ferry backup: each flag, what it says and how it ends; and what restic finds
# in the repository afterwards.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$(dirname "$0")/../lib/repo.sh"

S=$SHM/src
fresh "$SHM/repo"

# Every kind of entry, and back.  What lies beyond PATH_MAX restic cannot
# restore, and nobody stores sockets.
maketree "$S" --many 300
rm "$S/special/socket"
touch -d 2020-02-02 "$S/special"
exits 0 "a tree of all kinds of entries is saved" backup "$S"
sound "and sound"
is "names are found at any depth" "$(listed | grep -ac '/file$')" \
	"$(find "$S" -name file | wc -l)"
rm -rf "$S/deep"
for RESTIC in "${judges[@]}"; do
	v=$(version_of "$RESTIC")
	if [ "$v" = 0.14.0 ]; then # which knows neither in symbolic links
		rm -rf "$S"/names/links "$S"/links/bad "$S"/xattrs/link
		left=(--exclude "$S/names/links" --exclude "$S/links/bad"
			--exclude "$S/xattrs/link")
	else
		left=()
	fi
	check "restic $v restores it" back "$SHM/back" --exclude "$S/deep" \
		"${left[@]}"
	for d in . names links xattrs; do # that had one entry more
		touch -r "$S/$d" "$SHM/back$S/$d"
	done
	silent "restic $v: rsync finds no difference" equal "$S" "$SHM/back$S"
	silent "restic $v: nor does treediff" treediff "$S" "$SHM/back$S"
done
RESTIC=${judges[0]}
rm -rf "$SHM/back"
exits 0 "again" backup --json "$S"
is "nothing is new" "$(field files_new) $(field files_changed)" "0 0"
rm -rf "$S"

# What may be left out.
mkdir -p "$S"/{a/b,cache,Upper,big,other}
echo x | tee "$S"/{one.o,two.c,a/three.o,a/keep.o,a/b/four.C,Upper/FIVE.O} \
	>"$S/cache/in"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$S/cache/CACHEDIR.TAG"
echo x >"$S/other/.nobackup"
echo x >"$S/other/in"
head -c 5000 /dev/zero >"$S/big/5000"
head -c 1023 /dev/zero >"$S/big/1023"

fresh "$SHM/repo"
# leaves NAME FLAG... -- PATH... [-- PATH...]: backup with the flags holds the
# first paths, and not the second.
leaves() {
	local name=$1 flags=() paths=() r
	shift
	while [ "$1" != -- ]; do
		flags+=("$1")
		shift
	done
	for r in "${@:2}"; do
		case $r in --) paths+=(--) ;; *) paths+=("/src/$r") ;; esac
	done
	cd "$SHM" || exit 1
	ferry backup "${flags[@]}" src || not_ok "$name: exit $?" "$ERR"
	holds "$name" "${paths[@]}"
	tree_id >"$SHM/ours"
	restic backup "${flags[@]}" src >"$SHM/said" 2>&1
	is "$name: as restic does" "$(cat "$SHM/ours")" "$(tree_id)"
}
leaves "--exclude" --exclude '*.o' -- two.c Upper/FIVE.O a/b -- \
	one.o a/three.o
leaves "--exclude of a path" --exclude "$S/a" -- one.o -- a a/three.o
leaves "--exclude of a folder's name" -e b --exclude cache -- a/keep.o -- \
	a/b cache
leaves "--exclude taken back" --exclude '*.o' --exclude '!keep.o' -- \
	a/keep.o -- one.o a/three.o
leaves "--exclude with **" --exclude "$S/**/four.?" -- a/b -- a/b/four.C
leaves "--iexclude" --iexclude '*.O' -- two.c -- one.o Upper/FIVE.O
# shellcheck disable=SC2016 # ferry and restic expand it
printf '# comment\n\n*.o\n  two.c  \n$NAME/in\n' >"$SHM/patterns"
export NAME=other
leaves "--exclude-file" --exclude-file "$SHM/patterns" -- a/b/four.C -- \
	one.o two.c other/in
leaves "--iexclude-file" --iexclude-file "$SHM/patterns" -- a/b/four.C -- \
	one.o Upper/FIVE.O
leaves "--exclude-caches" --exclude-caches -- cache cache/CACHEDIR.TAG -- \
	cache/in
leaves "--exclude-if-present" --exclude-if-present .nobackup -- \
	other other/.nobackup -- other/in
leaves "--exclude-if-present with a header" \
	--exclude-if-present 'CACHEDIR.TAG:Signature: 8a' \
	--exclude-if-present '.nobackup:no such' -- \
	other/in cache/CACHEDIR.TAG -- cache/in
leaves "--exclude-larger-than" --exclude-larger-than 1k -- big/1023 -- \
	big/5000
exits 2 "a bad size" backup --exclude-larger-than lots "$S"
exits 4 "a file of patterns that is not there" backup \
	--exclude-file "$SHM/none" "$S"
says "is named" "$SHM/none"
exits 2 "a pattern that is none" backup --exclude '[' "$S"

if is_root; then
	image tmpfs 4
	mkdir "$MOUNT/in"
	echo x >"$MOUNT/in/file"
	mkdir "$S/mnt"
	mount --bind "$MOUNT" "$S/mnt"
	mounts=("$S/mnt" "${mounts[@]}")
	leaves "--one-file-system" -x -- one.o mnt -- mnt/in
	leaves "without it" -- one.o mnt/in/file
	umount "$S/mnt"
	mounts=("${mounts[@]:1}")
	rmdir "$S/mnt"
else
	skipped "--one-file-system needs root"
fi

# What is to be saved, out of files.
printf '%s/*.none\n%s/big\n' "$S" "$S" >"$SHM/list"
exits 3 "--files-from, of which nothing matches" backup --files-from "$SHM/list"
says "is named" "$S/*.none"
printf '# comment\n%s/*.[oc]\n\n   %s/big  \n' "$S" "$S" >"$SHM/list"
exits 0 "--files-from" backup --files-from "$SHM/list"
holds "takes patterns" "$S/one.o" "$S/two.c" "$S/big/5000" -- "$S/a" "$S/cache"
touch "$S/#x *"
printf '%s/#x *\n%s/a\n' "$S" "$S" >"$SHM/list"
exits 0 "--files-from-verbatim" backup --files-from-verbatim "$SHM/list"
holds "takes names" "$S/#x *" "$S/a/keep.o" -- "$S/one.o"
nl=$S/$'new\nline'
echo x >"$nl"
printf '%s\0%s\0' "$nl" "$S/big" >"$SHM/list"
exits 0 "--files-from-raw" backup --files-from-raw "$SHM/list"
back "$SHM/back" >"$SHM/said" 2>&1
check "takes any name" cmp "$nl" "$SHM/back$nl"
rm -f "$nl" "$S/#x *"
"$FERRY" backup --files-from-raw - <"$SHM/list" >"$OUT" 2>"$ERR"
is "from standard input, one gone" $? 3
says "which is named" "new"
exits 4 "--files-from, which is not there" backup --files-from "$SHM/none"
: >"$SHM/list"
exits 2 "--files-from, which is empty" backup --files-from "$SHM/list"
exits 2 "nothing at all" backup
n=$(snapshot_count)
exits 4 "nothing that is there" backup "$SHM/none"
is "makes no snapshot" "$(snapshot_count)" "$n"
exits 3 "one of two that is not there" backup "$SHM/none" "$S"
says "is named" "$SHM/none"

# Standard input.
seq 100000 >"$SHM/seq"
"$FERRY" backup --stdin --stdin-filename /dumps/shop.sql <"$SHM/seq" \
	>"$OUT" 2>"$ERR"
is "--stdin" $? 0
holds "--stdin-filename" /dumps/shop.sql
check "has what was read" cmp "$SHM/seq" \
	<(restic dump --no-lock "$(latest)" /dumps/shop.sql)
"$FERRY" backup --stdin </dev/null >"$OUT" 2>"$ERR"
is "--stdin that is empty" $? 0
holds "is called stdin" /stdin
exits 2 "--stdin and a path" backup --stdin "$S"
exits 2 "--stdin-filename alone" backup --stdin-filename x "$S"

# What a snapshot says of itself.
exits 0 "--tag --host --time" backup --tag a,b --tag c --host elsewhere \
	--time "2034-05-06 07:08:09" "$S/big"
is "the tags" "$(describes '.tags | join(" ")')" "a b c"
is "the host" "$(describes .hostname)" elsewhere
is "the time" "$(describes '.time[0:19]')" "2034-05-06T07:08:09"
is "the paths" "$(describes '.paths | join(" ")')" "$S/big"
is "who" "$(describes .username)" "$(id -un)"
exits 2 "a time that is none" backup --time yesterdayish "$S/big"
RESTIC_HOST=by-env ferry backup "$S/big"
is "RESTIC_HOST" "$(describes .hostname)" by-env
fresh "$SHM/repo"

# What is compared with what.  (By a relative path: of the folders above an
# absolute one, /dev/shm say, others change the times.)
cd "$SHM" || exit 1
exits 0 "a first one" backup --json src
first=$(field snapshot_id)
is "all is new" "$(field files_new)" "$(find "$S" -type f | wc -l)"
exits 0 "a second one" backup --json src
is "names the first as its parent" "$(describes .parent)" "$first"
is "nothing is new" \
	"$(field files_new) $(field files_unmodified) $(field data_added)" \
	"0 $(find "$S" -type f | wc -l) 0"
is "the same tree" "$(tree_id)" "$(tree_id "$first")"
exits 0 "--parent" backup --parent "${first:0:8}" --json src
is "is the one that was asked for" "$(describes .parent)" "$first"
exits 0 "--force" backup --force --json src
is "has none" "$(describes .parent)" null
is "but adds nothing" "$(field data_added)" 0
exits 0 "another host" backup --host another --json "$S"
is "has none, too" "$(describes .parent)" null
exits 0 "--group-by paths" backup --host third --group-by paths "$S"
is "has one" "$(describes '.parent != null')" true
exits 4 "a parent that is not there" backup --parent 00000000 "$S"
exits 0 "a relative path" backup src
n=$(snapshot_count)
exits 0 "--skip-if-unchanged" backup --skip-if-unchanged src
is "makes none" "$(snapshot_count)" "$n"
echo changed >"$S/two.c"
exits 0 "--skip-if-unchanged when something has" backup --skip-if-unchanged \
	--json src
cd "$ROOT" || exit 1
is "makes one" "$(snapshot_count) $(field files_changed)" "$((n + 1)) 1"
exits 0 "the whole path again" backup "$S"
before=$(latest)
touch -r "$S/one.o" "$SHM/stamp"
echo y >"$S/one.o"
touch -r "$SHM/stamp" "$S/one.o"
exits 0 "the same size and time" backup --json --ignore-ctime "$S"
is "--ignore-ctime believes it" "$(field files_changed)" 0
exits 0 "without it" backup --parent "$before" --json "$S"
is "is not believed" "$(field files_changed)" 1
cp -p "$S/one.o" "$S/new"
mv "$S/new" "$S/one.o"
exits 0 "another inode" backup --json --ignore-ctime "$S"
is "is another file" "$(field files_changed)" 1
cp -p "$S/one.o" "$S/new"
mv "$S/new" "$S/one.o"
exits 0 "--ignore-inode" backup --json --ignore-ctime --ignore-inode "$S"
is "believes it" "$(field files_changed)" 0
touch -a -d 2001-01-01 "$S/two.c"
exits 0 "--with-atime" backup --force --with-atime "$S"
is "keeps access times" "$(restic ls --no-lock --json "$(latest)" |
	jq -r 'select(.name == "two.c").atime[0:10]')" 2001-01-01

# --dry-run stores nothing.
find "$SHM/repo" -type f -printf '%p %s %T@\n' | sort >"$SHM/before"
head -c 3M /dev/urandom >"$S/random"
exits 0 "--dry-run" backup --dry-run --json "$S"
is "says what would be stored" "$(field files_new) $(($(field data_added) > 3000000))" "1 1"
find "$SHM/repo" -type f -printf '%p %s %T@\n' | sort >"$SHM/after"
as_before "and stores nothing"
exits 0 "--dry-run -v" backup --dry-run -v "$S"
says "names what is new" "$S/random"
says "and says that it was none" "dry run"

# What cannot be read.
if is_root; then
	chmod 755 "$S" "$S"/*/ && chmod -R a+rX "$SHM/repo"
	mkdir "$S/secret" "$S/a/closed"
	echo x >"$S/secret/in"
	echo x >"$S/closed-file"
	chmod 700 "$S/secret"
	chmod 000 "$S/closed-file"
	cp -a "$SHM/repo" "$SHM/repo2"
	chown -R 65534:65534 "$SHM/repo2"
	mkdir "$HOME/nobody"
	chown 65534 "$HOME/nobody"
	nobody "$FERRY" backup -r "$SHM/repo2" --json "$S" >"$OUT" 2>"$ERR"
	is "what cannot be read: exit 3" $? 3
	says "the file is named" closed-file
	says "and the folder" secret
	is "errors are JSON, too" "$(grep '^{' "$ERR" | jq -r \
		'select(.message_type == "error" and .error.message and
		.during) | .item' | sort | tr '\n' ' ')" \
		"$S/closed-file $S/secret "
	export RESTIC_REPOSITORY=$SHM/repo2
	holds "with the others" "$S/two.c" -- "$S/closed-file" "$S/secret/in"
	subtree "$S" >"$SHM/ours"
	nobody "$RESTIC" backup -q --no-cache "$S" >"$SHM/said" 2>&1
	is "restic makes the same of it" "$(subtree "$S")" "$(cat "$SHM/ours")"
	sound "which is sound"
	export RESTIC_REPOSITORY=$SHM/repo
	rm -rf "$S/secret" "$S/closed-file" "$S/a/closed" "$SHM/repo2"
else
	skipped "files that cannot be read: the tests of root have them"
fi

# Files that come, go, grow and shrink meanwhile.
mkdir "$S/busy"
for i in {1..200}; do head -c 300000 /dev/urandom >"$S/busy/$i"; done
(
	for ((k = 0; ; k++)); do
		i=$((k * 37 % 200 + 1))
		case $((k % 4)) in
		0) rm -f "$S/busy/$i" ;;
		1) [ "$(stat -c %s "$S/busy/$i" || echo 0)" -gt 1000000 ] ||
			head -c 100000 /dev/urandom >>"$S/busy/$i" ;;
		2) truncate -s 1000 "$S/busy/$i" ;;
		3) mv "$S/busy/$i" "$S/busy/moved-$i" ;;
		esac
	done 2>/dev/null
) &
mess=$!
bad=
for i in 1 2 3 4 5; do
	ferry backup --force "$S"
	case $? in 0 | 3) ;; *) bad="$bad $?" ;; esac
done
kill $mess
wait $mess 2>/dev/null
is "files that change meanwhile: exit 0 or 3" "$bad" ""
sound "and the repository is sound"
check "and can be restored" back "$SHM/back"
rm -rf "$S/busy" "$SHM/back"

# How it ends, and what it says.
exits 10 "no repository" backup -r "$SHM/none" "$S"
RESTIC_PASSWORD=wrong exits 12 "a wrong password" backup "$S"

# In use by restic: check wants a repository for itself.
# Not by restic's temporary name for it.
locked() {
	[ -n "$(find "$SHM/repo/locks" -type f -regex '.*/[0-9a-f]*')" ]
}
# hold: a restic that has one of its own locks, and stands still.
hold() {
	"$RESTIC" check --read-data >"$SHM/said" 2>&1 &
	holder=$!
	for _ in {1..6000}; do
		! locked || break
		sleep 0.01
	done
	kill -STOP "$holder"
	check "restic holds a lock" locked
}
hold
exits 11 "a locked repository" backup "$S"
says "says by whom" "$holder"
exits 0 "unlock" repo unlock
check "leaves the locks of the living" locked
"$FERRY" backup --retry-lock 10m "$S" >"$OUT" 2>"$ERR" &
pid=$!
sleep 1
kill -CONT "$holder"
wait "$holder"
is "the holder was not disturbed" $? 0
wait $pid
is "--retry-lock waits" $? 0
check "no lock is left" test -z "$(ls "$SHM/repo/locks")"
hold
kill -KILL "$holder"
wait "$holder" 2>/dev/null
exits 0 "a lock of the dead does not count" backup "$S"
check "and is gone" test -z "$(ls "$SHM/repo/locks")"

exits 0 "-q" backup -q "$S"
check "prints nothing" test ! -s "$OUT" -a ! -s "$ERR"
exits 0 "--json" backup --json -vv --force "$S"
silent "is JSON, line for line" jq 'select(.message_type | not)' "$OUT"
is "ends with a summary" "$(jq -rs '.[-1].message_type' "$OUT")" summary
is "of these fields" "$(jq -rs '.[-1] | [.files_new, .dirs_unmodified,
	.data_blobs, .tree_blobs, .data_added, .data_added_packed,
	.total_files_processed, .total_bytes_processed, .total_duration,
	(.snapshot_id | length)] | map(type == "number") | all' "$OUT")" true
is "and names each item" "$(jq -r 'select(.message_type == "verbose_status")
	| .item' "$OUT" | grep -cxF "$S/two.c")" 1
exits 0 "in words" backup --force "$S"
says "it says how many" "Files:"
says "and the snapshot's name" "$(latest | cut -b 1-8)"
for i in 1 2 3; do head -c 60M /dev/urandom >"$S/to-see-$i"; done
/usr/bin/python3 "$BIN/terminal.py" 100 2 "$FERRY" backup "$S" \
	>"$OUT" 2>"$ERR"
is "in a terminal: exit 0" $? 0
check "there is a display" grep -qaP '\x1b\[[0-9]*[AKJG]|\r[^\n]' "$OUT"
says "with the current files" to-see-
check "with a percentage" grep -qaE '[0-9]%' "$OUT"
exits 0 "in a pipe" backup --force "$S"
check "there is none" test -z "$(cat "$OUT" "$ERR" | tr -cd '\033\r')"
rm -f "$S"/to-see-*
sound "in the end it is sound"

e2e_end
