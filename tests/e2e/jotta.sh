#!/bin/bash
# Jottacloud, against a service on this machine: signing in, uploads and what
# breaks them, older contents, the trash, links, and a full or locked account.
# shellcheck disable=SC2016 # what sh -c is to expand
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need curl

JD=$SHM/jotta
mkdir -m 700 "$JD"
SERVER=$ROOT/tests/servers/jotta
trap '"$SERVER" stop "$JD/sim"; e2e_clean' EXIT

start() {
	"$SERVER" start "$JD/sim" "$@" >"$JD/vars" || {
		not_ok "the simulator starts" "$JD/vars"
		e2e_end
	}
	URL=$(sed -n 's/^url=//p' "$JD/vars")
}
start
export FERRY_CONFIG=$JD/sim/ferry.conf
PORT=${URL##*:}

# control JSON: what the simulator itself answers.
control() { curl -sS --max-time 20 -d "$1" "$URL/__control"; }
# counter NAME: since they were set back.
counter() {
	control '{"op": "status"}' | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["counters"].get(sys.argv[1], 0))' "$1"
}
reset() { control '{"op": "reset_counters"}' >/dev/null; }
fault() { control "{\"op\": \"fault\", $1}" >/dev/null; }
clear_faults() { control '{"op": "clear"}' >/dev/null; }
login_token() {
	control '{"op": "login_token"}' | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["login_token"])'
}
places=(api_url="$URL/api/" jfs_url="$URL/jfs/" www_url="$URL/")

# lists NAME WANTED ARGUMENT...: what ferry prints, with " " for newlines.
lists() {
	local name=$1 want=$2
	shift 2
	ferry "$@"
	is "$name" "$(tr '\n' ' ' <"$OUT" | sed 's/ $//')" "$want"
}

# holds NAME FILE REMOTE-FILE
holds() { check "$1" sh -c '"$0" cat "$2" | cmp - "$1"' "$FERRY" "$2" "$3"; }

signing_in() {
	local token page
	cp "$FERRY_CONFIG" "$JD/before"
	token=$(login_token)
	exits 0 "a login token is enough to sign in" \
		config create new jottacloud login_token="$token" "${places[@]}"
	exits 0 "and the remote can be used" lsf new:
	check "the login token is not kept" \
		sh -c '! grep -q "$1" "$2"' - "$token" "$FERRY_CONFIG"
	check "the file is nobody else's" \
		sh -c '[ "$(stat -c %a "$1")" = 600 ]' - "$FERRY_CONFIG"
	exits 5 "a login token is good once" \
		config create again jottacloud login_token="$token" \
		"${places[@]}"
	says "and where a new one is made is said" web/secure
	check "nothing came of that" \
		sh -c '! grep -q again "$1"' - "$FERRY_CONFIG"
	exits 2 "what is no login token is refused" \
		config create again jottacloud login_token=nonsense \
		"${places[@]}"
	exits 2 "device Jotta takes no new mountpoints" \
		config create again jottacloud login_token="$(login_token)" \
		mountpoint=Nothing "${places[@]}"
	says "and those that it has are named" "Archive, Sync"
	exits 0 "a backup device is made" \
		config create backup jottacloud login_token="$(login_token)" \
		device=laptop mountpoint=home "${places[@]}"
	exits 0 "and can be used" copy "$BIN/ferry" backup:
	fault '"kind": ["customer", "info"], "status": 503, "count": 2'
	exits 0 "one that is there is found again, by a busy service, too" \
		config create backup2 jottacloud login_token="$(login_token)" \
		device=LAPTOP mountpoint=Home "${places[@]}"
	lists "under its own name" ferry lsf backup2:
	token=$(login_token)
	for page in www_url=ftp://x/ trashed_only=true encoding=Slash \
		device=a:b mountpoint=a/b user=me configVersion=0; do
		ferry config create two jottacloud login_token="$token" \
			"${places[@]}" "$page"
		check "$page is no option to sign in with" \
			[ $? = 2 -o $? = 1 ]
	done
	exits 2 "there is one way to sign in" config create two jottacloud \
		login_token="$token" service=telia_no "${places[@]}"
	says "which is said" "only one of login_token and service"
	exits 2 "or another" config create two jottacloud \
		login_token="$token" well_known_url="$URL/" "${places[@]}"
	exits 0 "and the token was not spent on that" \
		config create two jottacloud login_token="$token" \
		"${places[@]}"
	exits 0 "a login is renewed" \
		config reconnect backup login_token="$(login_token)"
	lists "and leads to the same place" ferry lsf backup:
	control '{"op": "revoke"}' >/dev/null
	exits 5 "a login that the service has ended is an error" lsf backup:
	says "which names the remedy" "ferry config reconnect backup"
	exits 0 "the remedy works" \
		config reconnect backup login_token="$(login_token)"
	exits 0 "for good" lsf backup:
	ferry config userinfo backup:
	says "whose account it is can be asked" user@example.com
	exits 0 "the test's own remote is signed in again" \
		config reconnect jotta login_token="$(login_token)"
	sed -i "s/^\[jotta\]/&\nuser = me\npass = x/" "$FERRY_CONFIG"
	exits 2 "an old login is none" lsf jotta:
	exits 0 "it is taken out by signing in" \
		config reconnect jotta login_token="$(login_token)"
	exits 0 "and the remote can be used again" lsf jotta:
	page=$(cat "$FERRY_CONFIG")
	case $page in
	*"mountpoint = Archive"*) ok "and keeps its mountpoint" ;;
	*) not_ok "it has lost its mountpoint" ;;
	esac
}

# A browser is what follows the address that ferry says.
by_browser() {
	local pid i url=
	"$FERRY" config create white jottacloud redirect_port=0 \
		well_known_url="$URL/auth/realms/jottacloud/.well-known/openid-configuration" \
		"${places[@]}" >"$OUT" 2>"$ERR" </dev/null &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		url=$(grep -aho "http://127[^ ]*authorize[^ ]*\|http://[^ ]*openid-connect/auth?[^ ]*" \
			"$OUT" "$ERR" | head -n 1)
		[ -z "$url" ] || break
		sleep 0.1
	done
	curl -sS -L --max-time 20 "$url" >"$SHM/page" 2>&1
	if wait "$pid"; then
		ok "a browser can sign in, too"
	else
		not_ok "a browser can sign in, too" "$ERR" "$SHM/page"
	fi
	check "and is told so" grep -q "signed in" "$SHM/page"
	exits 0 "that login works" lsf white:
}

uploads() {
	local i n=50
	mkdir "$SHM/photos"
	for ((i = 0; i < n; i++)); do
		head -c 20000 /dev/urandom >"$SHM/photos/$i.jpg"
	done
	exits 0 "photos are uploaded" copy "$SHM/photos" jotta:photos
	reset
	exits 0 "and once more, elsewhere" \
		copy --json "$SHM/photos" jotta:again
	is "which are said to be there already" "$(field already_there)" "$n"
	is "no byte of them is sent" "$(counter content_bytes)" 0
	is "each is asked for once" "$(counter allocate)" "$n"
	is "and nothing else" "$(counter upload)" 0
	exits 0 "they are all there" check "$SHM/photos" jotta:again
	reset
	exits 0 "a copy of what is there" copy "$SHM/photos" jotta:again
	is "asks for nothing" "$(counter allocate)" 0
	exits 0 "times are kept" sync -n "$SHM/photos" jotta:again
	says "to the second" "$n unchanged"
	: >"$SHM/nothing"
	exits 0 "an empty file is uploaded" copy "$SHM/nothing" jotta:
	holds "and is empty" "$SHM/nothing" jotta:nothing
}

big() { head -c 20000000 /dev/urandom >"$SHM/$1"; }

broken_uploads() {
	big big
	reset
	fault '"kind": "upload", "cut": 5000000'
	exits 0 "an upload that is cut goes on" copy "$SHM/big" jotta:
	holds "and arrives whole" "$SHM/big" jotta:big
	is "each byte is sent once" "$(counter content_bytes)" 20000000

	big big2
	reset
	fault '"kind": "upload", "cut": 5000000, "cut_expire": true'
	exits 0 "also if the login expires meanwhile" copy "$SHM/big2" jotta:
	holds "and arrives whole" "$SHM/big2" jotta:big2

	big big3
	fault '"kind": "upload", "lost": true'
	exits 0 "an answer that is lost" copy "$SHM/big3" jotta:
	holds "is no harm" "$SHM/big3" jotta:big3

	big big4
	fault '"kind": "upload", "status": 421'
	exits 0 "bytes that arrive wrong are sent again" copy "$SHM/big4" jotta:
	holds "and arrive right" "$SHM/big4" jotta:big4

	big big5
	fault '"kind": "upload", "status": 421, "count": -1'
	exits 3 "but not for ever" copy "$SHM/big5" jotta:
	clear_faults
	lists "and nothing wrong is left" "" lsf jotta: --files-only --include big5

	big big6
	fault '"kind": ["allocate", "upload"], "status": 503, "count": 2'
	exits 0 "a busy service is asked again" copy "$SHM/big6" jotta:
	holds "until it has the file" "$SHM/big6" jotta:big6
	clear_faults
}

# The part that has arrived is not sent again by another ferry, either.
killed_upload() {
	local pid i got
	big killed
	reset
	"$FERRY" copy --bwlimit 1M "$SHM/killed" jotta: >/dev/null 2>&1 &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ "$(counter content_bytes)" -lt 2000000 ] || break
		sleep 0.1
	done
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	got=$(counter content_bytes)
	check "an upload is killed half way" [ "$got" -gt 0 ]
	check "not at its end" [ "$got" -lt 20000000 ]
	lists "of which nothing is seen" "" lsf jotta: --files-only --include killed
	exits 0 "another ferry goes on with it" copy "$SHM/killed" jotta:
	holds "and it arrives whole" "$SHM/killed" jotta:killed
	is "without sending anything twice" "$(counter content_bytes)" 20000000
}

# What changes while it is sent does not arrive as a mixture.
changed_upload() {
	local pid i
	big changing
	reset
	"$FERRY" copy --bwlimit 1M "$SHM/changing" jotta: >"$OUT" 2>"$ERR" &
	pid=$!
	for ((i = 0; i < 1000; i++)); do
		[ "$(counter content_bytes)" -lt 2000000 ] || break
		sleep 0.1
	done
	printf x | dd of="$SHM/changing" bs=1 seek=19000000 conv=notrunc \
		status=none
	if wait "$pid"; then
		not_ok "a file that changes meanwhile is an error" "$ERR"
	else
		ok "a file that changes meanwhile is an error"
	fi
	check "noticed before its end was sent" \
		[ "$(counter content_bytes)" -lt 20000000 ]
	lists "and does not appear" "" lsf jotta: --files-only --include changing
	exits 0 "the next run takes it" copy "$SHM/changing" jotta:
	holds "as it is now" "$SHM/changing" jotta:changing
}

versions() {
	mkdir "$SHM/t0"
	touch "$SHM/t0/a" "$SHM/t0/b"
	local i first
	for i in 1 22 333; do
		echo "$i" >"$SHM/letter"
		exits 0 "version $i is written" copy "$SHM/letter" jotta:v
	done
	ferry versions list jotta:v/letter
	is "two older ones are listed" "$(wc -l <"$OUT")" 2
	first=$(tail -n 1 "$OUT" | sed 's/.* //')
	lists "the oldest can be read" 1 \
		versions cat jotta:v/letter "$first"
	exits 0 "a dry run says that it could be restored" \
		versions restore -n jotta:v/letter "$first"
	lists "and has not done it" 333 cat jotta:v/letter
	reset
	exits 0 "it is restored" versions restore jotta:v/letter "$first"
	lists "and is current" 1 cat jotta:v/letter
	is "without an upload" "$(counter content_bytes)" 0
	ferry versions list jotta:v/letter
	is "the others are still there" "$(wc -l <"$OUT")" 3
	echo a >"$SHM/dated.txt"
	touch -d 2024-05-06T07:08:09Z "$SHM/dated.txt"
	ferry copy "$SHM/dated.txt" jotta:v2
	echo bb >"$SHM/dated.txt"
	ferry copy "$SHM/dated.txt" jotta:v2
	lists "listings can show them, under rclone's names" \
		"dated.txt;3 dated-v2024-05-06-070809-000.txt;2" \
		lsf --versions -F ps jotta:v2
	ferry ls --versions jotta:v2
	is "each command can" "$(wc -l <"$OUT")" 2
	ferry copy "$SHM/dated.txt" jotta:v2/z
	fault '"kind": "info", "path": "dated.txt$", "status": 404'
	exits 0 "a file that goes meanwhile has none" \
		ls --versions jotta:v2
	is "and the others are listed" "$(wc -l <"$OUT")" 2
	fault '"kind": "info", "path": "dated.txt$", "status": 403'
	exits 3 "one whose versions are not to be had is named" \
		ls --versions jotta:v2
	says "by its name" "dated.txt"
	is "and the others are listed, too" "$(wc -l <"$OUT")" 2
	exits 1 "where there are none, that is said" ls --versions "$SHM/t0"
	says "at once" "keeps no older versions"
	is "and nothing listed" "$(cat "$OUT")" ""
	exits 2 "--stat shows no versions" \
		lsjson --stat --versions jotta:v2/dated.txt
	exits 4 "one that never was is not found" \
		versions restore jotta:v/letter 99
	exits 1 "a folder has none" versions list jotta:v
	exits 2 "cat must be told which" versions cat jotta:v/letter
	exits 0 "as JSON, too" versions list --json jotta:v/letter
	says "with hashes" '"md5":"'
}

trash() {
	mkdir -p "$SHM/t/d/e/empty" "$SHM/t/d/f"
	local i arg
	for i in 1 2 3; do
		echo "$i" >"$SHM/t/d/$i"
		echo "e$i" >"$SHM/t/d/e/$i?"
	done
	ferry copy "$SHM/t" jotta:t
	ferry deletefile jotta:t/d/1
	lists "what was deleted is not listed" "2 3 e/ f/" lsf jotta:t/d
	ferry trash list jotta:t/d
	says "but in the trash" " 1"
	is "alone" "$(wc -l <"$OUT")" 1
	exits 0 "a file is restored" trash restore jotta:t/d/1
	holds "with its content" "$SHM/t/d/1" jotta:t/d/1
	reset
	exits 0 "twice is no harm" trash restore jotta:t/d/1
	is "and changes nothing" "$(counter cphash)" 0
	exits 0 "times come back, too" check "$SHM/t" jotta:t
	ferry lsjson -R jotta:t >"$SHM/before" 2>&1
	cp "$OUT" "$SHM/before"
	ferry purge jotta:t/d
	lists "a folder is deleted" "" lsf -R jotta:t
	ferry trash list -R jotta:t
	is "all of it is in the trash" "$(wc -l <"$OUT")" 10
	ferry trash restore -n jotta:t/d
	is "a dry run names it" "$(wc -l <"$OUT")" 10
	lists "and restores nothing" "" lsf -R jotta:t
	reset
	exits 0 "a folder is restored" trash restore jotta:t/d
	ferry lsjson -R jotta:t
	cp "$OUT" "$SHM/after"
	check "with all that was in it" /usr/bin/python3 - \
		"$SHM/before" "$SHM/after" <<-'END'
		import json, sys
		def short(path):
		    return [(e["Path"], e["Size"], e["IsDir"] or e["ModTime"])
		            for e in json.load(open(path))]
		before, after = map(short, sys.argv[1:3])
		assert before == after, (before, after)
	END
	is "without an upload" "$(counter content_bytes)" 0
	reset
	exits 0 "a folder twice is no harm" trash restore jotta:t/d
	is "and changes no file" "$(counter cphash)" 0
	is "and makes no folder" "$(counter mkdir)" 0
	ferry deletefile jotta:t/d/2
	echo other >"$SHM/t/d/2"
	ferry copy "$SHM/t/d/2" jotta:t/d
	exits 0 "what is taken by another is left alone" \
		trash restore jotta:t/d/2
	says "which is said" "left alone"
	holds "and it is what it was" "$SHM/t/d/2" jotta:t/d/2
	exits 4 "what never was is not found" trash restore jotta:t/never
	ferry deletefile jotta:t/d/3
	for arg in "trash empty" "trash empty -n" cleanup "cleanup -n"; do
		# shellcheck disable=SC2086 # two or three words
		exits 2 "$arg of a folder is refused" $arg jotta:t/d
		says "since it would be of the whole account" "whole account"
		says "and how that is said is told" "without a path: jotta:"
	done
	ferry trash list jotta:t/d
	says "nothing has left the trash for that" " 3"
	ferry trash empty -n jotta:/
	says "a dry run names what would go" t/d/3
	exits 0 "the trash is emptied" trash empty jotta:
	lists "and is empty" "" trash list -R jotta:
	exits 4 "what is gone is gone" trash restore jotta:t/d/3
	exits 0 "cleanup does the same" cleanup jotta:
	# A folder with one that the service has lost: the others come back.
	ferry purge jotta:t/d
	fault '"kind": "cphash", "status": 404'
	exits 3 "content that the service has lost is an error" \
		trash restore --json jotta:t/d
	says "each such file is named" "no longer has its content"
	says "it is said how many there are" "1 of "
	says "and how many came back" '"command":"trash restore","files":4'
	says "with the place" '"action":"restore","path":"jotta:t/d"'
	ferry trash list -R jotta:t
	is "and keeps no other in the trash" "$(grep -vc '/$' "$OUT")" 1
	fault '"kind": "cphash", "status": 404'
	exits 4 "alone it is not found" trash restore jotta:t/d/1
	says "for the same reason" "no longer has its content"
	exits 0 "once it is there again it comes back" trash restore jotta:t/d
}

links() {
	local url pid i
	echo public >"$SHM/public"
	ferry copy "$SHM/public" jotta:l
	exits 0 "a file is shared" link jotta:l/public
	url=$(cat "$OUT")
	check "under an address" sh -c 'case $1 in "$2"/*) ;; *) false ;; esac' \
		- "$url" "$URL"
	check "which is its content" \
		sh -c 'curl -sSf "$2" | cmp - "$1"' - "$SHM/public" "$url"
	ferry link --json jotta:l/public
	says "--json names the page, too" '"page":"'"$URL/s/"
	lists "the same again" "$url" link jotta:l/public
	lists "it is listed" "$url l/public" link --list jotta:
	exits 0 "a folder is shared" link jotta:l
	ferry link --list jotta:
	is "both are listed" "$(wc -l <"$OUT")" 2
	exits 0 "a link is taken back" link --unlink jotta:l/public
	exits 0 "twice is no harm" link --unlink jotta:l/public
	ferry link --unlink jotta:l
	lists "nothing is shared any more" "" link --list jotta:
	exits 1 "links that expire are not to be had" \
		link --expire 1d jotta:l/public
	exits 2 "what is listed cannot expire" \
		link --expire 1d --list jotta:l
	exits 2 "nor what is taken back" \
		link --expire 1d --unlink jotta:l/public
	exits 0 "several get one" link jotta:l/public jotta:t jotta:v/letter
	ferry lsf -R "jotta:Shared by ferry"
	says "through a folder of copies" "/public"
	says "with folders" "/t/d/e/1?"
	ferry link --list jotta:
	is "which alone is shared" "$(wc -l <"$OUT")" 1
	exits 4 "with one that is not there there is none" \
		link jotta:l/public jotta:never
	ferry lsf "jotta:Shared by ferry"
	is "and no copies stay" "$(wc -l <"$OUT")" 1
	ferry copyto "$SHM/public" jotta:l1/Ärger
	ferry copyto "$SHM/public" jotta:l2/ärger
	exits 0 "two whose names the service takes for one" \
		link jotta:l1/Ärger jotta:l2/ärger
	ferry lsf -R "jotta:Shared by ferry"
	says "are both there" "/ärger (2)"
	ferry purge "jotta:Shared by ferry"
	reset
	fault '"kind": "cp", "latency": 20000, "count": -1'
	"$FERRY" link jotta:l/public jotta:t >"$OUT" 2>"$ERR" </dev/null &
	pid=$!
	for ((i = 0; i < 100 && $(counter cp) == 0; i++)); do sleep 0.1; done
	kill -TERM "$pid"
	wait "$pid"
	is "making one can be called off" $? 130
	clear_faults
	lists "and leaves no half of it" "" lsf "jotta:Shared by ferry"
}

account() {
	exits 0 "how much is used" about jotta: --json
	check "is told" [ "$(field used)" -gt 1000000 ]
	is "and no total, since there is none" "$(field total)" -1
	control '{"op": "set", "quota": 300000000}' >/dev/null
	ferry about jotta: --full
	says "a quota is the total" "Total:   300000000"
	control '{"op": "set", "quota": 1000}' >/dev/null
	big more
	reset
	exits 1 "a full account takes nothing" copy "$SHM/more" jotta:
	check "and is not asked again and again" [ "$(counter allocate)" -le 1 ]
	control '{"op": "set", "quota": -1, "write_locked": true}' >/dev/null
	reset
	exits 5 "nor does a locked one" copy "$SHM/more" jotta:
	check "and is not asked again and again" [ "$(counter allocate)" -le 1 ]
	mkdir "$SHM/lots"
	control '{"op": "mkdir", "path": "/Jotta/Archive/lots"}' >/dev/null
	for i in {1..500}; do echo "$i" >"$SHM/lots/$i"; done
	reset
	exits 5 "with many files, too" copy "$SHM/lots" jotta:lots
	is "it is told in one sentence, not of each" \
		"$(grep -c '^error: .*locked for writing' "$ERR")" 1
	check "and the rest are not tried" [ "$(counter allocate)" -lt 100 ]
	control '{"op": "set", "write_locked": false}' >/dev/null
	fault '"kind": "allocate", "status": 509, "count": -1, "retry_after": 0'
	exits 1 "a plan that is throttled for good ends a run" \
		copy "$SHM/lots" jotta:lots
	says "and is named" "the plan's bandwidth is used up"
	check "before each file was tried" \
		[ "$(grep -c "^error: " "$ERR")" -lt 100 ]
	clear_faults
	exits 0 "afterwards it does" copy "$SHM/more" jotta:
	exits 0 "a time is set" touch -t 2020-02-03T04:05:06 jotta:more
	lists "and shown" "2020-02-03 04:05:06" lsf --files-only -F t jotta: \
		--include more
	holds "the content is the same" "$SHM/more" jotta:more
	exits 0 "one before 1970, too" touch -t 1955-02-03T04:05:06 jotta:more
	lists "and shown" "1955-02-03 04:05:06" lsf --files-only -F t jotta: \
		--include more
}

# The account survives a restart of the service, and so does a login.
restart() {
	"$SERVER" stop "$JD/sim"
	cp "$FERRY_CONFIG" "$JD/conf"
	start "$PORT"
	cp "$JD/conf" "$FERRY_CONFIG"
	exits 0 "a login outlives the service's restart" lsf jotta:
}

export TZ=UTC
signing_in
by_browser
uploads
broken_uploads
killed_upload
changed_upload
versions
trash
links
account
restart
e2e_end
