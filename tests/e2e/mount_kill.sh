#!/bin/bash
# A mount that is killed, in every state of what it has to tell the place: what
# fsync and close have acknowledged is there afterwards, and arrives, once, and
# nothing else does.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2 rsync
can_mount

rounds=${MOUNT_KILL_ROUNDS:-4}
serve dav apache
front f dav
F=$(files dav)
NOW=(--vfs-write-back 100ms)
NEVER=(--vfs-write-back 1h)

# What the place should have in the end, and nothing but that.
W=$SHM/want

# start: a place with some files, mounted.
start() {
	faults f
	rm -rf "$W" "${F:?}/t" "$SHM/cache-k"
	mkdir -p "$W/dir/sub"
	echo one >"$W/one"
	echo the second >"$W/two"
	echo three >"$W/dir/three"
	echo four >"$W/dir/sub/four"
	head -c 3M /dev/urandom >"$W/big"
	cp -a "$W" "$F/t"
	# Apache calls the ETag of what is a second old weak.
	find "$F/t" -type f -exec touch -d 2021-02-03 {} +
	chown -R www-data: "$F/t"
	mnt k "$(at f t)" "$@" || e2e_end
	K=${M[k]}
	ls -lR "$K" >"$OUT"
	cat "$K/one" "$K/two" "$K/dir/three" "$K/dir/sub/four" >"$OUT"
}

# An upload that was killed may leave its part there, which the next sync
# removes when it is a day old; it is not to be seen in the mount.
# shellcheck disable=SC2317 # called by silent
seen() { find "$K" -name '.ferry-tmp.*'; }

# arrives NAME: after the next mount all is there, and comes to the place.
arrives() {
	faults f
	mnt k "$(at f t)" "${NOW[@]}" || return
	silent "$1: killed, it is there" same_tree "$W" "$K"
	check "$1: it is sent by itself" drained k
	silent "$1: it has arrived, and nothing else" same_tree "$W" "$F/t"
	silent "$1: here, too" same_tree "$W" "$K"
	silent "$1: no part of a file is seen" seen
	is "$1: no conflict" "$(status_of k conflicts)" 0
	umnt k
	silent "$1: no conflict at the place" find "$F/t" -name '*conflict*'
}

# both COMMAND: it works in the folders that it names as $D.
both() {
	local D
	for D in "$K" "$W"; do
		export D
		bash -c "$1" || not_ok "$1"
	done
}

# Each of these, before a request is made, while it is under way, and after the
# server has done it but not yet said so.  A line: name | what is done | the
# requests' methods.
# shellcheck disable=SC2016 # $D is for both()
changes=(
	'new file|echo new >$D/new; sync $D/new|PUT|MOVE'
	'new file in a new folder|mkdir -p $D/n/m; echo new >$D/n/m/new; sync $D/n/m/new|MKCOL'
	'new file in a new folder, its bytes|mkdir -p $D/n/m; echo new >$D/n/m/new; sync $D/n/m/new|PUT|MOVE'
	'changed file|echo more >>$D/one; sync $D/one|PUT|MOVE'
	'changed in the middle|dd of=$D/big bs=1 seek=1000000 conv=notrunc,fsync status=none <<<XXXX|PUT|MOVE|PATCH'
	'replaced as editors do|echo edited >$D/one.tmp; sync $D/one.tmp; mv $D/one.tmp $D/one|PUT|MOVE'
	'moved file|mv $D/one $D/dir/moved|MOVE'
	'moved folder|mv $D/dir $D/moved|MOVE'
	'moved folder and a file changed in it|mv $D/dir $D/moved; echo x >>$D/moved/three; sync $D/moved/three|MOVE|PUT'
	'two that change places|mv $D/one $D/x; mv $D/two $D/one; mv $D/x $D/two|MOVE'
	'moved over another|mv $D/one $D/two|MOVE|DELETE'
	'deleted file|rm $D/two|DELETE'
	'deleted folder|rm -r $D/dir|DELETE'
	'deleted and made again|rm $D/two; echo again >$D/two; sync $D/two|PUT|MOVE|DELETE'
	'a file that becomes a folder|rm $D/two; mkdir $D/two; echo in >$D/two/in; sync $D/two/in|DELETE|MKCOL|PUT'
	'a folder that becomes a file|rm -r $D/dir; echo file >$D/dir; sync $D/dir|DELETE|PUT|MOVE'
)

for change in "${changes[@]}"; do
	IFS='|' read -r name what methods <<<"$change"

	start "${NEVER[@]}"
	both "$what"
	sync "$K"
	kill_mnt k
	arrives "$name, not yet begun"

	# Held before it is passed on: the server has not heard of it.
	start "${NOW[@]}"
	faults f '{"method":"'"$methods"'","wait":1.6}'
	both "$what"
	sync "$K"
	sleep 0.8
	kill_mnt k
	sleep 2.5 # what came until then was passed on
	arrives "$name, under way"

	# Done, but its answer is not heard.
	start "${NOW[@]}"
	faults f '{"method":"'"$methods"'","delay":1.6}'
	both "$what"
	sync "$K"
	sleep 0.8
	kill_mnt k
	sleep 0.2
	arrives "$name, done and not told"
	[ "$failed" = 0 ] || [ -z "${FERRY_KEEP:-}" ] || break
done

# A large file in the middle of its transfer.
start "${NOW[@]}"
umnt k
mnt k "$(at f t)" "${NOW[@]}" --bwlimit 500k || e2e_end
head -c 12M /dev/urandom >"$W/large"
cp "$W/large" "$K/large"
sleep 1.5
check "a large file is being sent" queue_has k large 5
kill_mnt k
arrives "a large file, half of it sent"

# At any moment.
random_kills() {
	local name=$1 place=$2 same=$3 round log=$SHM/log us
	for ((round = 1; round <= rounds; round++)); do
		mnt "$name" "$place" "${NOW[@]}" || return
		mkdir "${M[$name]}/r$round"
		sync "${M[$name]}"
		rm -f "$log"
		"$JUDGES/fsacked" write --seed "$round" --ops 100000 \
			--pause $((RANDOM % 3)) "${M[$name]}/r$round" "$log" \
			>"$SHM/acked" 2>&1 &
		for _ in {1..1200}; do
			[ ! -s "$log" ] || break
			sleep 0.05
		done
		us=$((100000 + (RANDOM * 32768 + RANDOM) % 3000000))
		sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
		kill_mnt "$name"
		wait $! || [ $? = 3 ] ||
			not_ok "$name, round $round: the writer" "$SHM/acked"
		mnt "$name" "$place" "${NOW[@]}" || return
		check "$name, round $round: all that was acknowledged is there" \
			"$JUDGES/fsacked" check "${M[$name]}/r$round" "$log"
		# Again, while it is being sent.
		sleep "0.$((RANDOM % 9))"
		kill_mnt "$name"
		mnt "$name" "$place" "${NOW[@]}" || return
		check "$name, round $round: killed again, it still is" \
			"$JUDGES/fsacked" check "${M[$name]}/r$round" "$log"
		rm -rf "$SHM/here"
		cp -a "${M[$name]}" "$SHM/here"
		is "$name, round $round: no conflict" \
			"$(status_of "$name" conflicts)" 0
		umnt "$name"
		silent "$name, round $round: and has arrived" "$same" \
			"$SHM/here"
		[ "$failed" = 0 ] || [ -z "${FERRY_KEEP:-}" ] || {
			cp -a "$SHM" "$FERRY_KEEP"
			return
		}
	done
}
RANDOM=${MOUNT_KILL_SEED:-42}
mkdir "$SHM/local"
# shellcheck disable=SC2317 # called by random_kills
local_same() { same_tree "$1" "$SHM/local"; }
random_kills local "$SHM/local" local_same
faults f
mkdir "$F/r"
chown www-data: "$F/r"
# shellcheck disable=SC2317 # called by random_kills
dav_same() { same_tree "$1" "$F/r"; }
random_kills webdav "$(at f r)" dav_same

e2e_end
