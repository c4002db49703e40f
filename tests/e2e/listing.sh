#!/bin/bash
# ls, lsd, lsf, lsjson, size, cat, hashsum, mkdir, rmdir, rmdirs, touch,
# delete, deletefile and purge: what rclone, coreutils and jq say of the same.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need rclone jq md5sum sha1sum sha256sum

# Names that rclone prints as they are, so that both can be compared.
T=$SHM/tree
cat >"$BIN/listing.py" <<'END'
import os, sys
top = os.fsencode(sys.argv[1])
def put(path, data, t):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, ns=(t, t))
S = 10**9
put(b"ten", b"1234567890", -315619200 * S + 500000000)
put(b"a.txt/x", b"dir sorts before a.txt.gz", 10**18)
put(b"a.txt.gz", b"z" * 65536, 10**18 + 1)
put(b"sp ace/tr ail ", b"x", 1 * S)
put(b" lead", b"", 4102444800 * S)
put("\u00fcml\u00e4ut/\u65e5\u672c.JPG".encode(), b"\xff\xd8", 1600000000 * S)
put(b"c,o;m\"ma.csv", b"1,2\n", 1600000001 * S)
put(b"'quo'te$(x)`y`", b"q" * 1000, 1600000002 * S)
put(b"-dash", b"d", 1600000003 * S)
put(b"deep/er/and/deeper/f.txt", b"deep\n", 1600000004 * S)
put(b"deep/f.txt", b"less deep\n", 1600000005 * S)
put(b"big.bin", bytes(range(256)) * 4099, 1600000006 * S + 123456789)
os.makedirs(os.path.join(top, b"empty/in/side"))
END
/usr/bin/python3 "$BIN/listing.py" "$T"
cp -a "$T" "$SHM/odd"
ODD=$SHM/odd
printf n >"$ODD/new"$'\n'"line"
printf r >"$ODD/re"$'\r'"turn"
printf b >"$ODD/back\\slash"
printf i >"$ODD/in"$'\xff\xfe'"valid"
printf e >"$ODD/esc"$'\x1b'"[31m"
ln -s ten "$ODD/link"
mkfifo "$ODD/fifo"

theirs() { rclone "$@" 2>/dev/null | sort >"$SHM/want"; }

# like ARGUMENT...: the same lines as rclone, in whatever order.
like() {
	theirs "$@"
	ferry "$@"
	sort "$OUT" >"$SHM/got"
	check "${*//$SHM\//} is rclone's" \
		diff "$SHM/want" "$SHM/got"
}

for tz in UTC Asia/Kathmandu; do
	export TZ=$tz
	like lsd "$T"
	like lsf -F tsp "$T"
done
unset TZ
like ls "$T"
like ls "$T" --max-depth 1
like ls "$T" --max-depth 2 --include '*.txt'
like ls "$T/ten"
like lsd -R "$T"
like lsd --max-depth 2 "$T"
like lsd "$T/ten"
like lsf "$T"
like lsf -R "$T"
like lsf -R --dir-slash=false "$T"
like lsf -R --absolute "$T"
like lsf -R --files-only "$T"
like lsf -R --dirs-only "$T"
like lsf -R --csv -F pst "$T"
like lsf -R --csv -s '|' -F sp "$T"
like lsf -R -F sp -s ' -- ' "$T"
like lsf -R --files-only -F hp "$T"
like lsf -R -F ph --hash sha256 "$T"
like lsf -R "$T" --exclude 'deep/**' --max-depth 2
like size "$T"
like size --json "$T"
like size --json "$T" --include '*.txt'
like md5sum "$T"
like hashsum sha1 "$T"
like hashsum SHA256 "$T" --base64
like hashsum md5 "$T/big.bin"
like cat "$T" --include f.txt --exclude '*'
like cat "$T/ten" --head 3
like cat "$T/ten" --tail 3
like cat "$T/ten" --tail 30
like cat "$T/ten" --offset 7
like cat "$T/ten" --offset -4 --count 2
like cat "$T/ten" --offset 30
like cat "$T/ten" --discard

# The order is that of a tree: a folder, what is in it, then "folder.gz".
ferry lsf -R "$T" --include 'a.*' --include 'a.txt/**'
check "lsf is in the order of the walk" \
	diff <(printf 'a.txt/\na.txt/x\na.txt.gz\n') \
	<(grep '^a' "$OUT")

# lsjson, all but the type, which rclone takes from the machine's tables.
keys='map({Path,Name,Size,IsDir,Hashes,t:.ModTime}) | sort_by(.Path)'
for flags in "" "-R" "-R --files-only" "-R --dirs-only" "-R --hash-type md5" \
	"-R --no-modtime" "-R --hash-type sha1 --hash-type sha256"; do
	# shellcheck disable=SC2086
	TZ=UTC rclone lsjson $flags "$T" 2>/dev/null | jq -S "$keys" >"$SHM/want"
	# shellcheck disable=SC2086
	ferry lsjson $flags "$T"
	jq -S "$keys" "$OUT" >"$SHM/got" 2>"$ERR"
	check "lsjson $flags is rclone's" diff "$SHM/want" "$SHM/got"
done
ferry lsjson --stat "$T/ten"
is "lsjson --stat of a file is one object" \
	"$(jq -r '[.Path,.Size,.IsDir]|join(" ")' "$OUT")" "ten 10 false"
ferry lsjson --stat "$T"
is "lsjson --stat of a folder" "$(jq -r '.IsDir' "$OUT")" true
ferry lsjson -M "$T/ten"
is "lsjson -M tells the mode" "$(jq -r '.[0].Metadata.mode' "$OUT")" \
	"100$(stat -c %a "$T/ten")"
ferry lsjson "$T/ten" --no-mimetype
is "lsjson --no-mimetype" "$(jq '.[0].MimeType' "$OUT")" null
ferry lsjson "$T/empty/in/side"
is "lsjson of an empty folder" "$(jq length "$OUT")" 0

# Names that are not UTF-8, and what else a name may hold.
ferry lsjson -R "$ODD"
check "lsjson of odd names is JSON" jq -e . "$OUT"
check "lsjson of odd names is JSON for Python, as UTF-8" \
	/usr/bin/python3 -c '
import json, os, sys
items = json.loads(open(sys.argv[1], "rb").read().decode("utf-8"))
got = {bytes.fromhex(i["Path_hex"]) if "Path_hex" in i
       else i["Path"].encode() for i in items}
top = os.fsencode(sys.argv[2])
want = {os.path.relpath(os.path.join(d, n), top)
        for d, ds, fs in os.walk(top) for n in ds + fs}
assert got == want, got ^ want' "$OUT" "$ODD"
for c in ls lsd "lsf -R" md5sum "delete -n --rmdirs" "purge -n" "touch -nR" \
	"rmdirs -n"; do
	# shellcheck disable=SC2086
	ferry $c --json "$ODD"
	check "$c --json: an object a line" jq -es \
		'length > 0 and all(type == "object")' "$OUT"
done
ferry lsf "$ODD" --files-only
check "lsf in a pipe gives the very bytes" diff "$OUT" \
	<(cd "$ODD" && LC_ALL=C find . -maxdepth 1 ! -type d -printf '%P\0' |
		LC_ALL=C sort -z | tr '\0' '\n')
for c in ls "lsf -R" "md5sum" "delete -n"; do
	script -qec "$FERRY $c $ODD" /dev/null </dev/null >"$OUT" 2>&1
	check "$c: no escape reaches a terminal" \
		sh -c "! grep -q '$(printf '\033')' $OUT"
	check "$c: but the name does" grep -qF 'esc\x1b[31m' "$OUT"
done

# coreutils accept what hashsum prints, and it what they print.
for sum in md5 sha1 sha256; do
	ferry ${sum}sum "$ODD"
	cp "$OUT" "$SHM/sums"
	check "${sum}sum -c accepts all names" \
		sh -c "cd '$ODD' && ${sum}sum --strict --quiet -c '$SHM/sums'"
	check "${sum}sum prints what coreutils print" diff \
		<(cd "$ODD" && find . -type f -printf '%P\0' |
			xargs -0 ${sum}sum -- | sort) <(sort "$SHM/sums")
	(cd "$ODD" && find . -type f -exec ${sum}sum {} + >"$SHM/sums")
	exits 0 "$sum: -C accepts coreutils' list" \
		hashsum $sum -C "$SHM/sums" "$ODD"
done
exits 0 "hashsum --output-file" hashsum sha1 "$T" --output-file "$SHM/list"
check "it is what would be printed" diff "$SHM/list" <("$FERRY" sha1sum "$T")
is "hashsum of standard input" "$(printf abc | "$FERRY" md5sum)" \
	"900150983cd24fb0d6963f7d28e17f72  -"

# --checkfile: what changed, is new, is gone; the same signs as rclone's.
cp -a "$T" "$SHM/sum"
(cd "$T" && find . -type f -printf '%P\0' | xargs -0 sha256sum -- >"$SHM/list")
printf 1234567891 >"$SHM/sum/ten"
touch -d @-315619199.5 "$SHM/sum/ten"
rm "$SHM/sum/a.txt/x"
echo new >"$SHM/sum/deep/new"
theirs hashsum sha256 -C "$SHM/list" "$SHM/sum"
exits 1 "-C with differences ends with 1" \
	hashsum sha256 -C "$SHM/list" "$SHM/sum"
sort "$OUT" >"$SHM/got"
check "-C tells them as rclone does" diff "$SHM/want" "$SHM/got"
says "and how many" "3 differences"
exits 0 "-C with filters looks at those alone" \
	hashsum sha256 -C "$SHM/list" "$SHM/sum" --include '*.csv'
is "-C with filters" "$(cat "$OUT")" '= c,o;m"ma.csv'
head -c 100 "$SHM/list" >"$SHM/cut"
exits 2 "a list that is cut short is an error" \
	hashsum sha256 -C "$SHM/cut" "$SHM/sum"

# A remembered hash does not outlive the content, even with the old mtime.
printf aaaa >"$SHM/sum/mem"
touch -d '2001-01-01' "$SHM/sum/mem"
"$FERRY" md5sum "$SHM/sum/mem" >/dev/null
printf bbbb >"$SHM/sum/mem"
touch -d '2001-01-01' "$SHM/sum/mem"
is "a changed file is hashed again" "$("$FERRY" md5sum "$SHM/sum/mem")" \
	"$(cd "$SHM/sum" && md5sum mem)"
is "hashsum --download" "$("$FERRY" md5sum --download "$SHM/sum/mem")" \
	"$(cd "$SHM/sum" && md5sum mem)"

is "size adds up what du does" "$("$FERRY" size --json "$T" | jq .bytes)" \
	"$(find "$T" -type f -printf '%s\n' |
		awk '{ n += $1 } END { printf "%d", n }')"
"$FERRY" cat "$T/big.bin" "$T/ten" >"$OUT"
check "cat of two files" cmp "$OUT" <(cat "$T/big.bin" "$T/ten")
"$FERRY" cat "$T" >"$OUT" 2>"$ERR"
check "cat of a folder is all its files in order" cmp "$OUT" \
	<(cd "$T" && "$BIN/ferry" lsf -R --files-only . |
		while IFS= read -r f; do cat "./$f"; done)

# Links: by themselves, or with -L what they lead to.
mkdir -p "$SHM/links/dir"
echo linked >"$SHM/links/dir/file"
ln -s dir/file "$SHM/links/to-file"
ln -s dir "$SHM/links/to-dir"
for c in ls "lsd -R" "lsf -R" size md5sum; do
	# shellcheck disable=SC2086
	like $c -L "$SHM/links"
done
like cat -L "$SHM/links/to-file"
ferry lsf -R "$SHM/links"
is "without -L no link is followed" "$(paste -sd' ' "$OUT")" \
	"dir/ dir/file to-dir to-file"

# Ctrl-C: long before the end, with its own status.
truncate -s 64G "$SHM/sparse"
for c in "md5sum" "cat --discard"; do
	# shellcheck disable=SC2086
	/usr/bin/python3 "$BIN/interrupt.py" SIGINT 0.5 "$FERRY" $c \
		"$SHM/sparse" >"$OUT" 2>"$ERR"
	is "$c: stops when it is told to" "$(cut -d' ' -f1 "$OUT")" 130
done
rm "$SHM/sparse"

# Missing places, wrong kinds, wrong flags.
for c in ls lsd lsf lsjson "lsjson --stat" size cat md5sum rmdir rmdirs \
	delete deletefile purge; do
	# shellcheck disable=SC2086
	exits 4 "$c: a missing place" $c "$T/missing"
	is "$c: one sentence" "$(grep -c . "$ERR") $(grep -c missing "$ERR")" "1 1"
done
exits 4 "ls: no such remote" ls nowhere:x
exits 1 "deletefile on a folder" deletefile "$T/deep"
says "deletefile on a folder is told" "folder"
exits 1 "rmdir on a file" rmdir "$T/ten"
says "rmdir on a file is told" "not a folder"
exits 1 "rmdirs on a file" rmdirs "$T/ten"
exits 1 "purge on a file" purge "$T/ten"
exits 1 "mkdir on a file" mkdir "$T/ten"
exits 1 "rmdir of a folder that is not empty" rmdir "$T/deep"
exits 1 "rmdir -n of it" rmdir -n "$T/deep"
exits 1 "cat of a link" cat "$ODD/link"
exits 2 "cat --head with --tail" cat --head 1 --tail 1 "$T/ten"
exits 2 "hashsum of an unknown type" hashsum crc99 "$T"
exits 2 "lsf --format with an unknown column" lsf -F pq "$T"
exits 2 "lsf --hash of an unknown type" lsf --hash crc99 "$T"
exits 2 "lsjson --hash-type of an unknown type" lsjson --hash-type x "$T"
exits 2 "touch -t with no time" touch -t yesterday "$T/ten"
exits 2 "purge refuses filters" purge "$T" --include '*.txt'
says "and says who takes them" "delete"
check "nothing has changed by all that" treediff "$T" "$SHM/tree"
"$FERRY" ls "$T" >/dev/full 2>"$ERR"
is "a full disk is an error" $? 1
says "and told" "standard output"
"$FERRY" ls "$T" >&- 2>"$ERR"
is "a closed standard output is an error" $? 1

# An unreadable folder is named, the rest is listed.
if is_root; then
	cp -a "$T" "$SHM/closed"
	chmod 700 "$SHM/closed/deep"
	for c in "ls" "lsf -R" "lsjson -R" "size" "md5sum" "cat" "rmdirs -n"; do
		# shellcheck disable=SC2086
		nobody "$FERRY" $c "$SHM/closed" >"$OUT" 2>"$ERR"
		is "$c of a tree with a closed folder" $? 3
		says "$c names it" "closed/deep"
	done
	nobody "$FERRY" lsf -R "$SHM/closed" >"$OUT" 2>"$ERR"
	check "all the rest is there" diff "$OUT" \
		<("$FERRY" lsf -R "$T" | grep -v '^deep/.')
	nobody "$FERRY" rmdirs -n "$SHM/closed" >"$OUT" 2>"$ERR"
	check "and it does not count as empty" \
		sh -c "! grep -q '^deep' '$OUT'"
fi

# Changes.  fresh: $W is a new copy of the tree.
W=$SHM/work
fresh() {
	rm -rf "$W" "$SHM/twin"
	cp -a "$T" "$W"
	cp -a "$T" "$SHM/twin"
}
names() { (cd "$1" && find . | LC_ALL=C sort); }

# dry COMMAND...: -n leaves everything as it is, and tells what then is done.
dry() {
	fresh
	exits 0 "$1 -n" "$@" -n
	cp "$OUT" "$SHM/plan"
	check "$* -n changes nothing" diff <(dump "$W") <(dump "$SHM/twin")
	ferry "$@" -v
	check "$* does what -n told" diff \
		<(sed -n 's/: .*would be .*//p' "$SHM/plan" | sort) \
		<({ names "$SHM/twin"; names "$W"; } | sort | uniq -u |
			sed 's,^\./,,' | sort)
}
dry delete "$W"
dry delete "$W" --include '*.txt'
dry delete "$W" --rmdirs
dry delete "$W" --rmdirs --exclude '/deep/er/**' --max-size 20k
dry delete "$W" --rmdirs --max-depth 2
dry rmdirs "$W"
dry rmdirs "$W" --leave-root

# What is left is what rclone leaves.
leaves() {
	fresh
	"$FERRY" "$@" "$W" >"$OUT" 2>"$ERR"
	rclone "$@" "$SHM/twin" 2>"$SHM/check"
	[ -e "$W" ] || mkdir "$W" "$W/gone"
	[ -e "$SHM/twin" ] || mkdir "$SHM/twin" "$SHM/twin/gone"
	check "$* leaves what rclone leaves" \
		diff <(names "$SHM/twin") <(names "$W")
}
leaves delete
leaves delete --rmdirs
leaves delete --include '*.txt'
leaves delete --exclude '/deep/**' --rmdirs
leaves delete --min-size 20k
leaves delete --max-depth 1
leaves rmdirs
leaves rmdirs --leave-root
leaves purge
fresh
exits 0 "delete --include --rmdirs" delete "$W" --include '*.txt' --rmdirs
check "takes the folders that are empty then, and no other" \
	diff <(names "$W") <(names "$T" |
		grep -vE '^\./(deep|empty)(/|$)')
rm -rf "$W"
mkdir -p "$W/only/empty/ones" "$W/and/more"
exits 0 "rmdirs takes the root, too" rmdirs "$W"
check "which is then gone" test ! -e "$W"
mkdir -p "$W/only/empty"
exits 0 "rmdirs --leave-root" rmdirs --leave-root "$W"
is "leaves the root" "$(names "$W")" .

fresh
mkdir "$W/outside" "$SHM/target"
echo keep >"$SHM/target/keep"
ln -s "$SHM/target" "$W/outside/link"
exits 1 "purge of a link to a folder" purge "$W/outside/link"
exits 0 "purge of a tree with such a link" purge "$W"
check "it is gone" test ! -e "$W"
is "what the link led to is not" "$(cat "$SHM/target/keep")" keep
fresh
ln -s "$SHM/target" "$W/link"
ln -s nowhere "$W/dangling"
exits 0 "delete of a tree with links" delete "$W"
is "no file or link is left" "$(find "$W" ! -type d | wc -l)" 0
is "what they led to is" "$(cat "$SHM/target/keep")" keep
fresh
exits 0 "deletefile of two" deletefile "$W/ten" "$W/-dash"
is "both are gone, nothing else" \
	"$(diff <(names "$SHM/twin") <(names "$W") | grep -c '^[<>]')" 2
cp -a "$ODD/." "$W"
exits 0 "delete copes with odd names" delete "$W" --rmdirs
is "nothing is left of them" "$(names "$W")" .

exits 0 "mkdir -n" mkdir -n "$W/new/folder"
check "makes nothing" test ! -e "$W/new"
exits 0 "mkdir with parents" mkdir "$W/new/folder" "$W/second"
check "makes them" test -d "$W/new/folder" -a -d "$W/second"
exits 0 "mkdir of what is there" mkdir "$W/new/folder"
exits 0 "rmdir of an empty folder" rmdir "$W/new/folder"
check "removes it alone" test ! -e "$W/new/folder" -a -d "$W/new"

exits 0 "touch -n" touch -n "$W/file"
check "touch -n makes nothing" test ! -e "$W/file"
exits 0 "touch -C" touch -C "$W/file"
check "touch -C makes nothing" test ! -e "$W/file"
exits 0 "touch makes a file" touch -t 2006-01-02T15:04:05.123456789 "$W/file"
is "empty, with that time" "$(TZ=UTC stat -c '%s %y' "$W/file")" \
	"0 2006-01-02 15:04:05.123456789 +0000"
TZ=Asia/Kathmandu exits 0 "touch --localtime" \
	touch --localtime -t 2006-01-02T15:04:05 "$W/file"
is "is local time" "$(TZ=Asia/Kathmandu stat -c %y "$W/file")" \
	"2006-01-02 15:04:05.000000000 +0545"
fresh
ferry touch -t 171030 "$W/deep" "$W/ten"
is "touch of a folder is its files, and no deeper" \
	"$(cd "$W" && find . -newermt 2017-10-29 ! -newermt 2017-10-31 -type f |
		sort | paste -sd' ')" "./deep/f.txt ./ten"
ferry touch -R -t 171030 "$W" --include '*.txt'
is "touch -R is the files that are selected" \
	"$(cd "$W" && find . -newermt 2017-10-29 ! -newermt 2017-10-31 -type f |
		sort | paste -sd' ')" \
	"./deep/er/and/deeper/f.txt ./deep/f.txt ./ten"
is "touch leaves the content" "$(cat "$W/ten")" 1234567890

# A place that fails: what is concerned is named, the rest is done.
F=":fault,remote=$T"
for c in "lsf -R" "lsjson -R" size md5sum cat "delete -n --rmdirs"; do
	# shellcheck disable=SC2086
	exits 3 "$c: a folder that cannot be listed" \
		$c "$F,error=denied,op=list,path=deep:"
	says "$c: it is named" "deep: a fault on purpose"
done
exits 1 "lsf: the place itself cannot be" lsf "$F,error=denied,op=list,calls=1:"
exits 5 "lsf: signing in fails on the way" lsf -R "$F,error=auth,op=list,calls=3:"
exits 0 "lsf: a lost connection is tried again" \
	lsf -R "$F,error=network,op=list,calls=3:"
check "and nothing is missing or twice" diff "$OUT" <("$FERRY" lsf -R "$T")
exits 3 "md5sum: a file that cannot be read" \
	md5sum "$F,error=denied,op=hash,path=ten:"
check "the others are hashed" diff "$OUT" \
	<("$FERRY" md5sum "$T" --exclude /ten)
exits 3 "hashsum --download: a body cut short is no hash" \
	md5sum --download "$F,op=get,cut=5,path=ten:"
check "none is printed" sh -c "! grep -q '  ten' '$OUT'"
exits 1 "cat: a body cut short" cat "$F,op=get,cut=5,path=ten:ten"
exits 3 "lsf -F h: a hash that cannot be read" \
	lsf -F hp "$F,error=denied,op=hash,path=ten:"
check "is ERROR" grep -qx 'ERROR;ten' "$OUT"

# Other places than the disk.
exits 0 "ls of an empty memory" ls :mem:
is "prints nothing" "$(wc -c <"$OUT")" 0
for c in ls lsd lsf lsjson size cat mkdir rmdir rmdirs delete deletefile \
	purge hashsum md5sum sha1sum sha256sum touch; do
	ferry help $c
	is "help $c shows two examples" "$(grep -c '^  ferry ' "$OUT" |
		awk '{ print ($1 >= 2) }')" 1
done

e2e_end
