#!/bin/bash
# A mount behind a server that fails, is away, or is changed by others: what
# is here goes on, what is not says so in time, and nothing is lost.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2 fio rsync
can_mount

outage=${MOUNT_OUTAGE:-3} rounds=${MOUNT_FAULT_ROUNDS:-1}
serve dav apache
front f dav
port=$(port_of dav)
F=$(files dav)
T=$SHM/twin
MOUNT_OPTS+=(--timeout 4s --contimeout 2s)

# What became of reading a file: `N bytes` or the error's name.
cat >"$BIN/reads.py" <<'PY'
import errno, sys
try:
    with open(sys.argv[1], "rb") as f:
        print(len(f.read()), "bytes")
except OSError as e:
    print(errno.errorcode.get(e.errno, e.errno))
PY
reads() { timeout -s KILL 120 /usr/bin/python3 "$BIN/reads.py" "$1" || echo late; }

# refused_file NAME FILE: it cannot be read, and that is said in time: within
# some 25 seconds, when each of five tries meets silence.
refused_file() {
	local start=$SECONDS got
	got=$(reads "$2")
	case $got in
	EIO | ENETDOWN | ETIMEDOUT | EAGAIN | EHOSTUNREACH | ENETUNREACH) ok "$1" ;;
	*) not_ok "$1: $got" "$SHM/said-c" ;;
	esac
	at_least "$1: within a minute" 60 $((SECONDS - start))
}

stop_server() { "$SERVERS/stop" "$SHM/srv/dav"; }
start_server() {
	"$SERVERS/start" apache "$SHM/srv/dav" "$port" >"$SHM/restart" 2>&1 ||
		not_ok "the server starts again" "$SHM/restart"
}
at_place() { ! is_root || chown -R www-data: "$F"; }

# ---- random work through faults ---------------------------------------------
mkdir "$F/t"
at_place
cat >"$SHM/rules" <<'END'
{"status":429,"count":4,"headers":{"Retry-After":"1"}}
{"status":503,"count":3}
{"method":"PUT","cut_up":3000,"count":2}
{"method":"GET","cut_down":3000,"count":2}
{"method":"GET","cut_down":20000,"reset":true,"count":2}
{"method":"PUT|MOVE|MKCOL|DELETE","lose":true,"count":2}
{"method":"PROPFIND","cut_down":200,"count":2}
{"status":500,"count":2}
END
misbehave() {
	local rule
	while :; do
		while read -r rule; do
			faults f "$rule"
			sleep 0.7
			faults f
			sleep 0.4
		done <"$SHM/rules"
	done
}
mnt a "$(at f t)" --vfs-cache-max-size 2M || e2e_end
mkdir "$T"
misbehave &
helpers+=($!)
for ((i = 1; i <= rounds; i++)); do
	check "random work through faults, round $i" "$JUDGES/fsmodel" \
		--seed "$i" --seconds 15 --max 100000 "${M[a]}" "$T"
done
end_helper
faults f
check "the queue drains" drained a
silent "the place has what the twin has" same_tree "$T" "$F/t"
is "nothing was taken for a conflict" "$(status_of a conflicts)" 0
umnt a

# ---- away -------------------------------------------------------------------
mkdir -p "$F/c/dir/deep" "$F/c/other"
for i in 1 2 3 4 5; do
	echo "file $i" >"$F/c/dir/$i"
	echo "deep $i" >"$F/c/dir/deep/$i"
	echo "other $i" >"$F/c/other/$i"
done
head -c 5M /dev/urandom >"$F/c/big"
find "$F/c" -type f -exec touch -d 2021-02-03 {} +
at_place
P=$(at dav c)
mnt c "$P" || e2e_end
C=${M[c]}
ls -lR "$C/dir" >"$SHM/listed"
cat "$C"/dir/? >"$SHM/read"
head -c 1000 "$C/big" >"$SHM/head"
stop_server
start=$SECONDS
check "away: what was read is there" cmp "$SHM/read" <(cat "$C"/dir/?)
check "away: so are the names" test "$(echo "$C"/dir/deep/* | wc -w)" = 5
refused_file "away: a file that was not read" "$C/dir/deep/3"
check "away: the beginning of a file that was" \
	cmp "$SHM/head" <(head -c 1000 "$C/big")
refused_file "away: and the rest of it" "$C/big"
check "away: a folder that was not listed says so" \
	bounded 20 sh -c "! ls '$C/other'"
check "away: a new file" sh -c "echo new >'$C/dir/new'; sync '$C/dir/new'"
check "away: a changed file" sh -c "echo more >>'$C/dir/1'"
check "away: a moved file" mv "$C/dir/2" "$C/dir/moved"
check "away: a deleted file" rm "$C/dir/4"
check "away: a new folder" mkdir "$C/dir/made"
check "away: df" bounded 20 df "$C"
check "away: the queue can be asked" queue_has c upload 5
while [ $((SECONDS - start)) -lt "$outage" ]; do sleep 0.2; done
is "away: the mount knows" "$(status_of c online)" False
start_server
check "back: the queue drains by itself" drained c 60
is "back: the mount knows" "$(status_of c online)" True
is "back: what was new" "$(cat "$F/c/dir/new")" new
is "back: what was changed" "$(tr '\n' . <"$F/c/dir/1")" "file 1.more."
check "back: what was moved" test -e "$F/c/dir/moved" -a ! -e "$F/c/dir/2"
check "back: what was deleted" test ! -e "$F/c/dir/4"
check "back: what was made" test -d "$F/c/dir/made"
is "back: what could not be read" "$(reads "$C/dir/deep/3")" "7 bytes"
is "back: all of the large file" "$(reads "$C/big")" "5242880 bytes"
check "back: and its bytes" cmp "$C/big" "$F/c/big"

# A line that takes everything and says nothing.
front silent dav
umnt c
rm -rf "$SHM/cache-c"
mnt c "$(at silent c)" || e2e_end
cat "$C"/dir/3 >"$SHM/read"
kill -STOP "${helpers[-1]}"
refused_file "no answer: a file that was not read" "$C/dir/deep/4"
check "no answer: what was read is there" cmp "$SHM/read" "$C/dir/3"
check "no answer: an interrupted reader ends" sh -c \
	"timeout -s INT 2 cat '$C/dir/deep/5'; [ \$? != 137 ]"
check "no answer: a write" sh -c "echo silent >'$C/dir/silent'"
kill -CONT "${helpers[-1]}"
check "an answer again: the queue drains" drained c 60
is "an answer again: it is there" "$(cat "$F/c/dir/silent")" silent

# ---- mounted while it is away -----------------------------------------------
cat "$C"/dir/deep/? >"$SHM/read"
umnt c
end_helper
mnt c "$(at silent c)" || e2e_end
check "mounted while away: what was read is there" \
	cmp "$SHM/read" <(cat "$C"/dir/deep/?)
refused_file "mounted while away: the rest is not" "$C/other/1"
check "mounted while away: a write" sh -c "echo x >'$C/dir/offline'"
check "mounted while away: umount leaves it for the next time" \
	timeout 120 env FERRY_STATE_DIR="${CACHE[c]}" "$FERRY" umount "$C" --now
wait "${MOUNT_PID[c]}"
MOUNT_PID[c]=
P=$(at silent c)
mkdir -p "$SHM/srv/silent2"
/usr/bin/python3 "$SERVERS/fault_front.py" "$SHM/srv/silent2" \
	"$(port_of silent)" "127.0.0.1:$port" >"$SHM/srv/silent2/said" 2>&1 &
helpers+=($!)
for _ in {1..600}; do
	! grep -q '^port=' "$SHM/srv/silent2/said" || break
	sleep 0.1
done
mnt c "$P" || e2e_end
check "the next time it is sent" drained c
is "and has arrived" "$(cat "$F/c/dir/offline")" x
umnt c

# ---- others change the same -------------------------------------------------
# conflict NAME: what was written on both sides is there, on both sides.
look_again() { kill -HUP "${MOUNT_PID[c]}"; }
conflict() {
	local name=$1 here=$2 there=$3 text
	check "$name: the queue drains" drained c
	look_again
	for text in "$here" "$there"; do
		check "$name: \"$text\" is at the place" \
			grep -rqx "$text" "$F/e"
		check "$name: \"$text\" is in the mount" \
			until_true grep -rqx "$text" "$C"
	done
	check "$name: both sides have the same" until_true same_tree "$C" "$F/e"
}
edit_there() {
	local f=$F/e/$1
	printf '%s\n' "$2" >"$f.aside"
	touch -d "${3:-2022-02-02}" "$f.aside"
	chown www-data: "$f.aside"
	mv "$f.aside" "$f"
}
fresh() {
	[ -z "${MOUNT_PID[c]}" ] || umnt c
	rm -rf "$F/e" "$SHM/cache-c"
	mkdir -p "$F/e/dir"
	for i in a b dir/c; do
		echo "was $i" >"$F/e/$i"
		touch -d 2021-02-03 "$F/e/$i"
	done
	at_place
	mnt c "$(at f e)" "$@" || e2e_end
	cat "$C/a" "$C/b" "$C/dir/c" >"$SHM/read"
}
fresh --vfs-write-back 5s --dir-cache-time 1h
edit_there a "theirs"
echo "ours" >"$C/a"
conflict "changed on both sides" ours theirs
at_least "changed on both sides: it is counted" "$(status_of c conflicts)" 1
is "changed on both sides: theirs has the name" "$(cat "$F/e/a")" theirs

fresh --vfs-write-back 5s --dir-cache-time 1h
edit_there new "theirs"
echo "ours" >"$C/new"
conflict "made on both sides" ours theirs

fresh --vfs-write-back 5s --dir-cache-time 1h
rm "$F/e/a"
echo "ours" >"$C/a"
check "deleted there, changed here: the queue drains" drained c
is "deleted there, changed here: is there again" "$(cat "$F/e/a")" ours
silent "deleted there, changed here: both have the same" same_tree "$C" "$F/e"

fresh --vfs-write-back 5s --dir-cache-time 1h
edit_there a "theirs"
rm "$C/a"
check "changed there, deleted here: the queue drains" drained c
look_again
check "changed there, deleted here: theirs is not lost" \
	grep -rqx theirs "$F/e"
check "changed there, deleted here: both have the same" \
	until_true same_tree "$C" "$F/e"

fresh --vfs-write-back 5s --dir-cache-time 1h
mkdir "$F/e/folder"
chown www-data: "$F/e/folder"
echo "theirs" >"$F/e/folder/in"
echo "ours" >"$C/folder"
conflict "a file here, a folder there" ours theirs

fresh --vfs-write-back 5s --dir-cache-time 1h
mkdir "$F/e/both"
chown www-data: "$F/e/both"
echo "theirs" >"$F/e/both/t"
mkdir "$C/both"
echo "ours" >"$C/both/o"
check "a folder on both sides: the queue drains" drained c
sleep 5.2 # so long a folder that was just made is taken for our own
conflict "a folder on both sides" ours theirs
is "a folder on both sides is one" "$(cd "$F/e/both" && echo *)" "o t"

fresh
edit_there a "changed by others"
edit_there new "made by others"
rm "$F/e/b"
sleep 3
is "changed by others: is seen" "$(cat "$C/a")" "changed by others"
is "made by others: is seen" "$(cat "$C/new")" "made by others"
check "deleted by others: is gone" test ! -e "$C/b"
exec 7<"$C/a"
edit_there a "changed again, with another length" 2023-03-03
sleep 3
is "changed while open: a new reader sees it" "$(cat "$C/a")" \
	"changed again, with another length"
exec 7<&-

# ---- pinned -----------------------------------------------------------------
umnt c
mnt c "$(at dav c)" || e2e_end
export FERRY_CACHE_DIR=${CACHE[c]} FERRY_STATE_DIR=${CACHE[c]}
exits 0 "pin" mount pin "$C" dir
echo later >"$F/c/dir/later"
at_place
for _ in {1..150}; do
	"$FERRY" mount pins "$C" --json >"$OUT" 2>&1
	[ "$(field missing)" != 0 ] || break
	sleep 0.1
done
exits 0 "pins" mount pins "$C"
says "names it" dir
sleep 3
ls -lR "$C/dir" >"$SHM/listed"
exits 0 "pin again, which looks at once" mount pin "$C" dir
for _ in {1..600}; do
	"$FERRY" mount pins "$C" --json >"$OUT" 2>&1
	[ "$(field missing)" != 0 ] || break
	sleep 0.1
done
stop_server
check "pinned: all of it is there" sh -c "cat '$C'/dir/[0-9]* '$C'/dir/deep/* \
	'$C/dir/later' >'$SHM/pinned'"
start_server
exits 0 "unpin" mount unpin "$C" dir
exits 0 "pins, none" mount pins "$C"
unset FERRY_CACHE_DIR FERRY_STATE_DIR
umnt c

# ---- fio --------------------------------------------------------------------
mnt c "$(at f e)" --vfs-cache-max-size 20M || e2e_end
for rw in randwrite write randrw; do
	check "fio --verify, $rw" fio --name=v \
		--verify_state_save=0 --directory="$C" --size=8M \
		--bs=4k-64k --rw=$rw --verify=crc32c \
		--verify_fatal=1 --do_verify=1 --fsync=50 \
		--ioengine=psync --numjobs=2 --group_reporting
done
check "fio: mapped" fio --name=m \
	--verify_state_save=0 --directory="$C" --size=4M \
	--bs=4k --rw=randwrite --verify=crc32c --verify_fatal=1 \
	--do_verify=1 --ioengine=mmap
check "fio: it is sent" drained c 120
silent "fio: and has arrived" same_tree "$C" "$F/e"
umnt c

e2e_end
