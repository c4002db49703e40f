#!/bin/bash
# Random work in a mount and in a twin folder beside it: they agree at each
# step, after remounts, and after the mount was killed; in the end the place
# has what the twin has.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2 rsync
can_mount

rounds=${MODEL_ROUNDS:-2} ops=${MODEL_OPS:-600} seed=${MODEL_SEED:-1}
T=$SHM/twin

# some_work NAME: several at once, each in a folder of its own.
some_work() {
	local name=$1 i pids=() bad=0
	for i in 1 2 3; do
		"$JUDGES/fsmodel" --seed $((seed * 10 + i)) --ops "$ops" \
			${MODEL_WITHOUT:+--without "$MODEL_WITHOUT"} \
			"${M[$name]}/work-$i" "$T/work-$i" \
			>"$SHM/model-$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3; do
		wait "${pids[i - 1]}" || {
			bad=1
			not_ok "$name, seed $((seed * 10 + i))" "$SHM/model-$i"
			tail -n 25 "$SHM/model-$i" | sed 's/^/#   /'
		}
	done
	seed=$((seed + 1))
	return $bad
}

# agree NAME: compared only.
# shellcheck disable=SC2317 # called by check
agree() {
	local i
	for i in 1 2 3; do
		"$JUDGES/fsmodel" --ops 0 \
			${MODEL_WITHOUT:+--without "$MODEL_WITHOUT"} "${M[$1]}/work-$i" "$T/work-$i" ||
			return 1
	done
}

# judge NAME PLACE SAME [OPTION...]: `SAME` is told that it should be the same.
judge() {
	local name=$1 place=$2 same=$3 round
	shift 3
	rm -rf "$T"
	mkdir "$T"
	mnt "$name" "$place" "$@" || return
	mkdir "$T"/work-{1,2,3} "${M[$name]}"/work-{1,2,3}
	for ((round = 1; round <= rounds; round++)); do
		some_work "$name" || return
		ok "$name: the same as the twin, round $round"
		umnt "$name"
		mnt "$name" "$place" "$@" || return
		check "$name: and after a remount" agree "$name"
		some_work "$name" || return
		umnt "$name" --now
		mnt "$name" "$place" "$@" || return
		check "$name: and after one that left the queue" agree "$name"
		some_work "$name" || return
		kill_mnt "$name"
		mnt "$name" "$place" "$@" || return
		check "$name: and after it was killed" agree "$name"
		some_work "$name" || return
	done
	umnt "$name"
	silent "$name: the place has what the twin has" "$same" "$T"
	mnt "$name" "$place" "$@" || return
	check "$name: and so has the next mount" agree "$name"
	is "$name: with nothing to be sent" "$(status_of "$name" queued)" 0
	umnt "$name"
	# As if this machine had never seen it: no links, modes and times.
	rm -rf "${CACHE[$name]}"
	mnt "$name" "$place" "$@" || return
	check "$name: and one without a cache" same_tree "$T" "${M[$name]}"
	umnt "$name"
}

mkdir "$SHM/local"
# shellcheck disable=SC2317 # called by judge
local_same() { same_tree "$1" "$SHM/local"; }
judge local "$SHM/local" local_same
# Little is kept, so that content comes back from the place.
rm -rf "$SHM/local"
mkdir "$SHM/local"
judge small "$SHM/local" local_same --vfs-cache-max-size 300k

serve dav apache
# shellcheck disable=SC2317 # called by judge
dav_same() { same_tree "$1" "$(files dav)"; }
judge webdav "$(at dav '')" dav_same

jotta_vars=$("$SERVERS/jotta" start "$SHM/jotta") || {
	not_ok "the simulator starts"
	e2e_end
}
conf=$(sed -n 's/^conf=//p' <<<"$jotta_vars")
helpers+=("$(sed -n 's/^pid=//p' <<<"$jotta_vars")")
export FERRY_CONFIG=$conf
# shellcheck disable=SC2317 # called by judge
jotta_same() {
	rm -rf "$SHM/fetched"
	"$FERRY" -q copy jotta:m "$SHM/fetched" && same_tree "$1" "$SHM/fetched"
}
"$FERRY" mkdir jotta:m || not_ok "a folder of the account"
judge jotta jotta:m jotta_same

e2e_end
