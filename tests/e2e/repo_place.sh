#!/bin/bash
# Snapshots as a place: what other commands read of repo:PLACE:SNAPSHOT/path is
# what was saved, by whichever program, wherever the repository lies.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$LIB/webdav.sh"
# shellcheck source=tests/lib/repo.sh
. "$LIB/repo.sh"
need rclone
S=$DISK/src R=$DISK/repos

maketree "$S" --small --seed 11
rm -rf "$S/special/socket" # which restic does not save
mkdir -p "$R" "$S/more/below"
head -c 9000000 /dev/urandom >"$S/more/large"
ln "$S/more/large" "$S/more/below/again"
: >"$S/more/empty"
printf 'text' >"$S/more/text"
printf 'odd' >"$S/more/"$'new\nline "quoted" \\ bad\xff'
touch -d 2001-02-03 "$S/more/text"

# shellcheck disable=SC2317 # called by check
# same A B: entry by entry, by rsync's eyes; prints what is not.
same() {
	[ -d "$1" ] && [ -d "$2" ] || return 1
	equal "$1" "$2" >"$SHM/unequal" 2>&1
	head -n 20 "$SHM/unequal"
	[ ! -s "$SHM/unequal" ]
}

# try NAME PLACE FOLDER: what commands say of the snapshot PLACE, whose
# repository is in FOLDER.
try() {
	local name=$1 in=$2$S
	exits 0 "$name: ls" ls "$in/more"
	check "$name: ls names each file with its size" grep -qxF \
		"  9000000 large" "$OUT"
	exits 0 "$name: lsf" lsf "$in/more"
	check "$name: lsf" cmp "$OUT" "$SHM/lsf"
	exits 0 "$name: lsjson" lsjson "$in/more/text"
	says "$name: lsjson tells the time" '"ModTime":"2001-02-0'
	exits 0 "$name: size" size "$in"
	check "$name: size" cmp "$OUT" "$SHM/size"
	exits 0 "$name: cat" cat "$in/more/large"
	check "$name: cat gives the file" cmp "$OUT" "$S/more/large"
	exits 0 "$name: cat of a part" \
		cat --offset 4000000 --count 4000000 "$in/more/large"
	check "$name: and just that" cmp "$OUT" "$SHM/part"
	exits 0 "$name: cat of a name with a newline, quotes and bad UTF-8" \
		cat "$in/more/"$'new\nline "quoted" \\ bad\xff'
	check "$name: that is its text" cmp "$OUT" <(printf odd)
	exits 0 "$name: sha256sum" sha256sum "$in/more"
	check "$name: sha256sum" cmp <(sort "$OUT") "$SHM/sums"
	rm -rf "$DISK/out"
	exits 0 "$name: copy" copy "$in" "$DISK/out"
	is "$name: no lock stays" "$(find "$3/locks" -type f | wc -l)" 0
}

"$FERRY" lsf "$S/more" >"$SHM/lsf"
"$FERRY" size "$S" >"$SHM/size"
"$FERRY" sha256sum "$S/more" | sort >"$SHM/sums"
tail -c +4000001 "$S/more/large" | head -c 4000000 >"$SHM/part"

# exact NAME PLACE FOLDER
exact() {
	try "$@"
	check "$1: the copy is the source, entry by entry" same "$S" "$DISK/out"
	exits 0 "$1: check" check "$2$S" "$S"
	exits 0 "$1: sync of what is there" sync --json "$2$S" "$DISK/out"
	is "$1: copies nothing" "$(field copied) $(field bytes)" "0 0"
}

# lossy NAME PLACE FOLDER: restic 0.14 spoils the targets of links that are no
# UTF-8, and nobody can have them back.
lossy() {
	try "$@"
	rm -rf "$DISK/rest"
	restic restore -r "$3" --no-lock --no-cache latest --target "$DISK/rest"
	check "$1: the copy is what restic restores" \
		same "$DISK/rest$S/more" "$DISK/out/more"
}

# --- who made it, which version, where it lies ----------------------------

for v in 1 2; do
	for RESTIC in "${judges[@]}"; do
		by=$(version_of "$RESTIC")
		repo=$R/$by-$v
		restic init -r "$repo" --repository-version "$v"
		quick "$repo"
		restic backup -r "$repo" --no-cache "$S" >"$SHM/made" 2>&1
		if [[ $by == 0.1[0-6].* ]]; then
			lossy "restic $by, version $v" "repo:$repo:latest" "$repo"
		else
			exact "restic $by, version $v" "repo:$repo:latest" "$repo"
		fi
	done
	repo=$R/ferry-$v
	ferry init -r "$repo" --repository-version "$v"
	quick "$repo"
	exits 0 "ferry backs up, version $v" backup -r "$repo" "$S"
	exact "ferry, version $v" "repo:$repo:latest" "$repo"
done

serve rclone rclone
cp -r "$R/ferry-2" "$(files rclone)/repo"
exact "on WebDAV" "repo:$(at rclone repo):latest" "$(files rclone)/repo"
rm -rf "$DISK/out"
mkdir "$DISK/out"
exits 0 "a snapshot is synced to WebDAV" \
	sync "repo:$R/ferry-2:latest$S/more/below" "$(at rclone below)"
check "and there is what was in it" \
	cmp "$(files rclone)/below/again" "$S/more/large"

# --- how it is written ------------------------------------------------------

repo=$R/ferry-2
id=$(find "$repo/snapshots" -type f -printf '%f\n')
exits 0 "all snapshots are listed" lsf "repo:$repo:"
check "by their ids" grep -qx "${id:0:8}/" "$OUT"
exits 0 "by an id" cat "repo:$repo:${id:0:8}$S/more/text"
exits 0 "by a longer one" cat "repo:$repo:$id$S/more/text"
exits 0 "below the root of all" cat "repo:$repo:/${id:0:8}$S/more/text"
exits 0 "at length" cat ":repo,repository=\"$repo\":latest$S/more/text"
check "it is the same file" cmp "$OUT" "$S/more/text"
(cd "$R" && "$FERRY" cat "repo:ferry-2:latest$S/more/text") >"$OUT" 2>"$ERR"
check "of a relative path" cmp "$OUT" "$S/more/text"
CONFIG=$HOME/.config/ferry/ferry.conf
mkdir -p "${CONFIG%/*}"
printf '[snaps]\ntype = repo\nrepository = %s\n' "$repo" >"$CONFIG"
exits 0 "as a remote" cat "snaps:latest$S/more/text"
check "it is the same file" cmp "$OUT" "$S/more/text"
printf '[repo]\ntype = repo\nrepository = %s\n' "$repo" >"$CONFIG"
exits 0 "a remote called repo goes first" cat "repo:latest$S/more/text"
: >"$CONFIG"
exits 2 "no snapshot" ls "repo:$repo"
says "says how it is written" "repo:PLACE:SNAPSHOT/path"

# --- what cannot be ---------------------------------------------------------

find "$repo" -type f -printf '%P %s %T@\n' | sort >"$SHM/before"
exits 1 "nothing is copied into a snapshot" copy "$S/more" "repo:$repo:latest/new"
says "and that is said" "a snapshot cannot be changed"
exits 1 "nor made" mkdir "repo:$repo:latest/new"
exits 1 "nor deleted" deletefile "repo:$repo:latest$S/more/text"
exits 1 "nor purged" purge "repo:$repo:latest$S/more"
exits 3 "nor moved away" move "repo:$repo:latest$S/more" "$DISK/moved"
find "$repo" -type f -printf '%P %s %T@\n' | sort >"$SHM/after"
as_before "the repository is as it was"
RESTIC_PASSWORD=wrong exits 12 "a wrong password" ls "repo:$repo:latest"
RESTIC_PASSWORD='' exits 2 "no password" ls "repo:$repo:latest"
says "says where it may come from" "FERRY_PASSWORD"
exits 10 "no repository there" ls "repo:$DISK/nothing:latest"
exits 4 "no such folder" ls "repo:$repo:latest/nothing"
exits 4 "no such snapshot" ls "repo:$repo:latest~7"

# --- damage, locks ------------------------------------------------------------

head -c 3000000 /dev/urandom >"$S/more/late"
touch "$SHM/mark"
exits 0 "another file is saved" backup -r "$repo" "$S"
cp -rp "$repo" "$R/harmed"
find "$R/harmed/data" -type f -size +1M -newer "$SHM/mark" -delete
rm -rf "$DISK/out"
exits 3 "of a damaged repository" copy "repo:$R/harmed:latest$S" "$DISK/out"
says "the file that is lost is named" "more/late: data blob"
rm "$S/more/late"
touch -r "$DISK/out/more" "$S/more"
check "and the others come" same "$S" "$DISK/out"
cp "$SHM/lsf" "$OUT" # not an empty one
ferry repo list locks -r "$repo"
is "no lock stays" "$(wc -c <"$OUT")" 0

if is_root; then
	chmod -R a+rX "$repo"
	rm -rf "$SHM/nobody"
	mkdir -m 777 "$HOME/nobody"
	nobody env RESTIC_PASSWORD="$RESTIC_PASSWORD" "$FERRY" cat \
		"repo:$repo:latest$S/more/text" >"$OUT" 2>"$ERR"
	check "who may not write there reads without a lock" \
		cmp "$OUT" "$S/more/text"
	says "and that is said" "without a lock"
else
	skipped "who may not write to the repository (needs root)"
fi

e2e_end
