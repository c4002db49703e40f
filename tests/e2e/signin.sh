#!/bin/bash
# Secrets on their way into the configuration, questions, and signing in.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need rclone

CONF=$HOME/ferry.conf
export FERRY_CONFIG=$CONF
SECRET='corr"ect, h:orse = ü'
DAV=(webdav url=http://127.0.0.1:9/ vendor=other user=me)

# given TEXT ARGUMENT...: ferry with that on standard input.
given() {
	local text=$1
	shift
	printf %s "$text" | "$FERRY" "$@" >"$OUT" 2>"$ERR"
}

# typed LINES ARGUMENT...: ferry in a terminal, where those are typed.
typed() {
	local lines=$1
	shift
	TERMINAL_TYPES=$lines /usr/bin/python3 "$BIN/terminal.py" 100 4 \
		"$FERRY" "$@" >"$OUT" 2>"$ERR"
}

# stored NAME KEY: what stands in the file.
stored() {
	awk -v name="[$1]" -v key="$2" '
		/^\[/ { inside = $0 == name }
		inside && $1 == key && $2 == "=" { print $3 }' "$CONF"
}

# never NAME TEXT [FILE...]: it is in none of them, by default all of ferry's.
never() {
	local name=$1 text=$2
	shift 2
	[ $# -gt 0 ] || set -- "$OUT" "$ERR" "$CONF"
	if grep -qaF -e "$text" "$@"; then
		not_ok "$name" "$@"
	else
		ok "$name"
	fi
}

# -- obscured passwords

exits 0 "a password in an option is taken" \
	config create nas "${DAV[@]}" "pass=$SECRET"
never "it is not in the file" "$SECRET" "$CONF"
is "rclone reveals what is stored" "$(rclone reveal "$(stored nas pass)")" \
	"$SECRET"
is "ferry reveals it" "$("$FERRY" reveal "$(stored nas pass)")" "$SECRET"
is "rclone reads the section" "$(rclone --config "$CONF" config dump |
	/usr/bin/python3 -c 'import json, sys
print(json.load(sys.stdin)["nas"]["pass"])')" "$(stored nas pass)"
ferry config show nas
is "config show: exit 0" $? 0
says "config show tells that there is one" 'pass = ***'
never "but not even the obscured one" "$(stored nas pass)" "$OUT"
ferry config show --json
never "nor does it with --json" "$(stored nas pass)" "$OUT"
is "the file is the user's alone" "$(stat -c %a "$CONF")" 600

was=$(stored nas pass)
exits 0 "an obscured one" config create nas2 "${DAV[@]}" "pass=$was"
is "is stored as it is" "$(stored nas2 pass)" "$was"
exits 0 "but obscured once more with --obscure" \
	config create nas3 "${DAV[@]}" "pass=$was" --obscure
is "and is then the password" "$(rclone reveal "$(stored nas3 pass)")" "$was"
exits 0 "with --no-obscure" \
	config create nas4 "${DAV[@]}" pass=plain --no-obscure
is "what is given is stored" "$(stored nas4 pass)" plain
exits 2 "but cannot be used" ls nas4:
says "and that is said" '"pass" is no obscured password'
never "without showing it" plain "$ERR"
exits 2 "not both at once" config create nas5 "${DAV[@]}" pass=plain \
	--obscure --no-obscure
is "and nothing is stored" "$(stored nas5 type)" ""
rclone --config "$CONF" config create theirs webdav url=http://127.0.0.1:9/ \
	vendor=other user=me pass="$SECRET" >"$SHM/check" 2>&1
is "what rclone stored ferry reveals" \
	"$("$FERRY" reveal -- "$(stored theirs pass)")" "$SECRET"

# -- ferry obscure, ferry reveal

is "obscure: an argument" "$(rclone reveal "$("$FERRY" obscure "$SECRET")")" \
	"$SECRET"
is "obscure -: a line" \
	"$(rclone reveal "$(printf '%s\nno\n' "$SECRET" | "$FERRY" obscure -)")" \
	"$SECRET"
is "reveal -: a line" \
	"$(rclone obscure "$SECRET" | "$FERRY" reveal -)" "$SECRET"
# one in 64 of rclone's looks like a flag
DASHED=-EIaJAEJDice0LyL8m6yk7UrQJVGFd6hQ_TN2NWceH3d-_W_gQ
is "reveal: one that begins with -" "$("$FERRY" reveal -- $DASHED)" "$SECRET"
exits 2 "which alone is a flag" reveal $DASHED
says "and the error tells the way" 'comes after "--"'
exits 2 "reveal refuses what is none" reveal hunter2
never "without repeating it" hunter2 "$ERR"
exits 2 "obscure without anything" obscure

# -- from standard input

given "$SECRET"$'\nbearer\n' config create in "${DAV[@]}" pass=- bearer_token=-
is "KEY=- takes lines of standard input: exit 0" $? 0
is "the first one" "$(rclone reveal "$(stored in pass)")" "$SECRET"
is "the second one" "$(stored in bearer_token)" bearer
given $'crlf\r\n' config create in2 "${DAV[@]}" pass=-
is "a line may end as on Windows" "$("$FERRY" reveal "$(stored in2 pass)")" crlf
given unended config create in3 "${DAV[@]}" pass=-
is "or not at all" "$("$FERRY" reveal "$(stored in3 pass)")" unended
given '' config create in4 "${DAV[@]}" pass=-
is "none is an error" $? 2
says "that names the option" 'pass=-'
check "and nothing was written" test -z "$(stored in4 type)"

# -- in a terminal

typed "$SECRET" config create tty "${DAV[@]}" pass=-
is "in a terminal KEY=- asks: exit 0" $? 0
says "by its name" 'pass: '
never "and does not echo a secret" "$SECRET"
is "which arrives" "$("$FERRY" reveal "$(stored tty pass)")" "$SECRET"
typed somebody config create tty2 webdav url=http://127.0.0.1:9/ user=-
is "what is no secret: exit 0" $? 0
says "is echoed" somebody
is "and arrives, too" "$(stored tty2 user)" somebody
typed '^C' config create tty3 "${DAV[@]}" pass=-
is "^C at a question: exit 130" $? 130
check "nothing was written" test -z "$(stored tty3 type)"
check "the terminal echoes again" /usr/bin/python3 - "$FERRY" <<'END'
import os, pty, signal, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], [sys.argv[1], "obscure"])
echo = lambda: bool(termios.tcgetattr(fd)[3] & termios.ECHO)
end = time.monotonic() + 20
while echo() and time.monotonic() < end:
    time.sleep(0.05)
assert not echo(), "never hidden"
os.kill(pid, signal.SIGTERM)
while not echo() and time.monotonic() < end:
    time.sleep(0.05)
assert echo(), "hidden for ever"
END

# -- signing in

SIM=$SHM/sim
"$ROOT/tests/servers/jotta" start "$SIM" >"$SHM/sim.txt" 2>"$ERR" ||
	not_ok "the simulator starts" "$ERR"
# shellcheck disable=SC2317 # by the trap
e2e_stop() {
	"$ROOT/tests/servers/jotta" stop "$SIM"
	e2e_clean
}
trap e2e_stop EXIT
URL=$(sed -n 's/^url=//p' "$SHM/sim.txt")
TOKEN=$(sed -n 's/^login_token=//p' "$SHM/sim.txt")
JOTTA=(jottacloud api_url="$URL/api/" jfs_url="$URL/jfs/" www_url="$URL/")

# control JSON [KEY]: ask the simulator itself.
control() {
	/usr/bin/python3 -c '
import json, sys, urllib.request
text = urllib.request.urlopen(sys.argv[1] + "/__control", sys.argv[2].encode(),
                              20).read()
print(json.loads(text).get(sys.argv[3], "") if sys.argv[3:] else "")' \
		"$URL" "$@"
}

exits 2 "nobody there to ask" config create cloud "${JOTTA[@]}"
says "is said with what to give" 'give login_token=VALUE'
exits 1 "what cannot be created is known first" \
	config create nas "${JOTTA[@]}" "login_token=$TOKEN"
given "$TOKEN"$'\n' config create cloud "${JOTTA[@]}" login_token=-
is "signing in with a token from standard input: exit 0" $? 0
never "which is not kept" "$TOKEN"
is "and where files go is chosen" \
	"$(stored cloud device)/$(stored cloud mountpoint)" Jotta/Archive
exits 0 "the remote works" ls cloud:
exits 0 "it says whose it is" config userinfo cloud:
says "by its user name" "$(sed -n 's/^username=//p' "$SHM/sim.txt")"
exits 0 "also as JSON" config userinfo cloud --json
check "which is one object" /usr/bin/python3 -c '
import json, sys
assert len(json.load(open(sys.argv[1]))) > 0' "$OUT"
ferry config show cloud
never "no token is shown" access_token "$OUT"
given "$TOKEN"$'\n' config create again "${JOTTA[@]}" login_token=-
is "a login token is good once: exit 5" $? 5
check "and nothing was written" test -z "$(stored again type)"

# new_token: one more login token, as a line.
new_token() { control '{"op": "login_token"}' login_token; }

asked=$(new_token)
typed $'\n'"$asked"$'\n99\n\n2\n' config create asked "${JOTTA[@]}"
is "in a terminal service, device and folder are asked for: exit 0" $? 0
says "each choice has a number" '   1  '
never "the login token is not echoed" "$asked" "$OUT"
is "Enter takes the one offered, a number another" \
	"$(stored asked device)/$(stored asked mountpoint)" Jotta/Sync
given $'1\n'"$(new_token)"$'\n\nSync\n' config create piped "${JOTTA[@]}"
is "a program can answer, too: exit 0" $? 0
is "with numbers or names" \
	"$(stored piped device)/$(stored piped mountpoint)" Jotta/Sync
given $'\n'"$(new_token)"$'\n\nnonsense\n' config create piped2 "${JOTTA[@]}"
is "but is not asked again: exit 2" $? 2
says "what it said was wrong" '"nonsense" is none of those'

# Ten at a time whose access token has expired: one of them refreshes.
control '{"op": "expire"}' >"$SHM/check"
control '{"op": "reset_counters"}' >"$SHM/check"
for i in 0 1 2 3 4 5 6 7 8 9; do
	"$FERRY" ls cloud: >"$SHM/ls.$i" 2>&1 </dev/null &
	pids[i]=$!
done
bad=0
for i in 0 1 2 3 4 5 6 7 8 9; do wait "${pids[i]}" || bad=$((bad + 1)); done
is "ten processes with an expired token all work" $bad 0
is "none showed a token twice" "$(control '{"op": "status"}' reused)" 0

cp "$CONF" "$SHM/copy.conf"
control '{"op": "expire"}' >"$SHM/check"
exits 0 "one refreshes" ls cloud:
control '{"op": "expire"}' >"$SHM/check"
FERRY_CONFIG=$SHM/copy.conf exits 5 "a copy of the file is out" ls cloud:
says "and told why" 'copy of the configuration'
says "and what to do" 'ferry config reconnect'
exits 5 "and so is the original" ls cloud:
given "$(new_token)"$'\n' config reconnect cloud login_token=-
is "config reconnect: exit 0" $? 0
exits 0 "and it works again" ls cloud:
typed "$(new_token)" config reconnect cloud:
is "config reconnect in a terminal asks: exit 0" $? 0
says "for the login token" 'ogin token'
exits 0 "and it still works" ls cloud:
exits 1 "what is not signed in to cannot be reconnected" config reconnect nas
says "and that is said" 'not signed in to'

e2e_end
