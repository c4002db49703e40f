# shellcheck shell=bash
# Repositories of snapshots, and restic, their judge, for the whole-program
# tests; sourced after tests/lib/e2e.sh.

need restic jq openssl rsync
export RESTIC_PASSWORD="pass word" RESTIC_CACHE_DIR=$SHM/restic-cache
export RESTIC_PROGRESS_FPS=0.01
unset FERRY_REPOSITORY FERRY_PASSWORD FERRY_PASSWORD_FILE
unset FERRY_PASSWORD_COMMAND RESTIC_PASSWORD_FILE RESTIC_PASSWORD_COMMAND

# The judges: a newer one where it can be had, and Debian 12's.  The first is
# who is asked.
judges=("$(command -v restic)")
if newer=$("$ROOT/scripts/restic-new" 2>"$SHM/no-newer"); then
	judges=("$newer" "${judges[@]}")
else
	skipped "all by a newer restic: $(cat "$SHM/no-newer")"
fi
RESTIC=${judges[0]}

# restic ARGUMENT...: the judge whose turn it is, $RESTIC.
restic() { "$RESTIC" -q "$@" </dev/null; }
version_of() { "$1" version | cut -d' ' -f2; }

# fresh PLACE [VERSION]: an empty repository there, which opens quickly and is
# that of the following commands.
fresh() {
	rm -rf "$1"
	export RESTIC_REPOSITORY=$1
	if ! ferry init --repository-version "${2:-2}" ||
		! "$FERRY" repo cat masterkey >"$SHM/master" 2>"$ERR" ||
		! /usr/bin/python3 "$BIN/quick_key.py" "$1" \
			"$RESTIC_PASSWORD" <"$SHM/master"; then
		not_ok "a repository is made" "$ERR"
	fi
}

# sound NAME: each judge finds nothing wrong in any byte.  restic tells by its
# status, and in words about what is only untidy.
# shellcheck disable=SC2317 # called by check
is_sound() {
	local r
	for r in "${judges[@]}"; do
		"$r" check --read-data --no-cache "$@" </dev/null \
			>"$SHM/sound" 2>&1 || {
			cat "$SHM/sound"
			return 1
		}
		! grep -iE 'error|warn|not (referenced|found)|contained in' \
			"$SHM/sound" | grep -v 'no errors were found' || return 1
	done
}
sound() { check "$1" is_sound "${@:2}"; }

# The snapshot that was made last, whatever time it says of itself.
latest() {
	find "$RESTIC_REPOSITORY/snapshots" -type f -printf '%T@ %f\n' |
		sort -n | tail -n 1 | cut -d' ' -f2
}
snapshot_count() { find "$RESTIC_REPOSITORY/snapshots" -type f | wc -l; }

# describes FILTER [SNAPSHOT]: what it says of itself, by the judge's mouth.
describes() {
	restic cat snapshot "${2:-$(latest)}" --no-lock | jq -r "$1"
}
tree_id() { describes .tree "${1:-}"; }

# subtree PATH [SNAPSHOT]: the id of a folder's tree there.  (Of the folders
# above it, /dev/shm say, others change the times.)
subtree() {
	local id part
	id=$(tree_id "${2:-}")
	while read -r part; do
		id=$(restic cat blob "$id" --no-lock | jq -r --arg n "$part" \
			'.nodes[] | select(.name == $n).subtree')
	done < <(tr / '\n' <<<"${1#/}")
	echo "$id"
}

# The ids of all blobs of data; or of all.
data_blobs() { restic list blobs --no-lock | grep '^data' | sort; }
all_blobs() { restic list blobs --no-lock | sort; }

# listed: the latest snapshot's paths, as the judge prints them.
listed() { restic ls --no-lock "$(latest)" | grep -a '^/'; }

# holds NAME PATH... [-- PATH...]: of the latest snapshot, these are there, and
# those behind the -- are not.
holds() {
	local name=$1 p want=0 bad=
	shift
	listed >"$SHM/listed"
	for p; do
		if [ "$p" = -- ]; then
			want=1
			continue
		fi
		grep -qaxF -e "$p" "$SHM/listed"
		[ $? = $want ] || bad="$bad $p"
	done
	if [ -z "$bad" ]; then
		ok "$name"
	else
		not_ok "$name:$bad" "$SHM/listed" "$ERR"
	fi
}

# back DIR [FLAG]...: the latest snapshot, restored by the judge.
back() {
	rm -rf "$1"
	restic restore "$(latest)" --no-lock --target "$@"
}

# equal A B: prints where B is not what A is, by rsync's eyes.
equal() { rsync -aHAXni --delete --numeric-ids "$1/" "$2/"; }

# pack_bytes REPOSITORY: the sum of the sizes of its packs.
pack_bytes() {
	find "$1/data" -type f -name '[0-9a-f]*' -printf '%s\n' |
		awk '{ s += $1 } END { print s + 0 }'
}
