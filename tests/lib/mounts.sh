# shellcheck shell=bash
# Mounts for the whole-program tests; sourced after tests/lib/e2e.sh, and after
# tests/lib/webdav.sh where that is used, too.

JUDGES=${FERRY_BUILD:-$ROOT/build/plain}/tests/lib
declare -A M=()         # the folder where it is mounted
declare -A MOUNT_PID=() # of the one that serves it
declare -A CACHE=()     # its folder
# What they are all mounted with; a test may say more, or less.
MOUNT_OPTS=(--vfs-write-back 200ms --dir-cache-time 2s)

# Dead or alive.
is_mounted() { grep -qF " ${M[$1]} " /proc/self/mounts; }

# Nothing may be mounted any more where things are deleted.
unmount_all() {
	local name pid
	for name in "${!M[@]}"; do
		pid=${MOUNT_PID[$name]:-}
		[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null
		while is_mounted "$name"; do
			umount -l "${M[$name]}" || break
		done
	done
}
mount_clean() {
	unmount_all
	if declare -F webdav_clean >/dev/null; then
		webdav_clean
	else
		e2e_clean
	fi
}
trap mount_clean EXIT

# can_mount: ends the tests, saying so, where nobody can.
can_mount() {
	if [ ! -w /dev/fuse ] || ! is_root; then
		not_ok "needs /dev/fuse, and root"
		e2e_end
	fi
	[ -z "$FERRY_SAN" ] || MOUNT_WAIT=60
}

# on NAME ARGUMENT...: ferry, which finds what it keeps of this mount.
on() {
	FERRY_CACHE_DIR=${CACHE[$1]} FERRY_STATE_DIR=${CACHE[$1]} \
		timeout 300 "$FERRY" "${@:2}" </dev/null
}

# mnt NAME PLACE [OPTION...]: mounted at ${M[NAME]}.  What it keeps there is
# still known when it is mounted again.
mnt() {
	local name=$1 place=$2 pid i
	shift 2
	M[$name]=$DISK/mnt-$name
	CACHE[$name]=$SHM/cache-$name
	stat "${M[$name]}" >/dev/null 2>&1 || mkdir -p "${M[$name]}" 2>/dev/null
	mkdir -p "${CACHE[$name]}"
	FERRY_CACHE_DIR=${CACHE[$name]} FERRY_STATE_DIR=${CACHE[$name]} \
		"$FERRY" mount "$place" "${M[$name]}" "${MOUNT_OPTS[@]}" "$@" \
		>>"$SHM/said-$name" 2>&1 </dev/null &
	pid=$!
	MOUNT_PID[$name]=$pid
	for ((i = 0; i < ${MOUNT_WAIT:-20} * 20; i++)); do
		# In this order: a dead mount is one to mountpoint(1), too.
		! stat -f "${M[$name]}" >/dev/null 2>&1 ||
			! is_mounted "$name" || return 0
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	not_ok "$name is mounted" "$SHM/said-$name"
	return 1
}

# umnt NAME [--now]: the queue is empty then, or left for the next time.
umnt() {
	local name=$1 status
	shift
	on "$name" umount "${M[$name]}" "$@" >"$OUT" 2>"$ERR"
	status=$?
	[ $status = 0 ] || not_ok "umount $name: exit $status" "$ERR" "$OUT"
	# It may be about to write the last of what it knows.
	for _ in {1..1200}; do
		kill -0 "${MOUNT_PID[$name]}" 2>/dev/null || break
		sleep 0.05
	done
	if kill -0 "${MOUNT_PID[$name]}" 2>/dev/null; then
		not_ok "umount $name: its process ends"
		kill -9 "${MOUNT_PID[$name]}"
	fi
	wait "${MOUNT_PID[$name]}" 2>/dev/null
	status=$?
	[ $status = 0 ] || not_ok "$name: the mount's exit status: $status" \
		"$SHM/said-$name"
	MOUNT_PID[$name]=
}

# kill_mnt NAME: at once; what was mounted there stays, and is dead.
kill_mnt() {
	kill -9 "${MOUNT_PID[$1]}"
	{ wait "${MOUNT_PID[$1]}"; } 2>/dev/null
	MOUNT_PID[$1]=
}

# status_of NAME FIELD
status_of() {
	on "$1" mount status "${M[$1]}" --json >"$OUT" 2>"$ERR"
	field "$2"
}

# drained NAME [SECONDS]: by itself, within this time.
drained() {
	local i
	for ((i = 0; i < ${2:-60} * 10; i++)); do
		case $(status_of "$1" queued) in
		0) return 0 ;;
		-1) cat "$ERR"; return 1 ;;
		esac
		sleep 0.1
	done
	on "$1" mount queue "${M[$1]}"
	return 1
}

# queue_has NAME REGEX [SECONDS]: comes to have a line like this.
queue_has() {
	local i
	for ((i = 0; i < ${3:-20} * 10; i++)); do
		! on "$1" mount queue "${M[$1]}" 2>&1 |
			grep -qE -e "$2" || return 0
		sleep 0.1
	done
	on "$1" mount queue "${M[$1]}"
	return 1
}

# same_tree TWIN FOLDER: the same files and folders with the same bytes;
# symbolic links not, which few servers have, nor parts of killed uploads.
same_tree() {
	local out
	out=$(rsync -rcni --delete --no-links --info=nonreg0 \
		--exclude=.DAV --exclude='.ferry-tmp.*' "$1/" "$2/") ||
		return 1
	[ -z "$out" ] || { echo "$out"; return 1; }
}

# bounded SECONDS COMMAND...: it ends within this time, in whatever way.
bounded() {
	local most=$1
	shift
	timeout -s KILL "$most" "$@" >"$SHM/bounded" 2>&1
	[ $? != 137 ]
}
