#!/bin/bash
# A repository on a WebDAV server and on Jottacloud, over lines that break and
# with servers that stumble: what is saved there is what restic finds in it.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$LIB/webdav.sh"
# shellcheck source=tests/lib/repo.sh
. "$LIB/repo.sh"
need apache2 curl

# Relative: of the folders above, others change the times.
S=$SHM/src
cd "$SHM" || exit 1
jotta() { "$SERVERS/jotta" "$1" "$SHM/jotta"; }
# shellcheck disable=SC2317 # called by trap
stop_all() {
	jotta stop 2>/dev/null
	webdav_clean
}
trap stop_all EXIT

serve apache apache
front a apache
mkdir -m 700 "$SHM/jotta"
jotta start >"$SHM/jotta-said" 2>&1 || {
	not_ok "the simulator starts" "$SHM/jotta-said"
	e2e_end
}
export FERRY_CONFIG=$SHM/jotta/ferry.conf
sim=$(sed -n 's/^url=//p' "$SHM/jotta/ready")
control() { curl -sS --fail --data "$1" "$sim/__control"; }

# trouble KIND [RULE...]: from now on; without rules there is none.
trouble() {
	local kind=$1 r
	shift
	if [ "$kind" = webdav ]; then
		faults a "$@"
		return
	fi
	control '{"op": "clear"}' >/dev/null
	for r; do
		control "{\"op\": \"fault\", $r}" >/dev/null ||
			not_ok "a fault is known: $r"
	done
}

# home KIND: the repository, copied to this machine, and found sound.
home() {
	rm -rf "$SHM/home-repo"
	exits 0 "$1: copied to this machine" copy "$PLACE" "$SHM/home-repo"
	export RESTIC_REPOSITORY=$SHM/home-repo
	mkdir -p "$SHM/home-repo/locks"
	sound "$1: restic finds it sound"
	check "$1: and restores it" back "$SHM/back"
	silent "$1: which is what was saved" treediff "$S" "$SHM/back/src"
	export RESTIC_REPOSITORY=$PLACE
	rm -rf "$SHM/home-repo" "$SHM/back"
}

ids() { "$FERRY" snapshots --json | jq -r '.[].id'; }

# What an interrupted line, or a busy server, does to each of the commands; not
# more to any one request than five tries can bear.
# shellcheck disable=SC2317 # called by name
webdav_trouble() {
	trouble webdav \
		'{"method":"PUT","path":"/data/","cut_up":300000,"skip":1,"count":1}' \
		'{"method":"PUT","path":"/data/","lose":true,"skip":4,"count":1}' \
		'{"method":"PUT","status":503,"skip":6,"count":1}' \
		'{"method":"PUT","status":429,"count":1,"skip":8,"headers":{"Retry-After":"1"}}' \
		'{"method":"GET","cut_down":1000,"skip":1,"count":2}' \
		'{"method":"GET","path":"/data/","cut_down":200000,"count":2}' \
		'{"method":"PROPFIND","status":500,"skip":3,"count":2}' \
		'{"method":"DELETE","status":503,"count":1}'
}
# shellcheck disable=SC2317 # called by name
jotta_trouble() {
	trouble jotta '"kind": "upload", "cut": 100000, "count": 1' \
		'"kind": "allocate", "status": 503, "count": 1, "skip": 2' \
		'"kind": "allocate", "status": 429, "retry_after": 1, "skip": 5' \
		'"kind": "upload", "lost": true, "skip": 3, "count": 1' \
		'"kind": "bin", "cut": 1000, "count": 2' \
		'"kind": "info", "status": 500, "count": 2, "skip": 3' \
		'"kind": "dl", "drop": true, "count": 1' \
		'"kind": ["bin", "info"], "expire": true, "skip": 9'
}

all_of() {
	local kind=$1 first n
	PLACE=$2
	export RESTIC_REPOSITORY=$PLACE
	rm -rf "$S"
	maketree "$S" --small
	rm "$S/special/socket"
	mkdir "$S/big"
	head -c 30M /dev/urandom >"$S/big/random"
	seq 1000000 >"$S/big/text"

	exits 10 "$kind: there is none yet" snapshots
	"${kind}_trouble"
	exits 0 "$kind: init" init
	exits 10 "$kind: another place has none" snapshots -r "${PLACE}x"
	exits 0 "$kind: a first backup" backup --json --pack-size 4M src
	first=$(field snapshot_id)
	exits 0 "$kind: snapshots" snapshots --json
	is "$kind: has it" "$(jq -r '.[].id' "$OUT")" "$first"
	"${kind}_trouble"
	exits 0 "$kind: again" backup --json src
	is "$kind: adds nothing" "$(field data_added) $(field files_new)" "0 0"
	home "$kind, after troubles"

	# Another machine, with no cache.
	echo more >"$S/big/new"
	rm -rf "$HOME/.cache"
	"${kind}_trouble"
	exits 0 "$kind: without a cache" backup --json src
	is "$kind: one file is new" "$(field files_new)" 1
	exits 0 "$kind: --no-cache" backup --no-cache --json src
	is "$kind: adds nothing, either" "$(field data_added)" 0
	"${kind}_trouble"
	exits 0 "$kind: restore" restore latest --target "$SHM/back"
	silent "$kind: is what was saved" treediff "$S" "$SHM/back/src"
	rm -rf "$SHM/back"
	exits 0 "$kind: restore of the first" restore "$first:/src/big" \
		--target "$SHM/back"
	check "$kind: has its files" cmp "$S/big/random" "$SHM/back/random"
	check "$kind: and no later ones" test ! -e "$SHM/back/new"
	rm -rf "$SHM/back"
	"${kind}_trouble"
	exits 0 "$kind: check --read-data" repo check --read-data
	rm "$S/big/random"
	exits 0 "$kind: a backup of less" backup src
	"${kind}_trouble"
	exits 0 "$kind: forget --prune" forget --keep-last 1 --prune
	exits 0 "$kind: one is left" snapshots --json
	is "$kind: just one" "$(jq length "$OUT")" 1
	trouble "$kind"
	home "$kind, pruned"

	# Copied to another repository, and into this one.
	fresh "$SHM/other"
	exits 0 "$kind: repo copy to this machine" repo copy \
		--from-repo "$PLACE"
	sound "$kind: the copy is sound"
	check "$kind: the copy is restored" back "$SHM/back"
	silent "$kind: the copy is what was saved" treediff "$S" "$SHM/back/src"
	exits 0 "$kind: another into the copy" backup --host other "$S/big"
	RESTIC_REPOSITORY=$PLACE
	"${kind}_trouble"
	exits 0 "$kind: copied there" repo copy --from-repo "$SHM/other"
	trouble "$kind"
	exits 0 "$kind: two now" snapshots --json
	is "$kind: it has arrived" "$(jq -r '.[] | select(.hostname == "other")
		.paths[0]' "$OUT")" "$S/big"
	exits 0 "$kind: sound, by our own eyes" repo check --read-data

	# Killed, and gone on with.
	head -c 60M /dev/urandom >"$S/big/random"
	n=0
	for _ in 1 2 3; do
		"$FERRY" backup --pack-size 4M src >"$OUT" 2>"$ERR" &
		pid=$!
		sleep 0.$((RANDOM % 9))
		kill -9 $pid
		wait $pid
		[ $? = 137 ] && n=$((n + 1))
	done 2>/dev/null
	exits 0 "$kind: after $n kills" backup src
	home "$kind, after kills"

	ids >"$SHM/before"
	# What is refused for good is said, and harms nothing.
	if [ "$kind" = webdav ]; then
		trouble webdav '{"method":"PUT","path":"/data/","status":507}'
	else
		trouble jotta '"kind": "upload", "status": 400, "count": -1'
	fi
	head -c 9M /dev/urandom >"$S/big/random"
	exits 1 "$kind: uploads refused" backup src
	trouble "$kind"
	ids >"$SHM/after"
	as_before "$kind: the snapshots are those of before"
	exits 0 "$kind: then it goes" backup src
	home "$kind, after refusals"
}

all_of webdav "$(at a repo)"
all_of jotta jotta:repo

e2e_end
