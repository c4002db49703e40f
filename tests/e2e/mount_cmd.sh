#!/bin/bash
# ferry mount and umount themselves: how they begin and end, what they refuse,
# what may be asked of a mount.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/mount.sh
. "$LIB/mount.sh"
mountable || e2e_end
need setpriv

STATE=$FERRY_STATE_DIR/mounts
echo 1 >"$PLACE/one"

# ---- what is refused -------------------------------------------------------
exits 2 'mount wants two arguments' mount "$PLACE"
exits 4 'a place that is not there is told' mount --daemon "$PLACE/no" "$MNT"
says 'by its name' "$PLACE/no"
exits 4 'so is a folder to mount at' mount "$PLACE" "$DISK/none"
exits 1 'a file is no folder to mount at' mount "$PLACE" "$PLACE/one"
exits 1 'a file cannot be mounted' mount "$PLACE/one" "$MNT"
exits 4 'a remote that is not configured is told' mount --daemon nix: "$MNT"
mkdir "$DISK/full" && echo >"$DISK/full/x"
exits 1 'a folder that is not empty is refused' mount "$PLACE" "$DISK/full"
says 'with the flag that allows it' --allow-non-empty
mkdir "$PLACE/in"
exits 2 'a folder in the place is refused' mount "$PLACE" "$PLACE/in"
mkdir -p "$DISK/a/b"
exits 2 'a folder that has the place in it, too' \
	mount --allow-non-empty "$DISK/a/b" "$DISK/a"
exits 2 'and one that has the state in it' \
	mount --allow-non-empty "$PLACE" "$DISK"
exits 2 'a mode of the cache that there is not' \
	mount --cache-mode some "$PLACE" "$MNT"
exits 2 'a umask that is none' mount --umask 9 "$PLACE" "$MNT"
for flag in transfers=-1 transfers=1025 transfers=1e3 uid=-1 uid=4294967295 \
	gid=-2 gid=4294967296 cache-size=-1 cache-size=9E cache-min-free=8E \
	read-ahead=-1 write-back=-1s dir-cache-time=300y \
	default-permissions=false; do
	exits 2 "--$flag is refused" mount "--$flag" "$PLACE" "$MNT"
done
exits 2 "rclone's flags without a meaning here" \
	mount --volname x "$PLACE" "$MNT"
says 'which says so' 'means nothing here'
exits 2 'flags of a command below before its name' \
	mount --json queue "$MNT"
exits 4 'to ask where nothing is mounted' mount status "$MNT"
exits 4 'to unmount nothing' umount "$MNT"
check 'none of these has left anything' test ! -e "$STATE"

# ---- in the background -----------------------------------------------------
check '--daemon returns when it is mounted' up
check 'and it is' cmp "$PLACE/one" "$MNT/one"
exits 1 'it is not mounted twice at one folder' mount "$PLACE" "$MNT"
mkdir "$DISK/mnt2"
exits 11 'nor anywhere else at the same time' \
	mount --daemon "$PLACE" "$DISK/mnt2"
says 'which says where' "$MNT"
check 'the socket is for its user alone' test \
	"$(stat -c %a "$STATE"/*/ | sort -u)" = 700

exits 0 'status is told' mount status "$MNT"
says 'with the place' "$PLACE"
exits 0 'as JSON, too' mount status --json "$MNT"
is 'with what it needs' "$(field place) $(field dir) $(field queued)" \
	"$PLACE $MNT 0"
check 'of a folder in it as well' "$FERRY" mount status "$MNT/in"

exits 0 'who does not know its state folder can ask, too' \
	mount status --state-dir "$SHM/other" "$MNT/in"
check 'and pin' "$FERRY" mount pin --state-dir "$SHM/other" "$MNT" one
is 'there' "$("$FERRY" mount pins "$MNT")" 'one (2 B)'
exits 4 'to flush what is not there is an error' mount flush "$MNT" nothing
exits 0 'what is there and all sent is not' mount flush "$MNT" one
check 'and unpin' "$FERRY" mount unpin --state-dir "$SHM/other" "$MNT" one

pid=$(mount_pid)
check 'SIGTERM ends it' kill "$pid"
check 'its process is gone then' gone "$pid"
check 'and nothing is mounted' not_mounted
check 'and its record is gone' test -z "$(find "$STATE" -name mount.json)"

check 'a folder may be mounted by a relative path' bash -c "
	cd '$DISK' && '$FERRY' mount --daemon place mnt"
check 'a daemon does not keep the folder where it was started' test \
	"$(readlink "/proc/$(mount_pid)/cwd")" = /
check 'nor its terminal' test "$(ps -o tty= -p "$(mount_pid)")" = '?'
check 'ferry umount ends it' down
check 'at once' not_mounted

echo 2 >"$SHM/conf"
check 'with --log-file messages go there' up -vv --log-file "$SHM/log"
check 'down' down
check 'and do' grep -q mounted "$SHM/log"

# ---- in the foreground -----------------------------------------------------
"$FERRY" mount -v "$PLACE" "$MNT" 2>"$ERR" &
pid=$!
check 'without --daemon it stays' until_true is_mounted
echo new >"$MNT/new"
kill $pid
wait $pid
is 'SIGTERM ends it well' $? 0
check 'and unmounts' not_mounted

/usr/bin/python3 - "$FERRY" "$PLACE" "$MNT" >"$SHM/notified" 2>"$ERR" <<'EOP'
import os, signal, socket, subprocess, sys
ferry, place, mnt = sys.argv[1:]
for name in ("\0ferry-test-%d" % os.getpid(), os.environ["HOME"] + "/notify"):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(name)
    s.settimeout(120)
    env = dict(os.environ, NOTIFY_SOCKET=name.replace("\0", "@"))
    p = subprocess.Popen([ferry, "mount", place, mnt], env=env)
    assert s.recv(100) == b"READY=1"
    assert os.path.ismount(mnt)
    p.send_signal(signal.SIGTERM)
    assert s.recv(100) == b"STOPPING=1"
    assert p.wait(120) == 0
    assert not os.path.ismount(mnt)
print("fine")
EOP
is 'systemd is told when it is ready, and when it stops' \
	"$(cat "$SHM/notified")" fine

# ---- in use ----------------------------------------------------------------
check 'mounted to be used' up
pid=$(mount_pid)
exec 8>"$MNT/held"
exits 1 'umount does not take it from those who use it' umount "$MNT"
says 'and says so' 'in use'
check 'it stays' is_mounted
kill "$pid"
check 'SIGTERM takes it out of sight' until_true not_mounted
echo kept >&8
check 'those who use it can go on' kill -0 "$pid"
exec 8>&-
check 'and it ends with them' gone "$pid"
check 'what they wrote is there in the next one' up
is 'what they wrote is there' "$(cat "$MNT/held")" kept
pid=$(mount_pid)
exec 8>"$MNT/held2"
kill "$pid"
check 'out of sight again' until_true not_mounted
kill "$pid"
check 'a second signal ends it at once' gone "$pid"
check 'what is written then fails' bash -c '! echo lost >&8 2>/dev/null'
exec 8>&-

# ---- crashed ---------------------------------------------------------------
check 'mounted to be killed' up
pid=$(mount_pid)
echo survives >"$MNT/survivor"
kill -9 "$pid"
check 'a killed one leaves a dead folder' until_true bash -c \
	"! stat -f '$MNT' && is=\$(stat -f '$MNT' 2>&1); echo \"\$is\" |
	grep -q 'not connected'"
exits 4 'of which nothing can be asked' mount status "$MNT"
check 'mount cleans it' up
is 'and nothing is lost' "$(cat "$MNT/survivor")" survives
kill -9 "$(mount_pid)"
check 'dead again' until_true bash -c "! stat -f '$MNT'"
check 'umount cleans it, too' down
check 'and nothing is mounted' not_mounted

# What is done here is saved within half a second, whatever the place does; on
# a busy machine it may be more.
mute() {
	"$FERRY" mount --daemon --write-back 1h \
		":fault,op=quota,delay=10m,remote='$PLACE':" "$MNT"
}
# shellcheck disable=SC2317 # called by check
saved_by_itself() {
	local wait
	for wait in 2 5 15 30; do
		mute && mkdir "$MNT/unsynced" || return 1
		sleep "$wait"
		kill -9 "$(mount_pid)"
		until_true bash -c "! stat -f '$MNT'"
		mute || return 1
		if [ -d "$MNT/unsynced" ]; then
			rmdir "$MNT/unsynced"
			ferry umount "$MNT"
			return
		fi
		ferry umount "$MNT" || return 1
	done
	return 1
}
check 'a killed one has what was done, of a place that does not answer' \
	saved_by_itself

# ---- the queue -------------------------------------------------------------
check 'mounted to rest for long' up --write-back 1h
exits 0 'what was left of the killed ones is sent' mount flush "$MNT"
echo data >"$MNT/queued"
mkdir "$MNT/qdir"
exits 0 'the queue is listed' mount queue "$MNT"
says 'with the file' queued
exits 0 'as JSON, too' mount queue --json "$MNT"
is 'with what is to be done' "$(grep -c '"action":"upload"' "$OUT")" 1
exits 0 'flush waits for one path' mount flush "$MNT" queued
check 'which the place has then' cmp "$PLACE/queued" "$MNT/queued"
echo more >"$MNT/queued2"
exits 0 'and for all' mount flush "$MNT"
check 'the place has all' cmp "$PLACE/queued2" "$MNT/queued2"
is 'the queue is empty then' "$("$FERRY" mount queue "$MNT" | wc -l)" 0

echo left >"$MNT/left"
exits 0 'umount --now does not wait' umount --now "$MNT"
says 'and says what is left' '1 changes'
check 'the place does not have it' test ! -e "$PLACE/left"
check 'the next mount does' up --write-back 1h
is 'have it' "$(cat "$MNT/left")" left
exits 0 'umount waits for the queue' umount --json \
	--state-dir "$SHM/other" "$MNT"
is 'of which nothing is left' "$(field queued)" 0
check 'the place has it now' grep -qx left "$PLACE/left"

check 'a place that takes its time is mounted' "$FERRY" mount --daemon \
	":fault,op=put,delay=10s,remote='$PLACE':" "$MNT"
echo slow >"$MNT/slowly"
timeout -s INT 1 "$FERRY" umount "$MNT" >/dev/null 2>"$ERR"
check 'who interrupts umount finds it mounted' is_mounted
"$FERRY" umount -P "$MNT" >"$OUT" 2>"$ERR"
is 'or waits' $? 0
check 'and it is sent' grep -qx slow "$PLACE/slowly"

# ---- pins ------------------------------------------------------------------
mkdir "$PLACE/pinned" && head -c 100000 /dev/urandom >"$PLACE/pinned/p"
check 'mounted to pin' up
exits 0 'a folder is pinned' mount pin "$MNT" pinned
exits 0 'it is listed' mount pins --json "$MNT"
is 'by its path' "$(field path)" pinned
missing() {
	ferry mount pins --json "$MNT" && [ "$(field missing)" = "$1" ]
}
check 'and fetched by itself' until_true missing 0
exits 4 'what is not there cannot be pinned' mount pin "$MNT" nothing
exits 0 'it is unpinned' mount unpin "$MNT" pinned
is 'and listed no more' "$("$FERRY" mount pins "$MNT" | wc -l)" 0
check 'it ends' down

# ---- looking again ---------------------------------------------------------
check 'mounted to believe for long' up --dir-cache-time 1h
ls "$MNT/pinned" >/dev/null
echo later >"$PLACE/pinned/later"
sleep 1
check 'what comes later is not seen' bash -c \
	"! ls '$MNT/pinned' | grep later"
kill -HUP "$(mount_pid)"
check 'but after SIGHUP' until_true bash -c "ls '$MNT/pinned' | grep later"
check 'it ends' down

# ---- read-only, owners, modes ----------------------------------------------
check 'mounted to be read' up --read-only
check 'it can be read' cmp "$PLACE/one" "$MNT/one"
check 'and not written' bash -c "! echo 2>/dev/null >'$MNT/one' &&
	! mkdir '$MNT/d' 2>/dev/null && ! rm '$MNT/one' 2>/dev/null"
check 'which mount(8) shows' grep -q " $MNT fuse.ferry ro," /proc/mounts
check 'it ends' down
if is_root; then
	check 'mounted for another' up --uid 65534 --gid 65534 --allow-other
	is 'all is his' "$(stat -c %u:%g "$MNT/one")" 65534:65534
	chmod 755 "$DISK"
	check 'he may look' nobody cat "$MNT/one"
	check 'and write' nobody sh -c "echo his >'$MNT/his'"
	check 'it ends' down
	check 'mounted for root alone' up
	check 'nobody else may look' bash -c "! setpriv --reuid=65534 \
		--regid=65534 --clear-groups cat '$MNT/one' 2>/dev/null"
	check 'it ends' down
else
	skipped 'other users: only root can be them'
fi
if is_root; then
	# /dev/fuse as other machines have it: anybody may use it
	mkdir -p "$DISK/theirs" "$DISK/theirmnt"
	chown 65534:65534 "$DISK/theirs" "$DISK/theirmnt"
	mknod -m 666 "$DISK/fuse" c 10 229
	cat >"$DISK/as-user" <<-'EOF'
		mount --bind "$DISK/fuse" /dev/fuse || exit
		as() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
		cd "$DISK/theirs" && case $1 in
		all)
			as "$FERRY" mount --daemon . ../theirmnt &&
				as sh -c "echo x >'$DISK/theirmnt/x'" &&
				as "$FERRY" umount "$DISK/theirmnt" ;;
		root)
			as "$FERRY" mount --daemon . ../theirmnt &&
				as sh -c "echo y >'$DISK/theirmnt/y'" &&
				FERRY_STATE_DIR=$SHM/other "$FERRY" umount \
					"$DISK/theirmnt" 2>"$ERR" ;;
		esac
	EOF
	export DISK SHM ERR FERRY
	as_user() {
		env HOME="$DISK/theirs" FERRY_STATE_DIR="$DISK/theirs/s" \
			FERRY_CACHE_DIR="$DISK/theirs/c" \
			unshare -m sh "$DISK/as-user" "$1"
	}
	check 'a user mounts, writes and unmounts what is his' as_user all
	check 'it is at its place' grep -qx x "$DISK/theirs/x"
	check 'root may unmount it, too' as_user root
	says 'and is told that nothing was waited for' 'next mount'
else
	skipped 'other users: only root can be them'
fi

# ---- signals of those who wait ---------------------------------------------
mkdir -p "$PLACE/slow/one" "$PLACE/slow/two"
check 'a slow place is mounted' "$FERRY" mount --daemon \
	":fault,op=list,delay=8s,remote='$PLACE':" "$MNT"
check 'a timer does not interrupt who waits for it' timeout 60 \
	/usr/bin/python3 -c '
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *a: None)
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
try:
    os.stat(sys.argv[1] + "/slow/one/nothing")
except FileNotFoundError:
    pass' "$MNT"
start=$(date +%s%N)
timeout -s INT 1 ls "$MNT/slow/two" >/dev/null 2>&1
took=$((($(date +%s%N) - start) / 1000000))
check 'Ctrl-C does' test $took -lt 7000
check 'it ends' down

# ---- elsewhere -------------------------------------------------------------
check '--cache-dir says where content is kept' up --cache-dir "$DISK/else"
cat "$MNT/one" >/dev/null
check 'there it is' test -n "$(find "$DISK/else/mounts" -name data)"
check 'it is found all the same' "$FERRY" mount status "$MNT"
check 'it ends' down
long=$DISK/$(printf 'l%.0s' $(seq 150))
check 'a long path of the state is no matter' env FERRY_STATE_DIR="$long" \
	"$FERRY" mount --daemon "$PLACE" "$MNT"
check 'for the socket' env FERRY_STATE_DIR="$long" "$FERRY" umount "$MNT"

# ---- mount(8) --------------------------------------------------------------
ln -s "$FERRY" "$SHM/mount.ferry"
check "it is mount(8)'s helper" "$SHM/mount.ferry" "$PLACE" "$MNT" -o \
	rw,_netdev,x-systemd.automount,nofail,vfs_cache_mode=full,cache_size=1G
check 'which mounts' cmp "$PLACE/one" "$MNT/one"
check 'it ends' down
check 'ro is read-only' "$SHM/mount.ferry" "$PLACE" "$MNT" -o ro
check 'and is' bash -c "! touch '$MNT/x' 2>/dev/null"
check 'it ends' down
"$SHM/mount.ferry" "$PLACE" "$MNT" -o nonsense=1 2>"$ERR"
is 'an unknown option is told' $? 2
says 'by its name' nonsense
if is_root && [ -d /usr/sbin ] && unshare -m true 2>/dev/null; then
	cat >"$SHM/fstab.sh" <<-EOS
		mkdir "$SHM/up" "$SHM/work" &&
		mount -t overlay -o \
			"lowerdir=/usr/sbin,upperdir=$SHM/up,workdir=$SHM/work" \
			overlay /usr/sbin &&
		ln -s "$FERRY" /usr/sbin/mount.ferry &&
		mount -t ferry "$PLACE" "$MNT" -o ro &&
		cmp "$PLACE/one" "$MNT/one" && umount "$MNT"
	EOS
	check 'mount -t ferry finds it' unshare -m sh -eu "$SHM/fstab.sh"
else
	skipped 'mount -t ferry: only root can'
fi

# ---- snapshots -------------------------------------------------------------
export FERRY_PASSWORD=secret
repo=$DISK/repo
"$FERRY" init -r "$repo" >/dev/null 2>&1
(cd "$DISK" && "$FERRY" backup -r "$repo" --host h place) >/dev/null 2>&1
check 'all snapshots are mounted' "$FERRY" mount --daemon --repo "$repo" "$MNT"
check 'by id, time, host' bash -c "ls '$MNT' | tr '\n' ' ' | grep hosts"
check 'with what was saved' bash -c \
	"find '$MNT/hosts/h/latest/' -name one -exec cmp {} '$PLACE/one' \; |
	wc -l | grep -x 0"
check 'they cannot be changed' bash -c "! touch '$MNT/x' 2>/dev/null"
check 'they end' down
FERRY_PASSWORD=wrong ferry mount --daemon --repo "$repo" "$MNT"
is 'a wrong password is told before' $? 12
check 'and nothing is mounted' not_mounted

e2e_end
