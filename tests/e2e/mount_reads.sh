#!/bin/bash
# How often a program waits for a place that is far away: counted in rounds of
# requests that do not wait for each other, not in time.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2
can_mount

# How long no request comes before those that came are a round.
quiet=0.4
[ -z "$FERRY_SAN" ] || quiet=0.6

serve dav apache
front f dav
F=$(files dav)
ROUNDS=$SHM/srv/f/rounds
MOUNT_OPTS+=(--dir-cache-time 5m)

mkdir "$F/near" "$F/tree" "$F/new"
head -c 48M /dev/urandom >"$F/video"
for i in {100..299}; do
	head -c 8192 /dev/urandom >"$F/near/$i"
done
for i in {10..49}; do
	mkdir "$F/tree/$i"
	touch "$F/tree/$i"/{1..5}
done
# the tag of what has just changed is a weak one
find "$F" -exec touch -d '2020-02-03 04:05:06' {} +
! is_root || chown -R www-data: "$F"

# count METHOD [PATH]: requests since begin().
begin() { : >"$ROUNDS"; }
count() { grep -c "^[0-9]* [0-9]* $1" "$ROUNDS"; }
rounds() { cut -d ' ' -f 1 "$ROUNDS" | sort -u | wc -l; }
# at_most NAME MOST VALUE
at_most() {
	cp "$ROUNDS" "$ERR"
	at_least "$1" "$2" "$3"
}

# cold NAME COMMAND...: nothing is known of the place.
cold() {
	local name=$1
	shift
	begin
	mnt "$name" "$(at f "")" || e2e_end
	# What it asks by itself when it begins, and the answer.
	for _ in {1..300}; do
		[ ! -s "$ROUNDS" ] || break
		sleep 0.1
	done
	sleep 1
	begin
	check "$name: it works" "$@"
}
# read_at FILE OFFSET SIZE
read_at() {
	dd if="$1" of="$SHM/read" bs="$3" count=1 iflag=skip_bytes,fullblock \
		skip="$2" status=none && [ "$(stat -c %s "$SHM/read")" = "$3" ]
}
same_at() {
	read_at "$@" && cmp -n "$3" "$SHM/read" "$F/video" 0 "$2"
}
drop() { umnt "$1" && rm -rf "${CACHE[$1]}"; }

faults f "{\"round\":$quiet}"

# ---- a large file ----------------------------------------------------------
cold first head -c 1 "$DISK/mnt-first/video"
at_most "the first byte costs one round trip more than the request for it" \
	2 "$(rounds)"

# Not two of them near each other, nor where the first byte brought some.
begin
good=0
for ((i = 0; i < 20; i++)); do
	! same_at "$DISK/mnt-first/video" $(((4 + (i * 9) % 40) * 1048576)) \
		65536 || good=$((good + 1))
done
is "reads all over a file give its bytes" "$good" 20
is "each of them is one request" "$(count GET)" 20
drop first

# Its head, its index at the end, then somewhere in the middle, reading on.
play() {
	same_at "$1" 0 65536 && same_at "$1" $((47 << 20)) 300000 && begin &&
		same_at "$1" $((20 << 20)) 2097152
}
cold player play "$DISK/mnt-player/video"
at_most "a player's seek is answered in three round trips" 3 "$(rounds)"
at_most "without asking for the same twice" 3 "$(count GET)"
drop player

# ---- a reader that goes on -------------------------------------------------
# At that pace it has read all that came, and waits for what is under way.
faults f '{"method":"GET","round":0.05,"pace":10000000}' "{\"round\":$quiet}"
cold all cmp "$DISK/mnt-all/video" "$F/video"
cp "$ROUNDS" "$ERR"
is "a reader waits for the first answer only: the next is asked for before" \
	"$(grep -c '^[0-9]* 0 GET' "$ROUNDS")" 1
drop all
faults f "{\"round\":$quiet}"

# ---- small files, and folders ----------------------------------------------
read_near() { cat "$DISK/mnt-near/near"/* | cmp - <(cat "$F/near"/*); }
cold near read_near
at_most "200 small files beside each other are read in 50 rounds" \
	50 "$(rounds)"
is "each is asked for once" "$(count GET)" 200
drop near

walk() {
	[ "$(find "$DISK/mnt-walk/tree" -type f -ls | wc -l)" = 200 ]
}
cold walk walk
echo "# $(rounds) rounds"
at_most "40 folders are listed in 16 rounds" 16 "$(rounds)"
at_most "each of them once" 41 "$(count "PROPFIND /tree")"
drop walk

# ---- what is sent ----------------------------------------------------------
make_files() {
	local i
	for i in {1..100}; do
		echo "$i" >"$DISK/mnt-made/new/$i" || return 1
	done
	begin
	on made mount flush "$DISK/mnt-made"
}
MOUNT_OPTS+=(--vfs-write-back 1m) # nothing goes before it is asked for
cold made make_files
echo "# $(rounds) rounds"
at_most "100 new files are there after 30 rounds" 30 "$(rounds)"
is "none is sent twice" "$(count "PUT /new/")" 100
drop made

e2e_end
