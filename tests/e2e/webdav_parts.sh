#!/bin/bash
# Large files to a Nextcloud: several parts at once, and whatever happens to
# one of them.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"

serve_all nextcloud
front n nextcloud
uploads=$SHM/srv/nextcloud/run/uploads
delay=$SHM/srv/nextcloud/part_delay

S=$SHM/one
mkdir "$S"
head -c 70M /dev/urandom >"$S/large"
touch -d 2021-01-01 "$S/large"

fresh() {
	faults n
	marked nextcloud
	: >"$SHM/srv/nextcloud/log/parts"
}
parts_at_once() { sort -n "$SHM/srv/nextcloud/log/parts" | tail -n 1; }
bytes_of_parts() {
	awk '/^PUT .*\/uploads\/.* 20[14] / { n += $5 } END { print n + 0 }' \
		"$(log_of nextcloud)"
}
# The numbers of those that have arrived.
parts() {
	sed -n 's,^PUT .*/uploads/.*/0*\([0-9]*\) .* 20[14] .*,\1,p' \
		"$(log_of nextcloud)" | sort -n | xargs
}
whole() { check "$1" cmp "$S/large" "$(files nextcloud)/$2/large"; }
old() {
	mkdir -p "$(files nextcloud)/$1"
	echo old >"$(files nextcloud)/$1/large"
	touch -d 2020-01-01 "$(files nextcloud)/$1/large"
}
old_is_whole() { check "$1" grep -qx old "$(files nextcloud)/$2/large"; }

echo 0.4 >"$delay"
for n in 0 1 2; do
	fresh
	exits 0 "--multi-thread-streams $n" copy --json \
		--multi-thread-streams $n "$S" "$(at nextcloud t$n)"
	is "--multi-thread-streams $n: so many parts at once" \
		"$(parts_at_once)" $((n ? n : 4))
	is "each byte is sent once" "$(bytes_of_parts)" $((70 << 20))
	is "and counted once" "$(field moved_bytes)" $((70 << 20))
	whole "--multi-thread-streams $n: all is well" t$n
done
serve another nextcloud
exits 0 "a large file to another server" copy "$(at nextcloud t0)" \
	"$(at another "")"
fresh
exits 0 "and back, from a file that is read forwards" copy "$(at another "")" \
	"$(at nextcloud back)"
is "also four parts at once" "$(parts_at_once)" 4
whole "and all is well" back

# There is memory for the parts of two files.
mkdir "$SHM/some"
for i in {1..5}; do head -c 32M /dev/urandom >"$SHM/some/$i"; done
fresh
exits 0 "several files at once" copy "$SHM/some" "$(at nextcloud some)"
check "all of them are well" same_files "$SHM/some" "$(files nextcloud)/some"
at_least "none waits for another" "$(parts_at_once)" 7
rm -r "$SHM/some" "$(files nextcloud)/some" "$delay"

# Killed, while a later part was faster than one before.
fresh
old t
faults n '{"method":"PUT","path":"/uploads/.*/0000[26]$","hold":60}'
"$FERRY" copy "$S" "$(at n t)" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..2400}; do
	[ "$(parts)" != "1 3 4 5 7" ] || break
	sleep 0.05
done
kill -9 $pid
wait $pid 2>/dev/null
is "killed: some parts are there, others are not" "$(parts)" "1 3 4 5 7"
old_is_whole "the old file is" t
truncate -s 9M "$uploads"/*/00004 # as a server that keeps what it has got
fresh
exits 0 "the next run" copy "$S" "$(at n t)"
is "sends what is missing or too short" "$(parts)" "2 4 6"
whole "ends well" t

# gone_on NAME RULE...: killed once the first part is there, and gone on with;
# these happen to the second run.
gone_on() {
	local name=$1
	shift
	fresh
	old t
	faults n '{"method":"PUT","path":"/uploads/.*/0000[2-7]$","hold":60}'
	"$FERRY" copy "$S" "$(at n t)" >"$OUT" 2>"$ERR" &
	pid=$!
	for _ in {1..2400}; do
		[ "$(parts)" != 1 ] || break
		sleep 0.05
	done
	kill -9 $pid
	wait $pid 2>/dev/null
	fresh
	faults n "$@"
	exits 0 "$name" copy "$S" "$(at n t)"
	whole "$name: ends well" t
}
list='"method":"PROPFIND","path":"/uploads/"'
gone_on "the listing of the parts fails once" "{$list,\"count\":1,\"status\":500}"
is "they are listed again" "$(parts)" "2 3 4 5 6 7"
gone_on "the listing of the parts is refused" "{$list,\"status\":403}"
is "all are sent anew" "$(parts)" "1 2 3 4 5 6 7"
gone_on "the listing of the parts is none" "{$list,\"status\":200}"
is "all are sent anew, too" "$(parts)" "1 2 3 4 5 6 7"
is "nothing is left of the parts" "$(find "$uploads" -type f | wc -l)" 0

# What happens to some of those that are under way at once.
part='"method":"PUT","path":"/uploads/"'
for f in 'two fail|{'"$part"',"skip":1,"count":2,"status":500}' \
	'two are cut|{'"$part"',"skip":1,"count":2,"cut_up":3000000}' \
	"two answers are lost|{$part,\"skip\":1,\"count\":2,\"lose\":true}" \
	'the server is busy|{'"$part"',"skip":1,"count":6,"status":429,"headers":{"Retry-After":"1"}}' \
	'one fails for long|{"method":"PUT","path":"/uploads/.*/00002$","count":5,"status":502}'; do
	fresh
	old t
	faults n "${f#*|}"
	exits 0 "${f%%|*}" copy "$S" "$(at n t)"
	whole "${f%%|*}: ends well" t
done
is "a part that has arrived is not sent again" "$(bytes_of_parts)" \
	$((70 << 20))
is "nothing is left of them" "$(find "$uploads" -type f | wc -l)" 0

# The others do not go on when there is no use.
fresh
old t
faults n '{"method":"PUT","path":"/uploads/.*/00003$","status":507,"early":true}' \
	'{'"$part"',"delay":0.5}'
exits 1 "no space for one of them" copy "$S" "$(at n t)"
tells "no space for one of them: is said" "space|full|quota"
old_is_whole "no space for one of them: the old file is whole" t
check "no space for one of them: the others stop" \
	test "$(since nextcloud '^PUT .*/uploads/')" -le 4
is "no space for one of them: nothing is left" \
	"$(find "$uploads" -type f | wc -l)" 0

# A signal.
fresh
faults n '{'"$part"',"hold":60}'
"$FERRY" copy "$S" "$(at n t)" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..2400}; do
	[ -z "$(ls "$uploads")" ] || break
	sleep 0.05
done
sleep 0.5 # and these are held
start=$(date +%s%N)
kill -TERM $pid
wait $pid
is "a signal with parts under way" $? 130
at_least "ends them" 30000 $((($(date +%s%N) - start) / 1000000))
old_is_whole "and the old file is whole" t
fresh
exits 0 "the run after it" copy "$S" "$(at n t)"
whole "ends well" t

# A source that changes while its parts are read.
fresh
old t
faults n '{'"$part"',"delay":1}'
"$FERRY" copy "$S" "$(at n t)" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..1200}; do
	[ ! -s "$SHM/srv/nextcloud/log/parts" ] || break
	sleep 0.05
done
head -c 70M /dev/urandom >"$S/large"
wait $pid
check "a source that changes meanwhile: exit" test $? -ne 0
old_is_whole "a source that changes meanwhile: the old file is whole" t
fresh
exits 0 "a source that has changed" copy "$S" "$(at n t)"
whole "arrives as it is" t

# What others have left there, one of which goes by itself meanwhile.
fresh
for i in 0 1 2; do
	left=$uploads/ferry-0000000000000000000000000000000$i
	mkdir "$left"
	touch -d "2 days ago" "$left"
done
faults n '{"method":"DELETE","path":"/uploads/.*0/$","status":404}'
exits 0 "cleanup, where one is gone already" cleanup --json "$(at n "")"
is "removes the others" "$(ls "$uploads")" \
	ferry-00000000000000000000000000000000

e2e_end
