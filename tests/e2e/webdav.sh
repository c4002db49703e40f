#!/bin/bash
# Files to WebDAV servers and back: Apache, nginx, lighttpd, rclone's and what
# a client sees of a Nextcloud.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
need apache2 nginx lighttpd rclone curl openssl

all=(apache nginx lighttpd rclone nextcloud)
serve_all "${all[@]}"

# The paths that ferry lists, one JSON string a line.
cat >"$BIN/paths.py" <<'PY'
import json, os, sys
if os.path.isdir(sys.argv[1]):
    top = sys.argv[1]
    paths = [os.path.relpath(os.path.join(d, n), top)
             for d, dirs, names in os.walk(top) for n in names]
else:
    with open(sys.argv[1], "rb") as f:
        paths = [e["Path"] for e in json.load(f) if not e["IsDir"]]
print("\n".join(sorted(json.dumps(p) for p in paths)))
PY
paths() { /usr/bin/python3 "$BIN/paths.py" "$1"; }

# A server that is not known yet: what it can do is found out as it is needed.
echo new >"$SHM/new"
for s in apache nginx; do
	marked $s
	XDG_STATE_HOME=$SHM/state-$s ferry copyto "$SHM/new" "$(at $s new)"
	at_least "$s: the first small file takes few requests" 9 \
		"$(requests "$(log_of $s)" .)"
	marked $s
	echo newer >>"$SHM/new"
	XDG_STATE_HOME=$SHM/state-$s ferry copyto "$SHM/new" "$(at $s new)"
	at_least "$s: the first overwrite more" 19 \
		"$(requests "$(log_of $s)" .)"
	marked $s
	echo newest >>"$SHM/new"
	XDG_STATE_HOME=$SHM/state-$s ferry copyto "$SHM/new" "$(at $s new)"
	at_least "$s: and the next one few again" 6 \
		"$(requests "$(log_of $s)" .)"
	check "$s: it arrives" cmp "$SHM/new" "$(files $s)/new"
	check "$s: nothing else is left" no_strays "$(files $s)"
	rm "$(files $s)/new"
done

# There and back again.
round_trip() {
	local s=$1 S=$SHM/tree-$1 D=$SHM/back-$1 place there
	tree "$S" "$s"
	place=$(at "$s" "t #1") there="$(files "$s")/t #1"
	exits 0 "$s: a copy of strange names" copy "$S" "$place"
	silent "$s: all is there" same_files "$S" "$there"
	check "$s: and nothing else" no_strays "$(files "$s")"

	marked "$s"
	exits 0 "$s: once more" copy --json "$S" "$place"
	is "$s: nothing is copied" "$(field copied) $(field updated)" "0 0"
	is "$s: nor sent" "$(field bytes) $(field metadata)" "0 0"
	[ "$s" = rclone ] || [ "$s" = lighttpd ] ||
		is "$s: only listings are asked for" \
			"$(since "$s" '^(GET|PUT|MOVE|MKCOL|PROPPATCH) ')" 0
	exits 0 "$s: check" check "$S" "$place"
	exits 0 "$s: lsjson" lsjson -R "$place"
	paths "$OUT" >"$SHM/listed"
	paths "$S" >"$SHM/local"
	check "$s: lists just these" cmp "$SHM/listed" "$SHM/local"
	exits 0 "$s: cat" cat "$place/dirs/que?ry/in" "$place/per%cent"
	cat "$S/dirs/que?ry/in" "$S/per%cent" >"$SHM/want"
	check "$s: prints them" cmp "$SHM/want" "$OUT"

	exits 0 "$s: a copy back" copy "$place" "$D"
	silent "$s: is the same, with its times" treediff --content "$S" "$D"
	rm -rf "$D"
}

# What changed, and nothing else.
changes() {
	local s=$1 S=$SHM/tree-$1 place there
	place=$(at "$s" "t #1") there="$(files "$s")/t #1"
	printf xxxxx | dd of="$S/sizes/8k" bs=1 seek=99 conv=notrunc status=none
	printf y >>"$S/sizes/9M"
	rm -r "$S/many" "$S/plain"
	mkdir "$S/plain"
	echo new >"$S/plain/new"
	exits 0 "$s: changes, one the size of the old" sync --json "$S" "$place"
	is "$s: two are updated, one is new" \
		"$(field updated) $(field copied)" "2 1"
	is "$s: the others deleted" "$(field deleted)" 61
	silent "$s: all is the same" same_files "$S" "$there"
	check "$s: no stray" no_strays "$(files "$s")"
	exits 0 "$s: and quiet" sync --json "$S" "$place"
	is "$s: the second time" "$(field copied) $(field updated)" "0 0"

	touch -d '2019-02-03 04:05:06' "$S/sizes/8k"
	exits 0 "$s: a time alone" sync --json "$S" "$place"
	exits 0 "$s: is set, once" sync --json "$S" "$place"
	is "$s: for good" "$(field copied) $(field updated) $(field metadata)" \
		"0 0 0"
	if [ "$s" = nginx ]; then
		fails "$s: touch, which it cannot" touch "$place/sizes/8k"
		return
	fi
	exits 0 "$s: touch" touch --timestamp 2001-02-03T04:05:06 \
		"$place/sizes/8k"
	ferry lsjson "$place/sizes"
	says "$s: is seen in a listing" "2001-02-03T04:05:06"
}

# Within the server: no content comes here.
server_side() {
	local s=$1 there before
	there=$(files "$s")
	marked "$s"
	exits 0 "$s: copy to another folder of the server" copy \
		"$(at "$s" "t #1")" "$(at "$s" "u/v")"
	silent "$s: is the same" same_files "$there/t #1" "$there/u/v"
	if [ "$s" != rclone ] && [ "$s" != lighttpd ]; then
		at_least "$s: by COPY" "$(since "$s" '^COPY ')" 10
		is "$s: without GET" "$(since "$s" '^GET ')" 0
	fi
	exits 0 "$s: and is not copied again" copy --json \
		"$(at "$s" "t #1")" "$(at "$s" "u/v")"
	is "$s: by anything" "$(field copied) $(field updated)" "0 0"
	exits 0 "$s: moveto a folder" moveto "$(at "$s" u/v)" "$(at "$s" w)"
	check "$s: moves it" test ! -e "$there/u/v/sp ace" -a \
		-e "$there/w/sp ace"
	exits 0 "$s: moveto a file" moveto "$(at "$s" w/empty)" \
		"$(at "$s" w/EMPTY%)"
	check "$s: moves that" test ! -e "$there/w/empty" -a -e "$there/w/EMPTY%"
	[ "$s" = rclone ] || [ "$s" = lighttpd ] ||
		is "$s: without GET" "$(since "$s" '^GET ')" 0
	exits 0 "$s: copyto over another" copyto "$(at "$s" w/sizes/1M)" \
		"$(at "$s" w/sizes/8k)"
	check "$s: replaces it" cmp "$there/w/sizes/1M" "$there/w/sizes/8k"

	before=$(find "$there/w" -name .DAV -prune -o -type f -print | wc -l)
	exits 0 "$s: move to here" move --json "$(at "$s" w)" "$SHM/moved-$s"
	is "$s: brings all" "$(find "$SHM/moved-$s" -type f | wc -l)" "$before"
	is "$s: and leaves none" "$(find "$there/w" -name .DAV -prune -o \
		-type f -print | wc -l)" 0
	exits 0 "$s: move there" move "$SHM/moved-$s" "$(at "$s" x)"
	is "$s: leaves none here" "$(find "$SHM/moved-$s" -type f | wc -l)" 0
	is "$s: and brings all" "$(find "$there/x" -name .DAV -prune -o \
		-type f -print | wc -l)" "$before"
	exits 0 "$s: purge" purge "$(at "$s" x)"
	check "$s: takes it away" test ! -e "$there/x"
	exits 4 "$s: what is not there" ls "$(at "$s" x)"
	exits 0 "$s: mkdir" mkdir "$(at "$s" "a/b c")"
	check "$s: makes folders" test -d "$there/a/b c"
	exits 0 "$s: rmdir" rmdir "$(at "$s" "a/b c")"
	fails "$s: rmdir of a full one" rmdir "$(at "$s" "t #1")"
	check "$s: takes nothing away" test -e "$there/t #1/sp ace"
}

# What one program uploads the other one finds right.
interop() {
	local s=$1 S=$SHM/mild
	printf '[%s]\ntype = webdav\nurl = %s\nvendor = %s\n' "$s" "${URL[$s]}" \
		"$([ "$s" = nextcloud ] && echo nextcloud || echo other)" \
		>>"$RCLONE_CONFIG"
	check "$s: rclone uploads" rclone copy "$S" "$s:rclone"
	exits 0 "$s: ferry agrees" check "$S" "$(at "$s" rclone)"
	exits 0 "$s: also byte by byte" check --download "$S" "$(at "$s" rclone)"
	exits 0 "$s: and copies" copy --size-only --json "$S" \
		"$(at "$s" rclone)"
	is "$s: nothing of it" "$(field copied) $(field updated)" "0 0"
	exits 0 "$s: ferry uploads" copy "$S" "$(at "$s" ferry)"
	check "$s: rclone agrees" rclone check --download "$S" "$s:ferry"
	exits 0 "$s: rclone's remote, from its configuration" \
		--config "$RCLONE_CONFIG" check "$S" "$s:ferry"
	if [ "$s" = nextcloud ]; then
		check "$s: by checksums, too" rclone check "$S" "$s:ferry"
		rclone copy -v "$S" "$s:ferry" >"$SHM/said" 2>&1
		check "$s: and by times" grep -qE \
			'Transferred:[[:space:]]+0 B' "$SHM/said"
		exits 0 "$s: so does ferry" copy --json "$S" "$(at "$s" rclone)"
		is "$s: of rclone's" "$(field copied) $(field updated)" "0 0"
	fi
}

tree "$SHM/mild" mild
rm -r "$SHM"/mild/.[.h]* "$SHM"/mild/dirs/.[.h]*
for s in "${all[@]}"; do
	round_trip "$s"
	changes "$s"
	server_side "$s"
	interop "$s"
done

# A name that the server refuses is named, and the others arrive.
S=$SHM/refused
mkdir "$S"
echo good >"$S/good"
echo bad >"$S/ba\\d"
exits 3 "a name that the server refuses" copy "$S" "$(at nextcloud refused)"
says "is named" 'ba\d'
check "the other one is there" test -e "$(files nextcloud)/refused/good"

# In parts, gone on with after a kill.
S=$SHM/parts
mkdir "$S"
head -c 70M /dev/urandom >"$S/large"
echo old >"$(files nextcloud)/large"
touch -d 2015-01-01 "$S/large" # older than what is there: still the source
marked nextcloud
"$FERRY" copy --bwlimit 8M "$S" "$(at nextcloud "")" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..2400}; do
	[ "$(since nextcloud '^PUT .*/uploads/.* 201 ')" -lt 2 ] || break
	sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null
done_parts=$(since nextcloud '^PUT .*/uploads/.* 201 ')
at_least "nextcloud: a large file goes in parts" "$done_parts" 2
check "nextcloud: killed, the old file is whole" \
	grep -qx old "$(files nextcloud)/large"
sleep 0.3
marked nextcloud
exits 0 "nextcloud: the next run goes on" copy "$S" "$(at nextcloud "")"
check "nextcloud: and ends well" cmp "$S/large" "$(files nextcloud)/large"
again=$(awk '/^PUT .*\/uploads\// { n += $5 } END { print n + 0 }' \
	"$(log_of nextcloud)")
at_least "nextcloud: parts that are there are not sent again" \
	$((72 * 1024 * 1024)) $((again + done_parts * 5 * 1024 * 1024))
is "nextcloud: its time" "$(stat -c %Y "$(files nextcloud)/large")" \
	"$(stat -c %Y "$S/large")"
is "nextcloud: nothing is left of the parts" \
	"$(find "$SHM/srv/nextcloud/run/uploads" -type f | wc -l)" 0

# A source that changed between two runs is not made of both.
"$FERRY" copy --bwlimit 20M "$S/large" "$(at nextcloud other)" \
	>"$OUT" 2>"$ERR" &
pid=$!
sleep 1.5
kill -9 $pid
wait $pid 2>/dev/null
head -c 70M /dev/urandom >"$S/large"
exits 0 "nextcloud: another source" copy "$S/large" "$(at nextcloud other)"
check "nextcloud: is what arrives" cmp "$S/large" \
	"$(files nextcloud)/other/large"

# Killed in mid-upload elsewhere, and the server itself.
S=$SHM/big
mkdir "$S"
head -c 60M /dev/urandom >"$S/big"
for s in apache nginx lighttpd rclone; do
	echo old >"$(files $s)/big"
	[ $s != apache ] || chown www-data: "$(files $s)/big" 2>/dev/null
	"$FERRY" copy --bwlimit 20M "$S" "$(at $s "")" >"$OUT" 2>"$ERR" &
	pid=$!
	sleep 1
	kill -9 $pid
	wait $pid 2>/dev/null
	sleep 0.2
	check "$s: ferry killed, the old file is whole" \
		grep -qx old "$(files $s)/big"
	"$FERRY" copy --bwlimit 8M "$S" "$(at $s "")" >"$OUT" 2>"$ERR" &
	pid=$!
	for _ in {1..1200}; do # the source is read: the upload has begun
		[ "$(awk '/^rchar/ { print $2 }' /proc/$pid/io)" -lt 10000000 ] ||
			break
		sleep 0.05
	done
	"$SERVERS/stop" -9 "$SHM/srv/$s"
	wait $pid
	is "$s: the server killed, exit" $? 3
	check "$s: the old file is whole" grep -qx old "$(files $s)/big"
	serve $s $s "$(port_of $s)"
	exits 0 "$s: the next run" copy "$S" "$(at $s "")"
	check "$s: ends well" cmp "$S/big" "$(files $s)/big"
done

# Who one is.
PASS='se cret:"x%' USER=anna serve locked apache
PASS='se cret:"x%' USER=anna AUTH=digest serve digest apache
PASS='se cret:"x%' USER=anna serve cloud nextcloud
good=$(rclone obscure 'se cret:"x%') bad=$(rclone obscure wrong)
for s in locked digest cloud; do
	exits 0 "$s: the right password" copy "$SHM/mild" \
		"$(at $s m "user=anna,pass=$good")"
	exits 5 "$s: a wrong one" ls "$(at $s m "user=anna,pass=$bad")"
	tells "$s: is said so" "password|credentials|sign"
	exits 5 "$s: none" ls "$(at $s m)"
	for flags in "--dump headers" "--dump bodies" -vv; do
		# shellcheck disable=SC2086
		exits 0 "$s: $flags" $flags copy "$SHM/mild" \
			"$(at $s m2 "user=anna,pass=$good")"
		cat "$OUT" "$ERR" >"$SHM/check"
		check "$s: shows no secret" lacks "$SHM/check" 'se cret' \
			"$good" "$(printf %s 'anna:se cret:"x%' | base64)"
	done
	exits 0 "$s: --dump headers" --dump headers ls \
		"$(at $s m2 "user=anna,pass=$good")"
	says "$s: shows requests" PROPFIND
	ferry purge "$(at $s m2 "user=anna,pass=$good")"
done

TLS=1 serve tls apache
TLS=1 serve tlscloud nextcloud
for s in tls tlscloud; do
	fails "$s: an unknown authority" ls "$(at $s "")"
	tells "$s: is said so" "certificate"
	exits 0 "$s: --ca-cert" --ca-cert "$SHM/srv/$s/ca.pem" copy \
		"$SHM/mild" "$(at $s m)"
	exits 0 "$s: ca_cert of the remote" check "$SHM/mild" \
		"$(at $s m "ca_cert=\"$SHM/srv/$s/ca.pem\"")"
	exits 2 "$s: one that is not there" --ca-cert "$SHM/nothing" ls \
		"$(at $s "")"
done

start=$(date +%s%N)
exits 0 "--tpslimit" --tpslimit 20 copy "$SHM/mild/many" "$(at apache tps)"
at_least "makes it slow" $((($(date +%s%N) - start) / 1000000)) 2000

# The password in the configuration, obscured by ferry itself.
printf 'se cret:"x%%' | "$FERRY" --config "$SHM/f.conf" config \
	create cloudy webdav "url=${URL[cloud]}" vendor=nextcloud user=anna \
	pass=- >"$OUT" 2>"$ERR"
is "config create with a password from standard input" $? 0
check "keeps it obscured" lacks "$SHM/f.conf" 'se cret'
exits 0 "and it fits" --config "$SHM/f.conf" ls cloudy:m
check "and rclone reads it" rclone --config "$SHM/f.conf" ls cloudy:m

e2e_end
