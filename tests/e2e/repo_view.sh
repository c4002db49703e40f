#!/bin/bash
# All snapshots as folders, view=tree: as restic's mount shows them, and what
# it costs to look at them over a long line.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$LIB/webdav.sh"
# shellcheck source=tests/lib/repo.sh
. "$LIB/repo.sh"
S=$DISK/src R=$DISK/repo M=$DISK/mount

mkdir -p "$S/in" "$M"
echo one >"$S/one"
head -c 3000000 /dev/urandom >"$S/in/large"
ln "$S/one" "$S/in/again"
ln -s ../one "$S/in/link"
chmod 640 "$S/one"
touch -d 2001-02-03T04:05:06.789 "$S/one" "$S/in/large"

# saved FLAG...: one more snapshot.
saved() { exits 0 "a snapshot: $*" backup -q -r "$R" "$@" "$S"; }
# tree [PATH]: the place.
tree() { echo ":repo,view=tree,repository=\"${2:-$R}\":${1:-}"; }

fresh "$R"
saved --host a --tag x --time '2020-01-02 03:04:05'
TZ=Asia/Kolkata saved --host a --tag x,y/z --time '2020-01-02 03:04:05'
saved --host b --tag x --time '2021-01-02 03:04:05'
saved --host b --time '2021-01-02 03:04:05'
saved --host b --time '2019-01-02 03:04:05'
restic backup -r "$R" -q --host c --tag x "$S" >"$OUT" 2>&1

# --- the same names, the same entries -----------------------------------------

# found DIR: each name above the snapshots, and whereto a link leads.
found() {
	(cd "$1" && find . -mindepth 1 -maxdepth 3 -printf '%P %y %l\n') |
		sed 's/ *$//' | LC_ALL=C sort
}
# in_tree: the same of the tree, down to the snapshots' names.
in_tree() {
	local dir
	for dir in '' ids snapshots hosts tags; do
		below "$dir"
	done
	for dir in $("$FERRY" lsf "$(tree hosts)") $("$FERRY" lsf "$(tree tags)" |
		sed 's/^/tags:/'); do
		case $dir in
		tags:*) below "tags/${dir#tags:}" ;;
		*) below "hosts/$dir" ;;
		esac
	done
}
below() {
	"$FERRY" lsjson "$(tree "$1")" | jq -r --arg d "${1:+${1%/}/}" \
		'.[] | $d + .Name + (if .IsDir then " d" else " l" end)'
}

in_tree | LC_ALL=C sort >"$SHM/ours"
if [ -c /dev/fuse ] && is_root && command -v fusermount >"$SHM/tool"; then
	"$RESTIC" mount -r "$R" --no-lock --no-cache "$M" >"$SHM/restic" 2>&1 \
		</dev/null &
	mounted=$!
	for _ in {1..600}; do
		[ -d "$M/snapshots" ] && break
		sleep 0.1
	done
	found "$M" | grep -vE '^(ids|snapshots)/[^/]*/' |
		grep -vE '^(hosts|tags)/[^/]*/[^/]*/' |
		sed 's/ l .*/ l/' | LC_ALL=C sort >"$SHM/theirs"
	kill "$mounted"
	wait "$mounted" 2>/dev/null
	diff "$SHM/theirs" "$SHM/ours" >"$OUT"
	is "the names are those of restic's mount" "$(cat "$OUT")" ""
else
	skipped "the names of restic's mount (needs root and /dev/fuse)"
fi
saved --host d --tag .. # restic's mount has no folder for that
# exists NAME PATH: a folder or a link is there.
exists() {
	exits 0 "$1" lsjson --stat "$(tree "$2")"
}
exists "by host and time" hosts/b/2021-01-02T03:04:05Z
exists "a second one of that time" hosts/b/2021-01-02T03:04:05Z-1
exists "a zone is the snapshot's" hosts/a/2020-01-02T03:04:05+05:30
exists "a tag with a slash" tags/y_z/latest
exists "a tag that is no name" tags/__/latest
exits 0 "through a link" cat "$(tree "hosts/b/latest$S/one")"
is "is the file" "$(cat "$OUT")" one
rm -rf "$DISK/out"
exits 0 "a whole snapshot is copied" \
	copy "$(tree "snapshots/2019-01-02T03:04:05Z$S")" "$DISK/out"
equal "$S" "$DISK/out" >"$SHM/unequal" 2>&1
is "entry by entry" "$(cat "$SHM/unequal")" ""
exits 1 "nothing is made there" mkdir "$(tree hosts/new)"
exits 2 "another view is refused" ls ":repo,view=round,repository=\"$R\":"
is "no lock stays" "$(find "$R/locks" -type f | wc -l)" 0

# --- over a network: how often it is asked -------------------------------------

serve apache apache
cp -r "$R" "$(files apache)/repo"
chmod -R a+rwX "$(files apache)/repo"
through far apache "$DELAY_PROXY" 0 "127.0.0.1:$(port_of apache)" 30
P=$(at far repo)

# asks NAME MOST COMMAND...: with that many requests at most.
asks() {
	local name=$1 most=$2 n
	marked apache
	exits 0 "$name" "${@:3}"
	written_down apache
	n=$(grep -c '' "$(log_of apache)")
	if [ "$n" -le "$most" ] && [ "$n" -gt 0 ]; then
		ok "$name: $n requests"
	else
		not_ok "$name: $n requests, not $most" "$(log_of apache)"
	fi
}
gets() { grep -c "^GET .*/$1/" "$(log_of apache)"; }

exits 0 "the cache is filled" repo snapshots -r "$P"
exits 0 "with trees, too" repo ls -r "$P" latest
asks "snapshots" 6 repo snapshots --no-lock -r "$P"
is "no snapshot is read again" "$(gets snapshots)" 0
asks "ls" 8 repo ls --no-lock -r "$P" latest
is "no tree and no index is read again" "$(gets data) $(gets index)" "0 0"
a=$("$FERRY" repo snapshots --json --no-lock -r "$P" | jq -r '.[0].id')
b=$("$FERRY" repo snapshots --json --no-lock -r "$P" | jq -r '.[1].id')
exits 0 "those of older ones" repo diff --no-lock -r "$P" "$a" "$b"
asks "diff" 10 repo diff --no-lock -r "$P" "$a" "$b"
is "that reads nothing again" "$(gets data) $(gets index) $(gets snapshots)" \
	"0 0 0"
# (of two blobs, if it happens to lie in both)
asks "a part of a file" 15 cat --offset 1500000 --count 65536 \
	"$(tree "snapshots/latest$S/in/large" "${P//\"/\"\"}")"
check "is that part" cmp "$OUT" <(tail -c +1500001 "$S/in/large" |
	head -c 65536)
is "one blob of it is read, or two" \
	"$(($(gets data) >= 1 && $(gets data) <= 2))" 1

# A look at a folder does not wait for megabytes of other folders.
/usr/bin/python3 - "$S/many" <<'PY'
import os, sys
for d in range(3):
    os.makedirs("%s/%d" % (sys.argv[1], d))
    for i in range(4000):
        with open("%s/%d/%d" % (sys.argv[1], d, i), "w") as f:
            f.write("%d %d" % (d, i))
PY
exits 0 "many files are saved" backup -q -r "$P" "$S"
rm -rf "$HOME/.cache"
asks "a first look" 30 lsf "$(tree "snapshots/latest$S" "${P//\"/\"\"}")"
sent=$(awk '/^GET .*\/data\// { s += $6 } END { print s + 0 }' \
	"$(log_of apache)")
if [ "$sent" -gt 0 ] && [ "$sent" -lt 100000 ]; then
	ok "reads $sent bytes of packs"
else
	not_ok "reads $sent bytes of packs" "$(log_of apache)"
fi
exits 0 "a longer look" lsf -R "$(tree "snapshots/latest$S" "${P//\"/\"\"}")"
is "sees all" "$(grep -c 'many/.*/.*[0-9]$' "$OUT")" 12000

e2e_end
