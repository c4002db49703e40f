#!/bin/bash
# tests/fixtures/jotta_sim against rclone's own Jottacloud backend, which talks
# to the official hosts: a proxy leads these to TLS with a certificate of a
# test authority, and that to the simulator.  So simulator and ferry cannot be
# wrong together.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need rclone openssl curl

FIXTURES=$ROOT/tests/fixtures
JD=$SHM/jotta
mkdir -m 700 "$JD"
started=()

# shellcheck disable=SC2317 # by the trap
stop_all() {
	local p
	for p in "${started[@]}"; do
		kill "$p" 2>/dev/null
	done
	"$ROOT/tests/servers/jotta" stop "$JD/sim"
}
trap 'stop_all; e2e_clean' EXIT

# wait_for FILE: a server says that it is ready.
wait_for() {
	local i
	for ((i = 0; i < 600; i++)); do
		[ ! -e "$1" ] || return 0
		sleep 0.1
	done
	not_ok "$1 never came" "$JD"/*.log
	e2e_end
}

certificate() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-days 2 -subj "/CN=ferry test authority" \
		-keyout "$JD/ca.key" -out "$JD/ca.pem"
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-subj /CN=jottacloud.com -keyout "$JD/tls.key" \
		-out "$JD/tls.csr"
	openssl x509 -req -in "$JD/tls.csr" -CA "$JD/ca.pem" \
		-CAkey "$JD/ca.key" -CAcreateserial -days 2 -out "$JD/tls.pem" \
		-extfile <(echo "subjectAltName=DNS:*.jottacloud.com")
}

"$ROOT/tests/servers/jotta" start "$JD/sim" >"$JD/vars" || {
	not_ok "the simulator starts" "$JD/vars"
	e2e_end
}
URL=$(sed -n 's/^url=//p' "$JD/vars")
certificate >"$JD/openssl.log" 2>&1
"$FIXTURES/tls_front.py" --to "${URL#http://}" --cert "$JD/tls.pem" \
	--key "$JD/tls.key" --ready "$JD/front" >"$JD/front.log" 2>&1 &
started+=($!)
wait_for "$JD/front"
"$FIXTURES/connect_proxy.py" --ready "$JD/proxy" --log "$JD/connects" \
	--map "*.jottacloud.com:443=127.0.0.1:$(sed 's/port=//' "$JD/front")" \
	>"$JD/proxy.log" 2>&1 &
started+=($!)
wait_for "$JD/proxy"
PROXY=http://127.0.0.1:$(sed 's/port=//' "$JD/proxy")
unset NO_PROXY no_proxy

# rc ARGUMENT...: rclone to the simulator; output to $OUT, errors to $ERR.
rc() {
	HTTPS_PROXY=$PROXY SSL_CERT_FILE=$JD/ca.pem \
		rclone --retries 1 --use-mmap=false "$@" >"$OUT" 2>"$ERR" \
		</dev/null
}

# rclone's status is a test of its own.
does() {
	local name=$1
	shift
	if rc "$@"; then
		ok "$name"
	else
		not_ok "$name: rclone $*" "$ERR" "$OUT"
	fi
}

# fails NAME ARGUMENT...: rclone must not succeed.
fails() {
	local name=$1
	shift
	if rc "$@"; then
		not_ok "$name: rclone $* succeeds" "$ERR" "$OUT"
	else
		ok "$name"
	fi
}

control() { curl -sSf "$URL/__control" -d "$1"; }
counter() {
	control '{"op": "status"}' | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["counters"].get(sys.argv[1], 0))' "$1"
}
zero() { control '{"op": "reset_counters"}' >/dev/null; }
fault() { control "{\"op\": \"fault\", $1}" >/dev/null; }

# lines NAME WANTED: what rclone printed, sorted.
lines() { is "$1" "$(LC_ALL=C sort "$OUT" | tr '\n' ' ')" "$2"; }

# Names that the service cannot store, or that URLs and XML trip over.  Left
# out, since rclone 1.60 itself does not manage these: a ';' (which it sends as
# it is, and the service cuts the name there) and a U+201B on the local disk.
cat >"$BIN/strange.py" <<'END'
import os, sys
top = sys.argv[1]
T = 1600000000
names = ["plain.txt", "a+b&c=d,e.txt", "50%.txt", "%41%2f", "a*b?c.txt",
         'quo"te', "col:on", "pi|pe", "<tag>&amp", " lead", "trail ",
         ".hidden", "dot.", "\u00e9t\u00e9", "\U0001f600", "tab\there",
         "back\\slash", "full\uff0awidth", "#hash",
         "new\nline", "\u2400", "[br]{ace}", "del\x7f", "x" * 200]
raw = [os.fsencode(n) for n in names] + [b"bad\xff\xfe"]
for folder in (b"", b"sub", b"sub/d\xc3\xa9p+th 100%"):
    where = os.path.join(os.fsencode(top), folder)
    os.makedirs(where, exist_ok=True)
    for i, name in enumerate(raw):
        path = os.path.join(where, name)
        with open(path, "wb") as f:
            f.write(folder + b"|" + name)
        os.utime(path, (T + i, T + i))
END
cat >"$BIN/inputs.py" <<'END'
import os, sys
top = sys.argv[1]
T = 1600000000
def put(path, data, t=T):
    path = os.path.join(top, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (t, t))
put("a.txt", b"alpha\n")
put("b.txt", b"beta\n", T + 1)
put("empty", b"", T + 2)
put("sub/c.txt", b"gamma\n", T + 3)
put("sub/deep/d.txt", b"delta\n", T + 4)
put("other/e.jpg", bytes(range(256)) * 400, T + 5)
END
/usr/bin/python3 "$BIN/inputs.py" "$SHM/in"
/usr/bin/python3 "$BIN/strange.py" "$SHM/strange"

# same NAME REMOTE DIR: names, content, sizes and times, read back by rclone.
same() {
	rm -rf "$SHM/back"
	if rc copy "$2" "$SHM/back" && treediff --files "$3" "$SHM/back" \
		>"$SHM/check" 2>&1; then
		ok "$1"
	else
		not_ok "$1" "$ERR" "$SHM/check"
	fi
}

# What newer versions map by themselves, and the blanks at a name's ends.
ENCODING=Slash,LtGt,DoubleQuote,Colon,Question,Asterisk,Pipe,Percent,Del,Ctl
ENCODING=$ENCODING,LeftSpace,RightSpace,InvalidUtf8,Dot

# --- by itself, and then signing in and the account
"$FIXTURES/jotta_test.py"
login=$(control '{"op": "login_token",
	"base": "https://id.jottacloud.com"}' | sed 's/.*": "//; s/".*//')
does "rclone signs in with a login token" config create jc jottacloud \
	config_type=standard "config_login_token=$login" \
	"encoding=$ENCODING"
fails "a login token is good for one use" config create again jottacloud \
	config_type=standard "config_login_token=$login"
control '{"op": "set", "quota": 5000000000}' >/dev/null
does "about" about --json jc:
is "about shows the quota" "$(tr -d '\n\t ' <"$OUT")" \
	'{"total":5000000000,"used":0,"free":5000000000}'
control '{"op": "set", "quota": -1}' >/dev/null

# --- copying and comparing
does "copy" copy "$SHM/in" jc:in
same "what was copied comes back equal" jc:in "$SHM/in"
does "check" check "$SHM/in" jc:in
does "check --download" check --download "$SHM/in" jc:in
does "size" size --json jc:in
is "size counts" "$(cat "$OUT")" '{"count":6,"bytes":102423,"sizeless":0}'
does "md5sum" md5sum jc:in
cp "$OUT" "$SHM/md5"
check "md5sum is right" sh -c "cd '$SHM/in' && md5sum -c --quiet '$SHM/md5'"
zero
does "a second copy" copy "$SHM/in" jc:in
is "a second copy allocates nothing" "$(counter allocate)" 0
does "copy of known content" copy "$SHM/in" jc:twice
is "known content is not sent again" "$(counter content_bytes)" 0
touch -d @1700000000 "$SHM/in/a.txt"
zero
does "copy of a new time alone" copy "$SHM/in" jc:in
is "a new time is set by cphash" "$(counter cphash) $(counter upload)" "1 0"
same "the time has arrived" jc:in "$SHM/in"
does "strange names" copy "$SHM/strange" jc:strange
same "strange names come back" jc:strange "$SHM/strange"
does "lsf of strange names" lsf -R jc:strange
cp "$OUT" "$SHM/slow"
does "lsf by one stream" lsf -R --fast-list jc:strange
check "both show the same names" sh -c \
	"[ \$(wc -l <'$SHM/slow') -gt 60 ] &&
	LC_ALL=C sort '$SHM/slow' >'$SHM/slow.s' &&
	LC_ALL=C sort '$OUT' | cmp - '$SHM/slow.s'"
does "mkdir" mkdir jc:hollow/inner
does "lsf by one stream, folders without files" lsf -R --fast-list jc:
check "the stream has them" grep -qx hollow/inner/ "$OUT"
control '{"op": "set", "every_folder": true}' >/dev/null
does "lsf by one stream that names every folder" lsf -R --fast-list jc:strange
check "these are the same names too" sh -c \
	"LC_ALL=C sort '$OUT' | cmp - '$SHM/slow.s'"
control '{"op": "set", "every_folder": false}' >/dev/null
fault '"kind": "liststream", "stats": [0, 1]'
fails "wrong counts are seen" lsf -R --fast-list jc:in

# --- changes
does "cat" cat jc:in/b.txt
lines "cat prints it" "beta "
does "cat of a part" cat --offset 2 --count 2 jc:in/b.txt
is "the part is right" "$(cat "$OUT")" ta
echo "alpha changed" >"$SHM/in/a.txt"
touch -d @1650000000 "$SHM/in/a.txt"
rm "$SHM/in/b.txt" "$SHM/in/sub/deep/d.txt"
echo new >"$SHM/in/sub/new.txt"
touch -d @1650000001 "$SHM/in/sub/new.txt"
does "sync" sync "$SHM/in" jc:in
same "sync brings it up to date" jc:in "$SHM/in"
does "the trash" lsf -R --files-only --jottacloud-trashed-only jc:in
lines "what sync deleted is in the trash" "b.txt sub/deep/d.txt "
does "copyto" copyto jc:in/a.txt jc:in/copied.txt
zero
does "moveto" moveto jc:in/copied.txt jc:moved/to.txt
is "moveto moves there" "$(counter mv) $(counter upload)" "1 0"
does "lsf of both" lsf -R --files-only --include "*o*.txt" jc:
check "it is there alone" sh -c "grep -qx moved/to.txt '$OUT' &&
	! grep -q copied '$OUT'"
does "copyto onto what is in the trash" copyto jc:in/a.txt jc:in/b.txt
does "it lives again" cat jc:in/b.txt
lines "and holds the new content" "alpha changed "
does "a folder is moved" moveto jc:in/sub jc:in/renamed
is "by one request" "$(counter mvdir)" 1
does "lsf of it" lsf -R --files-only jc:in/renamed
lines "with all in it" "c.txt new.txt "
does "move of many" move jc:twice jc:thrice
does "lsf of these" lsf -R --files-only jc:thrice
lines "they are there" \
	"a.txt b.txt empty other/e.jpg sub/c.txt sub/deep/d.txt "
does "case alone changes" moveto jc:thrice/a.txt jc:thrice/A.TXT
does "lsf after that" lsf --files-only jc:thrice
lines "the name has the new case" "A.TXT b.txt empty "
fails "rmdir of a full folder" rmdir jc:thrice
does "rmdir of an empty one" rmdir jc:hollow/inner
does "purge" purge jc:thrice
does "lsf of the root" lsf jc:
lines "they are gone" "hollow/ in/ moved/ strange/ "
does "deletefile" deletefile jc:in/a.txt
does "deletefile for good" --jottacloud-hard-delete deletefile \
	jc:moved/to.txt
does "the trash again" lsf -R --files-only --jottacloud-trashed-only jc:moved
lines "for good is not in the trash" ""
does "a copy of what was trashed" copyto "$SHM/in/a.txt" jc:in/a.txt
does "it is back" cat jc:in/a.txt
lines "it is whole" "alpha changed "

# --- links, trash
does "link" link jc:in/a.txt
link=$(cat "$OUT")
fetch() {
	HTTPS_PROXY=$PROXY curl -sSf --cacert "$JD/ca.pem" "$link"
}
is "anybody may fetch it" "$(fetch)" "alpha changed"
does "link --unlink" link --unlink jc:in/a.txt
fetch >/dev/null 2>&1
is "nobody may any more" $? 22
does "cleanup" cleanup jc:
does "the trash after that" lsf -R --files-only --jottacloud-trashed-only jc:
lines "the trash is empty" ""
does "what lives stays" lsf -R --files-only jc:in
lines "all of it" "a.txt b.txt empty other/e.jpg renamed/c.txt renamed/new.txt "

# --- faults, as rclone sees them
fault '"kind": "info", "status": 503, "body": "html"'
fault '"kind": "info", "status": 429, "retry_after": 1'
does "rclone retries what is to be retried" lsf jc:in
head -c 12000000 /dev/urandom >"$SHM/big"
zero
fault '"kind": "upload", "cut": 5000000'
does "a cut upload" --retries 3 copyto "$SHM/big" jc:big
is "is taken up where it was cut" "$(counter content_bytes)" 12000000
rm -rf "$SHM/back"
does "it comes back" copy jc:big "$SHM/back"
check "equal" cmp "$SHM/big" "$SHM/back/big"
fault '"kind": "bin", "corrupt": 7777777'
fails "a corrupted download is seen" copyto jc:big "$SHM/back/big2"
fault '"kind": "bin", "cut": 3000000'
does "a cut download is taken up" copyto jc:big "$SHM/back/big3"
check "and is equal" cmp "$SHM/big" "$SHM/back/big3"
before=$(rclone config dump)
control '{"op": "expire"}' >/dev/null
sed -i 's/"expiry":"[^"]*"/"expiry":"2020-01-01T00:00:00Z"/' "$RCLONE_CONFIG"
does "an expired token is refreshed" lsf jc:
check "and the new one kept" test "$before" != "$(rclone config dump)"
control '{"op": "set", "write_locked": true}' >/dev/null
fails "a locked account takes nothing" copyto "$SHM/in/a.txt" jc:locked
control '{"op": "set", "write_locked": false, "quota": 1000}' >/dev/null
head -c 2000 /dev/urandom >"$SHM/more"
fails "a full account takes nothing" copyto "$SHM/more" jc:more
control '{"op": "set", "quota": -1}' >/dev/null
# --- ferry, and rclone: what one has written the other one reads
jotta() { "$FERRY" --config "$JD/sim/ferry.conf" "$@" \
	>"$OUT" 2>"$ERR" </dev/null; }

# ferry_does NAME ARGUMENT...
ferry_does() {
	local name=$1
	shift
	if jotta "$@"; then
		ok "$name"
	else
		not_ok "$name: ferry $*" "$ERR" "$OUT"
	fi
}

# ferry_same NAME REMOTE DIR: as same(), read back by ferry.
ferry_same() {
	rm -rf "$SHM/back"
	if jotta copy --no-metadata "$2" "$SHM/back" &&
		treediff --content --no-dir-times "$3" "$SHM/back" \
			>"$SHM/check" 2>&1; then
		ok "$1"
	else
		not_ok "$1" "$ERR" "$SHM/check"
	fi
}

# listed NAME PATH: both programs name the same things there.  Left out is what
# rclone never shows as it is: control characters, and the like.
listed() {
	local odd='{tab*,new*,del*,bad*,*\u2400}'
	odd=$(printf '%b' "$odd")
	jotta lsf -R --exclude "$odd" "jotta:$2" &&
		sort "$OUT" >"$SHM/ferry.names"
	rc lsf -R --exclude "$odd" "jc:$2" && sort "$OUT" >"$SHM/rclone.names"
	if [ -s "$SHM/ferry.names" ] &&
		diff "$SHM/ferry.names" "$SHM/rclone.names" >"$SHM/check"; then
		ok "$1"
	else
		not_ok "$1" "$ERR" "$SHM/check"
	fi
}

ferry_same "what rclone copied ferry reads" jotta:strange "$SHM/strange"
listed "both list these names" strange
ferry_does "ferry finds it all the same" check "$SHM/strange" jotta:strange
zero
ferry_does "ferry has nothing to copy" copy "$SHM/strange" jotta:strange
is "it sent nothing" "$(counter allocate) $(counter cphash)" "0 0"
ferry_does "ferry copies" copy "$SHM/strange" jotta:mine
same "what ferry copied rclone reads" jc:mine "$SHM/strange"
listed "both list what ferry copied" mine
does "rclone finds it all the same" check "$SHM/strange" jc:mine
zero
does "rclone has nothing to copy" copy "$SHM/strange" jc:mine
is "it sent nothing, too" "$(counter allocate) $(counter cphash)" "0 0"
for name in 'semi;colon;amp&amp;' $'quote\u201bd' $'\u201b;FF' '% 25%3b+'; do
	echo "in $name" >"$SHM/strange/$name"
	touch -d @1600000100 "$SHM/strange/$name"
done
ferry_does "ferry copies what rclone does not manage" \
	sync "$SHM/strange" jotta:mine
ferry_same "and has it back" jotta:mine "$SHM/strange"
cp -a "$SHM/in" "$SHM/in2"
rm "$SHM/in2/empty"
touch -d @1650000077 "$SHM/in2/sub/c.txt"
echo other >"$SHM/in2/sub/new.txt"
touch -d @1650000078 "$SHM/in2/sub/new.txt"
ferry_does "ferry syncs what rclone copied" sync "$SHM/in2" jotta:in
same "rclone reads what ferry synced" jc:in "$SHM/in2"
does "rclone sees ferry's trash" lsf -R --files-only \
	--jottacloud-trashed-only jc:in
check "with what was deleted in it" grep -qx empty "$OUT"
ferry_does "ferry moves a folder" move jotta:in jotta:away
same "rclone finds it there" jc:away "$SHM/in2"
ferry_does "ferry removes a tree" purge jotta:away
fails "rclone finds it no more" lsf jc:away
ferry_does "ferry makes a link" link jotta:big
link=$(cat "$OUT")
check "anybody may open it" curl -sSf -o /dev/null "$link"
ferry_does "ferry takes it back" link --unlink jotta:big
curl -sSf "$link" >/dev/null 2>&1
is "nobody may open it any more" $? 22

# As rclone left it: official hosts, by a proxy.
{
	echo "[official]"
	sed -n '/^\[jc\]/,$ { /^encoding/d; /^\[/d; p }' "$RCLONE_CONFIG"
	echo "ca_cert = $JD/ca.pem"
} >"$JD/official.conf"
HTTPS_PROXY=$PROXY "$FERRY" --config "$JD/official.conf" cat official:big \
	2>"$ERR" | cmp - "$SHM/big" >"$OUT" 2>&1
is "ferry reads by rclone's section, a proxy and TLS" "${PIPESTATUS[*]}" "0 0"

check "no one but our own hosts was asked for" sh -c \
	"! grep -v '\.jottacloud\.com:443$' '$JD/connects'"

e2e_end
