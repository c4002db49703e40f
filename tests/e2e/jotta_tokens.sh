#!/bin/bash
# Twenty processes with one login whose tokens hold for a second, and some of
# them killed: the login survives.
#
# A refresh token is good once, and to show it twice ends the login.  One loss
# cannot be helped: a process is killed after the service has answered with a
# new token and before that is on disk.  Then the file has a token that was
# used, and the one that followed it was never shown.  A round that ends so is
# told as such and signed in anew; any other loss is a failure.  With tokens of
# a second each process renews, so one kill in a hundred or so does this.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need curl flock

JD=$SHM/jotta
mkdir -m 700 "$JD"
SERVER=$ROOT/tests/servers/jotta
trap '"$SERVER" stop "$JD/sim"; e2e_clean' EXIT
"$SERVER" start "$JD/sim" >"$JD/vars" || {
	not_ok "the simulator starts" "$JD/vars"
	e2e_end
}
URL=$(sed -n 's/^url=//p' "$JD/vars")
export FERRY_CONFIG=$JD/sim/ferry.conf
ROUNDS=${KILL_ROUNDS:-4}
WORKERS=20 SECONDS_EACH=4

control() { curl -sS --max-time 20 -d "$1" "$URL/__control"; }
status() {
	control '{"op": "status"}' | /usr/bin/python3 -c '
import json, sys
s = json.load(sys.stdin)
print(s["counters"].get(sys.argv[1], s.get(sys.argv[1], 0)))' "$1"
}

sign_in() {
	local token
	token=$(control '{"op": "login_token"}' | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["login_token"])')
	"$FERRY" config reconnect jotta login_token="$token" </dev/null
}

# work NUMBER: list, again and again, until the file "stop" is there.  What
# fails goes to a file, unless it was killed.
work() {
	local rc
	while [ ! -e "$JD/stop" ]; do
		"$FERRY" lsf jotta: >/dev/null 2>"$JD/err.$1" &
		echo $! >"$JD/pid.$1"
		wait $! 2>/dev/null
		rc=$?
		[ "$rc" = 0 ] || [ "$rc" = 137 ] || {
			echo "exit $rc"
			cat "$JD/err.$1"
		} >>"$JD/failed"
	done
}

# run KILLS: whether any listing has failed by itself.
run() {
	local i pids=() end kills=$1
	rm -f "$JD/stop" "$JD/failed"
	for ((i = 0; i < WORKERS; i++)); do
		work "$i" &
		pids+=($!)
	done
	end=$((SECONDS + SECONDS_EACH))
	while [ "$SECONDS" -lt "$end" ]; do
		sleep 0.3
		[ "$kills" = 0 ] ||
			kill -9 "$(cat "$JD/pid.$((RANDOM % WORKERS))")" \
				2>/dev/null
	done
	touch "$JD/stop"
	wait "${pids[@]}" 2>/dev/null
	[ ! -s "$JD/failed" ]
}

# Is the token on disk used up, and what came of it unused: then the answer to
# it was never stored.
answer_was_lost() {
	control '{"op": "save"}' >/dev/null
	/usr/bin/python3 - "$FERRY_CONFIG" "$JD/sim/state/state.json" <<-'END'
	import json, re, sys
	text = open(sys.argv[1]).read()
	stored = json.loads(re.search(r"(?m)^token\s*=\s*(.*)$", text).group(1))
	refresh = json.load(open(sys.argv[2]))["refresh"]
	family, used = refresh[stored["refresh_token"]]
	unused = [t for t, (f, u) in refresh.items() if f == family and not u]
	sys.exit(0 if used and len(unused) == 1 else 1)
	END
}

control '{"op": "set", "expires_in": 1}' >/dev/null
control '{"op": "expire"}' >/dev/null
exits 0 "the login holds" lsf jotta:
if run 0; then
	ok "twenty processes list for $SECONDS_EACH s with tokens of a second"
else
	not_ok "twenty processes list at once" "$JD/failed"
fi
is "no token was shown twice" "$(status reused)" 0
check "tokens were renewed meanwhile" [ "$(status token)" -ge 4 ]

# A new login is not written while somebody renews the old one.
renews_first() {
	local before signer
	control '{"op": "set", "expires_in": 3600}' >/dev/null
	before=$(cat "$FERRY_CONFIG")
	# shellcheck disable=SC2016 # for that shell
	flock "$FERRY_CONFIG.jotta.token.lock" sh -c ': >"$1/held"
		until [ -e "$1/go" ]; do sleep 0.05; done' - "$JD" &
	until [ -e "$JD/held" ]; do sleep 0.05; done
	sign_in >"$JD/signed" 2>&1 &
	signer=$!
	sleep 0.8
	is "a new login waits for the one that renews the old" \
		"$(cat "$FERRY_CONFIG")" "$before"
	touch "$JD/go"
	check "and is written then" wait $signer
	check "for good" [ "$before" != "$(cat "$FERRY_CONFIG")" ]
	control '{"op": "set", "expires_in": 1}' >/dev/null
	control '{"op": "expire"}' >/dev/null
}
renews_first

lost=0
# A few more if each has met such a kill: one at least must end well.
for ((round = 1; round <= ROUNDS ||
	(lost == round - 1 && round <= ROUNDS + 6); round++)); do
	control '{"op": "reset_counters"}' >/dev/null
	run 1
	check "round $round: tokens were renewed" [ "$(status token)" -ge 4 ]
	if ferry lsf jotta:; then
		# A retry after a loss cannot have worked: nobody was out.
		is "round $round: the login has survived the kills" \
			"$(status reused)" 0
		check "round $round: nobody else has failed" \
			[ ! -s "$JD/failed" ]
	elif answer_was_lost; then
		lost=$((lost + 1))
		echo "# round $round: a kill fell between answer and disk"
		check "round $round: the remedy is named" \
			grep -q "ferry config reconnect jotta" "$ERR"
		check "round $round: and works" sign_in
	else
		not_ok "round $round: the login was lost" "$ERR" "$JD/failed"
		sign_in >/dev/null 2>&1
	fi
	check "round $round: the configuration is whole" \
		grep -q '^mountpoint = Archive' "$FERRY_CONFIG"
done
check "and not each round ends so" [ "$lost" -lt $((round - 1)) ]
e2e_end
