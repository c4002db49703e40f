#!/bin/bash
# Days of a mount in MOUNT_SOAK seconds: random work, while the server fails
# and goes away, the mount is killed, left and mounted again; the twin has the
# same all the time, and in the end the place has it, too.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2 rsync
can_mount

until=$((SECONDS + ${MOUNT_SOAK:-30}))
RANDOM=${MOUNT_SOAK_SEED:-7}
seed=$((RANDOM * 1000)) n=0
T=$SHM/twin
serve dav apache
port=$(port_of dav)
front f dav
F=$(files dav)
MOUNT_OPTS+=(--timeout 5s --contimeout 2s)

rules=(
	'{"status":429,"count":6,"headers":{"Retry-After":"1"}}'
	'{"status":503,"count":5}'
	'{"method":"PUT","cut_up":3000,"count":5}'
	'{"method":"PUT|MOVE|MKCOL|DELETE","lose":true,"count":4}'
	'{"method":"PUT|MOVE","status":500,"count":3}'
	'{"method":"PUT|MOVE","delay":0.5}'
	'{"method":"PUT|MOVE","wait":0.5}'
	'{"method":"PROPFIND","cut_down":200,"count":3}'
)
# Until it is ended: faults, and times without a server.
weather() {
	local i=0
	while [ ! -e "$SHM/calm" ]; do
		i=$((i + 1))
		faults f "${rules[RANDOM % ${#rules[@]}]}"
		sleep 0.8
		faults f
		sleep 0.3
		[ $((i % 7)) = 0 ] || continue
		"$SERVERS/stop" "$SHM/srv/dav"
		sleep $((RANDOM % 4))
		"$SERVERS/start" apache "$SHM/srv/dav" "$port" >/dev/null 2>&1
	done
}

# work SECONDS: three at once, in folders of their own.
work() {
	local i pids=() bad=0
	for i in 1 2 3; do
		seed=$((seed + 1))
		"$JUDGES/fsmodel" --seed $seed --seconds "$1" --every 300 \
			--max 200000 "${M[s]}/$i" "$T/$i" \
			>"$SHM/model-$i" 2>&1 &
		pids+=($!)
	done
	for i in 1 2 3; do
		wait "${pids[i - 1]}" && continue
		bad=1
		not_ok "folder $i" "$SHM/model-$i"
		tail -n 25 "$SHM/model-$i" | sed 's/^/#   /'
	done
	return $bad
}

mkdir -p "$T"/{1,2,3} "$F/t"/{1,2,3}
! is_root || chown -R www-data: "$F"
mnt s "$(at f t)" || e2e_end
weather &
weather=$!
helpers+=("$weather")
while [ $SECONDS -lt $until ]; do
	work $((RANDOM % 8 + 1)) || break
	case $((RANDOM % 4)) in
	0) kill_mnt s ;;
	1 | 2) umnt s --now ;;
	3) continue ;;
	esac
	mnt s "$(at f t)" || break
	n=$((n + 1))
done
echo "# mounted $n times again"
is "the twin has the same all the time" $failed 0
grep -aE "conflict|beside" "$SHM/said-s" | cut -c1-300 | sed 's/^/# /'
# In its own time: not in the midst of a server's start.
touch "$SHM/calm"
wait $weather 2>/dev/null
unset 'helpers[-1]'
[ -e "$SHM/srv/dav/pid" ] ||
	"$SERVERS/start" apache "$SHM/srv/dav" "$port" >"$OUT" 2>&1
faults f
check "the queue drains" drained s 300
is "nothing was taken for a conflict" "$(status_of s conflicts)" 0
silent "the place has what the twin has" same_tree "$T" "$F/t"
umnt s
rm -rf "$SHM/cache-s"
mnt s "$(at f t)" || e2e_end
silent "and so has a mount without a cache" same_tree "$T" "${M[s]}"
umnt s

e2e_end
