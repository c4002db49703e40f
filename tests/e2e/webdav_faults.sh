#!/bin/bash
# WebDAV servers and lines that misbehave, case by case: what passes is got
# over, what does not is said in words, and no file is lost or torn.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
need apache2 rclone

serve_all apache nextcloud
front a apache
front n nextcloud

mkdir -p "$SHM/new/dir/sub" "$SHM/old/dir"
for i in 1 2 3; do
	echo "new $i" >"$SHM/new/$i"
	echo "new dir $i" >"$SHM/new/dir/$i"
	echo "older $i" >"$SHM/old/$i"
done
find "$SHM/old" -type f -exec touch -d 2020-01-01 {} +
find "$SHM/new" -type f -exec touch -d 2021-01-01 {} +

L=$SHM/local
fresh() {
	local s
	faults a
	faults n
	for s in apache nextcloud; do
		rm -rf "$(files $s)/t"
		mkdir "$(files $s)/t"
		cp -a "$SHM/old/." "$(files $s)/t"
		echo "of old" >"$(files $s)/t/file"
		touch -d 2020-01-01 "$(files $s)/t/file"
	done
	! is_root || chown -R www-data: "$(files apache)"
	rm -rf "$L" "$SHM/one"
	mkdir -p "$L" "$SHM/one"
	echo "all new" >"$SHM/one/file"
	touch -d 2021-01-01 "$SHM/one/file"
}
old_is_whole() {
	check "$1: the old file is whole" grep -qx "of old" "$(files "$2")/t/file"
}

# refused STATUS EXIT REGEX: an upload that the server refuses, in words.
refused() {
	fresh
	faults a '{"method":"PUT","status":'"$1"',"body":"x"}'
	exits "$2" "$1" copy "$SHM/one" "$(at a t)"
	tells "$1: is said" "$3"
	old_is_whole "$1" apache
}
refused 507 1 "no space|full|quota"
refused 413 1 "too large|no space|size"
refused 423 3 "locked|busy"
refused 405 3 "405|not support|not allow"
refused 409 3 "409|folder|conflict"
refused 403 3 "403|denied|forbidden|not allow"
refused 500 3 "500|server"
fresh
faults n '{"method":"PUT|MOVE","status":400,"headers":{"Content-Type":"application/xml; charset=utf-8"},"body":"<?xml version=\"1.0\"?><d:error xmlns:d=\"DAV:\" xmlns:s=\"http://sabredav.org/ns\"><s:exception>E</s:exception><s:message>virus found</s:message></d:error>"}'
exits 3 "what a Nextcloud says of an error" copy "$SHM/one" "$(at n t)"
says "is passed on" "virus found"
old_is_whole "400" nextcloud

# Slow down.
for status in 429 503; do
	fresh
	faults a '{"status":'$status',"count":3,"skip":1,"headers":{"Retry-After":"1"}}'
	start=$(date +%s%N)
	exits 0 "$status with Retry-After" sync "$SHM/new" "$(at a t)"
	took=$((($(date +%s%N) - start) / 1000000))
	at_least "$status: waits as told" $took 950
	silent "$status: ends well" same_files "$SHM/new" "$(files apache)/t"
done

# Somewhere else, with our credentials?
fresh
front elsewhere apache
for status in 301 302 307 308; do
	faults a '{"redirect":"http://localhost:'"$(port_of elsewhere)"'","status":'$status'}'
	fails "redirect $status" copy "$SHM/one" \
		"$(at a t "user=u,pass=$(rclone obscure p)")"
	tells "redirect $status: says where to" \
		"localhost:$(port_of elsewhere)"
	is "redirect $status: nothing was sent there" \
		"$(wc -l <"$SHM/srv/elsewhere/front.log")" 0
done
old_is_whole redirect apache
# Within the same origin it is followed.
fresh
faults a '{"method":"GET|PROPFIND","path":"^/t/","redirect":"'"${URL[a]}"'x/..","count":1}'
exits 0 "a redirect within the server" copy "$(at a t)" "$L"
silent "is followed" same_files "$(files apache)/t" "$L"

# A MOVE that is said to be done by a page, while nobody can say what became of
# its source: it was not done.
fresh
exits 0 "the server is known" copy "$SHM/one" "$(at a u)"
faults a '{"method":"MOVE","status":200,"count":1,"body":"<html>"}' \
	'{"method":"PROPFIND","path":"/t/1$","skip":3,"count":1,"status":500}'
exits 0 "a page instead of a MOVE" moveto "$(at a t/1)" "$(at a t/file)"
is "is one that was not done: it is done" "$(cat "$(files apache)/t/file")" \
	"older 1"
check "and the source is gone" test ! -e "$(files apache)/t/1"

# A MOVE that has removed what it should replace, and failed then.
fresh
faults a '{"method":"MOVE","path":"/t/.ferry-tmp","status":507,"delay":5}'
"$FERRY" copyto "$(at a t/1)" "$(at a t/file)" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..1000}; do
	[ -z "$(find "$(files apache)/t" -name '.ferry-tmp.*')" ] || break
	sleep 0.02
done
sleep 1
rm "$(files apache)/t/file"
wait $pid
is "a MOVE that loses the old file fails" $? 1
check "what was copied stays" grep -qx "older 1" \
	"$(files apache)"/t/.ferry-tmp.*
rm -f "$(files apache)"/t/.ferry-tmp.*

# An ETag that has become weak is good for no condition.
fresh
faults n '{"method":"PROPFIND","replace":["<d:getetag>","<d:getetag>W/"]}'
exits 0 "in place of a file with a weak ETag" copy --inplace "$SHM/one" \
	"$(at n t)"
check "it is written" grep -qx "all new" "$(files nextcloud)/t/file"

# shellcheck disable=SC2317 # called by check
either() { cmp "$1" "$2" || cmp "$1" "$3"; }

# A download that breaks off goes on; a file that changed meanwhile does not.
big() {
	fresh
	head -c "$1" /dev/urandom >"$(files "$2")/t/big"
	# Apache calls the ETag of what is a second old weak.
	touch -d 2021-02-03 "$(files "$2")/t/big"
}
for s in apache nextcloud; do
	f=${s:0:1}
	big 20M $s
	faults "$f" '{"method":"GET","path":"big","cut_down":3000000,"count":3}'
	: >"$SHM/srv/$f/front.log"
	exits 0 "$s: a download that breaks off" copy "$(at "$f" t)" "$L"
	check "$s: is whole" cmp "$L/big" "$(files $s)/t/big"
	at_least "$s: and went on by Range" \
		"$(requests "$SHM/srv/$f/front.log" '^GET .*"bytes=[1-9]')" 1
	check "$s: no stray" no_strays "$L"

	big 20M $s
	echo before >"$L/big"
	touch -d 2020-01-01 "$L/big"
	faults "$f" '{"method":"GET","path":"big","cut_down":3000000,"count":1}' \
		'{"method":"GET","path":"big","header":{"Range":"bytes=[1-9]"},"set":{"ETag":"\"other\""}}'
	ferry copy "$(at "$f" t)" "$L"
	status=$?
	if [ $status = 0 ]; then
		check "$s: a new ETag in mid-download: begun again, it is whole" \
			cmp "$L/big" "$(files $s)/t/big"
	else
		is "$s: a new ETag in mid-download: exit" $status 3
		says "$s: a new ETag: is named" big
		check "$s: a new ETag: the old file is whole" \
			grep -qx before "$L/big"
		check "$s: a new ETag: nothing half-written" no_strays "$L"
	fi

	# The same, the server ignoring If-Range and If-Match and the file
	# really being another one.
	big 20M $s
	faults "$f" '{"method":"GET","path":"big","cut_down":3000000,"count":1}' \
		'{"method":"GET","path":"big","wait":2,"set_request":{"If-Match":null,"If-Range":null}}'
	"$FERRY" copy "$(at "$f" t)" "$L" >"$OUT" 2>"$ERR" &
	pid=$!
	sleep 0.8
	cp "$(files $s)/t/big" "$SHM/first"
	head -c 20M /dev/urandom >"$SHM/other"
	cp "$SHM/other" "$(files $s)/t/big.new"
	mv "$(files $s)/t/big.new" "$(files $s)/t/big"
	wait $pid
	status=$?
	if [ $status = 0 ]; then
		check "$s: replaced in mid-download: it is whole" \
			either "$L/big" "$SHM/first" "$SHM/other"
	else
		check "$s: replaced in mid-download: nothing appears" \
			test ! -e "$L/big"
	fi

	# A server without ranges.
	big 20M $s
	faults "$f" '{"method":"GET","path":"big","cut_down":3000000,"count":1}' \
		'{"method":"GET","path":"big","set_request":{"Range":null}}'
	exits 0 "$s: a server without Range" copy "$(at "$f" t)" "$L"
	check "$s: the file is whole" cmp "$L/big" "$(files $s)/t/big"
done
big 20M apache
faults a '{"method":"GET","path":"big","set":{"Content-Range":"bytes 5-9/20971520"},"header":{"Range":"bytes"}}'
if ferry copy --multi-thread-streams 4 "$(at a t)" "$L"; then
	check "another range than asked for: it is whole" cmp "$L/big" \
		"$(files apache)/t/big"
else
	check "another range than asked for: nothing appears" \
		test ! -e "$L/big"
fi
check "no stray" no_strays "$L"

# Names out of a listing: where a file may not come to lie.
evil() {
	fresh
	mkdir -p "$L/in"
	cp -a "$(files apache)/t/." "$L/in"
	echo keep >"$L/in/keep"
	faults a '{"method":"PROPFIND","header":{"Depth":"1"},"replace":["<D:href>/t/file<","<D:href>'"$2"'<"]}'
	fails "$1 in a listing" sync "$(at a t)" "$L/in"
	check "$1: nothing is deleted" test -e "$L/in/keep" -a -e "$L/in/file"
	is "$1: nothing is written outside" "$(ls "$L")" in
	fails "$1: nor is it shown" ls "$(at a t)"
}
evil ".." "/t/../up"
evil "an encoded .." "/t/%2e%2e/up"
evil ".. alone" "/t/.."
evil "NUL" "/t/fi%00le"
evil "an encoded slash" "/t/a%2fb"
evil "another folder" "/other/file"
evil "a deeper one" "/t/dir/file"
evil "a bad escape" "/t/fi%zzle"
evil "half an escape" "/t/fi%4"
fresh
faults a '{"method":"PROPFIND","header":{"Depth":"1"},"replace":["<D:href>/t/file<","<D:href>http://evil.example/t/file<"]}'
ferry sync "$(at a t)" "$L"
is "another host in a listing is never asked" \
	"$(requests "$ERR" 'resolve|evil.example.*(connect|address)')" 0

# Listings that are none.
listing() {
	fresh
	cp -a "$(files apache)/t/." "$L"
	echo keep >"$L/keep"
	faults a "$2"
	fails "$1: sync" sync "$(at a t)" "$L"
	check "$1: nothing is deleted" test -e "$L/keep" -a -e "$L/file"
}
one='"method":"PROPFIND","header":{"Depth":"1"}'
listing "cut" '{'"$one"',"replace":["</D:multistatus>.*",""]}'
listing "cut in the middle" '{'"$one"',"replace":["<D:href>/t/file<.*",""]}'
listing "empty" '{'"$one"',"replace":[".+",""]}'
listing "not XML" '{'"$one"',"replace":["<","{"]}'
listing "an entity bomb" '{'"$one"',"status":207,"body":"<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/t/&c;</d:href></d:response></d:multistatus>"}'
listing "without itself" '{'"$one"',"replace":["<D:response[^>]*>\\s*<D:href>/t/</D:href>.*?</D:response>",""]}'
listing "an endless name" '{'"$one"',"endless":["<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/t/","aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}'
listing "endless depth" '{'"$one"',"endless":["<d:multistatus xmlns:d=\"DAV:\">","<a>"]}'

# One that does not end, but has an entry each time: called off in time.
fresh
echo keep >"$L/keep"
faults a '{'"$one"',"endless":["<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>/t/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>","<d:response><d:href>/t/f@</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>1</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"]}'
cat >"$BIN/rss.py" <<'PY'
import resource, subprocess, sys
p = subprocess.Popen(sys.argv[2:], stderr=subprocess.DEVNULL)
try:
    p.wait(float(sys.argv[1]))
except subprocess.TimeoutExpired:
    p.terminate()
    p.wait()
print(p.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
mkdir "$SHM/tmp"
read -r status rss < <(TMPDIR=$SHM/tmp /usr/bin/python3 "$BIN/rss.py" 4 \
	"$FERRY" sync "$(at a t)" "$L")
is "an endless listing can be called off" $((status > 0)) 1
[ -n "$FERRY_SAN" ] || at_least "and costs little memory" 120000 "$rss"
check "nothing is deleted" test -e "$L/keep"
is "nothing is left in TMPDIR" "$(ls "$SHM/tmp")" ""

# Lines that break: bytes counted below HTTP.
fresh
head -c 30M /dev/urandom >"$SHM/one/file"
touch -d 2021-01-01 "$SHM/one/file"
for s in apache nextcloud; do
	long_line "reset-$s" $s --reset-after 5000000:2 1
	exits 0 "$s: an upload on a line that breaks twice" copy \
		--timeout 20s "$SHM/one" "$(at "reset-$s" t)"
	check "$s: is whole" cmp "$SHM/one/file" "$(files $s)/t/file"
	long_line "cut-$s" $s --cut-down 5000000:2 1
	exits 0 "$s: a download on a line that breaks twice" copy \
		"$(at "cut-$s" t)" "$L/$s"
	check "$s: is whole" cmp "$L/$s/file" "$(files $s)/t/file"
	echo "of old" >"$(files $s)/t/file"
	long_line "dead-$s" $s --reset-after 3000000 1
	exits 3 "$s: an upload on a line that always breaks" copy "$SHM/one" \
		"$(at "dead-$s" t)"
	old_is_whole "$s: on such a line" $s
	long_line "far-$s" $s 30
	exits 0 "$s: a long line" sync "$SHM/new" "$(at "far-$s" far)"
	silent "$s: at its end all is the same" same_files "$SHM/new" \
		"$(files $s)/far"
done

# Content that the server finds wrong, and content that we do.
fresh
faults n '{"method":"PUT|MOVE","set_request":{"OC-Checksum":"SHA1:0000000000000000000000000000000000000000"}}'
exits 3 "a checksum that the server refuses" copy "$SHM/one" "$(at n t)"
tells "is said" "checksum"
old_is_whole "a checksum" nextcloud
fresh
exits 0 "an upload with its checksum" copy "$SHM/one" "$(at n t)"
faults n '{"method":"GET","path":"t/file","corrupt":3,"count":1}'
if ferry copy "$(at n t)" "$L"; then
	check "a byte that changed on the way back: read again" \
		cmp "$L/file" "$SHM/one/file"
else
	check "a byte that changed on the way back: nothing appears" \
		test ! -e "$L/file"
fi

# Nextcloud's parts.
fresh
head -c 70M /dev/urandom >"$SHM/one/file"
touch -d 2021-01-01 "$SHM/one/file"
part='"method":"PUT","path":"/uploads/"'
for f in 'a part fails|{'"$part"',"skip":1,"count":2,"status":500}' \
	'a part is cut|{'"$part"',"skip":1,"count":2,"cut_up":100000}' \
	"a part's answer is lost|{$part,\"skip\":1,\"count\":2,\"lose\":true}" \
	'the last step fails|{"method":"MOVE","path":"\\.file","count":1,"status":503}' \
	'the last step is locked|{"method":"MOVE","path":"\\.file","count":1,"status":423}' \
	"the last step's answer is lost|{\"method\":\"MOVE\",\"path\":\"\\\\.file\",\"count\":1,\"lose\":true}"; do
	echo "of old" >"$(files nextcloud)/t/file"
	touch -d 2020-01-01 "$(files nextcloud)/t/file"
	marked nextcloud
	faults n "${f#*|}"
	exits 0 "${f%%|*}" copy "$SHM/one" "$(at n t)"
	check "${f%%|*}: ends well" cmp "$SHM/one/file" \
		"$(files nextcloud)/t/file"
done
is "the parts are gone" \
	"$(find "$SHM/srv/nextcloud/run/uploads" -type f | wc -l)" 0
echo "of old" >"$(files nextcloud)/t/file"
faults n '{'"$part"',"skip":2,"status":507}'
exits 1 "no space for a part" copy "$SHM/one" "$(at n t)"
old_is_whole "no space for a part" nextcloud
faults n '{"method":"MKCOL","path":"/uploads/","status":403}'
if ferry copy "$SHM/one" "$(at n t)"; then
	check "no folder for parts: done without" cmp "$SHM/one/file" \
		"$(files nextcloud)/t/file"
else
	tells "no folder for parts: is said" "403|denied|forbidden"
	old_is_whole "no folder for parts" nextcloud
fi

e2e_end
