#!/bin/bash
# What arrives is what was there: first copies and many rounds of changes,
# seen by rsync and by a walker of our own, on four file systems, as root and
# as a plain user.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need rsync setfattr setpriv mkfs.btrfs mkfs.xfs filefrag

rounds=${FIDELITY_ROUNDS:-30}

# rsync cannot go beyond PATH_MAX: deep/ is left to the other walker.
same_to_rsync() {
	local out
	out=$("${as[@]}" rsync -aHAXni --modify-window=-1 --delete \
		--exclude=/deep/ "$1/" "$2/" 2>&1)
	[ -z "$out" ] || { echo "$out" | head -n 20; return 1; }
}

same() { "${as[@]}" /usr/bin/python3 "$BIN/treediff.py" "$1" "$2"; }

# How much the last run did, by its own account.
work_done() {
	local key
	for key in copied updated deleted dirs_made dirs_removed links \
		hardlinks metadata failed; do
		printf '%s ' "$(field $key)"
	done
}

first_copy() {
	local title=$1 dir=$2
	shift 2
	"${as[@]}" /usr/bin/python3 "$BIN/maketree.py" "$dir/src" "$@" \
		2>"$SHM/made" || not_ok "$title: making the tree" "$SHM/made"
	sed "s/^/# $title: /" "$SHM/made"
	dump "$dir/src" >"$SHM/before"

	check "$title: dry run" "${as[@]}" "$FERRY" sync -n "$dir/src" "$dir/dst"
	check "$title: a dry run makes nothing" test ! -e "$dir/dst"

	check "$title: sync" "${as[@]}" "$FERRY" sync "$dir/src" "$dir/dst"
	check "$title: equal to rsync" same_to_rsync "$dir/src" "$dir/dst"
	check "$title: equal entry by entry" same "$dir/src" "$dir/dst"
	dump "$dir/src" >"$SHM/after"
	as_before "$title: the source is as it was"
	check "$title: holes stay holes" treediff --sparse --content \
		"$dir/src" "$dir/dst"
	check "$title: ferry check agrees" "${as[@]}" "$FERRY" check -M \
		"$dir/src" "$dir/dst"

	dump "$dir/dst" >"$SHM/before"
	"${as[@]}" "$FERRY" sync --json "$dir/src" "$dir/dst" >"$OUT" 2>"$ERR"
	is "$title: a second sync succeeds" $? 0
	is "$title: and does nothing" "$(work_done)" "0 0 0 0 0 0 0 0 0 "
	dump "$dir/dst" >"$SHM/after"
	as_before "$title: and changes nothing"
}

change_rounds() {
	local title=$1 dir=$2 n=$3 seed bad=
	for ((seed = 1; seed <= n; seed++)); do
		"${as[@]}" /usr/bin/python3 "$BIN/mutate.py" "$dir/src" \
			--seed "$seed" || bad="mutate"
		if [ $((seed % 10)) = 1 ]; then
			dump "$dir/dst" >"$SHM/before"
			"${as[@]}" "$FERRY" sync -n "$dir/src" "$dir/dst" \
				>"$OUT" 2>"$ERR" || bad="dry run"
			dump "$dir/dst" >"$SHM/after"
			same_dumps >"$SHM/check" 2>&1 ||
				bad="dry run changes"
		fi
		"${as[@]}" "$FERRY" sync "$dir/src" "$dir/dst" >"$OUT" \
			2>"$ERR" || bad="sync: exit $?"
		same_to_rsync "$dir/src" "$dir/dst" >"$SHM/check" 2>&1 ||
			bad="rsync finds a difference"
		[ -n "$bad" ] || same "$dir/src" "$dir/dst" \
			>"$SHM/check" 2>&1 || bad="trees differ"
		no_strays "$dir/dst" >>"$SHM/check" 2>&1 || bad="strays"
		if [ -n "$bad" ]; then
			not_ok "$title: round $seed: $bad" "$ERR" "$SHM/check"
			[ -z "${FERRY_KEEP:-}" ] || cp -a "$dir" "$FERRY_KEEP"
			return
		fi
		ok "$title: round $seed of changes"
	done
}

# place TITLE DIR: all of it, once with the large tree, then with the small.
place() {
	mkdir "$2"
	[ ${#as[@]} = 0 ] || chown 65534:65534 "$2"
	first_copy "$1" "$2" "${tree[@]}"
	rm -rf "$2/src" "$2/dst"
	"${as[@]}" /usr/bin/python3 "$BIN/maketree.py" "$2/src" --small \
		--seed 2 2>/dev/null
	check "$1: the first of the rounds" "${as[@]}" "$FERRY" sync \
		"$2/src" "$2/dst"
	change_rounds "$1" "$2" "$rounds"
	rm -rf "$2"
}

tree=() as=()
if ! is_root; then
	place "user on tmpfs" "$SHM/user"
	place "user on disk" "$DISK/user"
	skipped "as root; on btrfs; on xfs: only root can"
	e2e_end
fi

place "root on tmpfs" "$SHM/root"
place "root on disk" "$DISK/root"

mkdir "$HOME/nobody"
chown 65534:65534 "$HOME/nobody"
as=(setpriv --reuid=65534 --regid=65534 --clear-groups --
	env HOME="$HOME/nobody")
place "user on tmpfs" "$SHM/user"
place "user on disk" "$DISK/user"
as=()

# shares NAME FOLDER: a copy there takes no room of its own.
shares() {
	head -c 32M /dev/urandom >"$2/one"
	sync -f "$2"
	check "$1: copy" "$FERRY" copyto "$2/one" "$2/two"
	sync -f "$2"
	check "$1: the content is the same" cmp "$2/one" "$2/two"
	filefrag -v "$2/two" >"$SHM/check"
	if grep -q shared "$SHM/check"; then
		ok "$1: a copy shares its blocks"
	else
		not_ok "$1: a copy shares its blocks" "$SHM/check"
	fi
}

for type in btrfs xfs; do
	if ! image "$type" 1024 >"$SHM/check" 2>&1; then
		not_ok "an image of $type" "$SHM/check"
		continue
	fi
	place "root on $type" "$MOUNT/root"
	shares "$type" "$MOUNT"

	# From one file system to another.
	mkdir "$SHM/from"
	maketree "$SHM/from/src" --small
	rm "$SHM/from/src/links/long" # beyond what xfs can hold
	rm "$SHM/from/src/special/big"
	check "tmpfs to $type: sync" "$FERRY" sync "$SHM/from/src" "$MOUNT/to"
	check "tmpfs to $type: equal" same "$SHM/from/src" "$MOUNT/to"
	check "$type to tmpfs: sync" "$FERRY" sync "$MOUNT/to" "$SHM/from/back"
	check "$type to tmpfs: equal" same "$SHM/from/src" "$SHM/from/back"
	rm -rf "$SHM/from"
done

e2e_end
