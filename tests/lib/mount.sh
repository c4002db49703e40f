# shellcheck shell=bash
# What the tests of mounts share; sourced after tests/lib/e2e.sh.
#
# $PLACE is a folder of this machine and $MNT where it is mounted.  Each
# ferry of the tests has its state below $SHM.
export FERRY_STATE_DIR=$DISK/state FERRY_CACHE_DIR=$DISK/cache
PLACE=$DISK/place MNT=$DISK/mnt
mkdir -p "$PLACE" "$MNT"

mount_clean() {
	local dir
	while read -r dir; do
		umount "$dir" 2>/dev/null || umount -l "$dir"
	done < <(awk -v d="$DISK" '$3 == "fuse.ferry" && index($2, d) == 1 \
		{ print $2 }' /proc/mounts)
	e2e_clean
}
trap mount_clean EXIT

mountable() {
	[ -c /dev/fuse ] && [ -w /dev/fuse ] && return 0
	check 'there is a /dev/fuse that may be used' false
	return 1
}

# up [ARGUMENT...]: $PLACE at $MNT, in the background.
up() { ferry mount --daemon "$@" "$PLACE" "$MNT"; }

# down [ARGUMENT...]
down() { ferry umount "$@" "$MNT"; }

is_mounted() { grep -q " ${1:-$MNT} fuse.ferry " /proc/mounts; }
not_mounted() { ! is_mounted "$@"; }

# The process that serves $MNT, by its own word.
mount_pid() {
	"$FERRY" mount status --json "$MNT" 2>/dev/null |
		sed -n 's/.*"pid":\([0-9]*\).*/\1/p'
}

# gone PID: it ends, within three minutes: another test may have taken the mount
# along into a namespace.
gone() {
	local i
	for ((i = 0; i < 3600; i++)); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}
