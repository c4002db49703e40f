#!/bin/bash
# Large files to WebDAV servers that take them in pieces: what has arrived is
# not sent again, neither by this run nor by the next one, and what is made of
# pieces is the whole source or nothing.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
need apache2 lighttpd nginx rclone

serve_all apache nginx rclone
PARTIAL=1 serve lighttpd lighttpd
for s in apache nginx rclone lighttpd; do
	front "f-$s" $s
done

MIB=$((1024 * 1024))
ALL=$((200 * MIB))
mkdir "$SHM/one" "$SHM/mid"
head -c $ALL /dev/urandom >"$SHM/one/file"
head -c $((20 * MIB)) /dev/urandom >"$SHM/mid/file"
touch -d 2021-01-01 "$SHM/one/file" "$SHM/mid/file"

log() { echo "$SHM/srv/f-$1/front.log"; }
# Bytes that PUTs have brought to the server since old().
brought() { awk '/^PUT / { n += $NF } END { print n + 0 }' "$(log "$1")"; }
# How many PUTs of at least half a MiB.
puts() { awk '/^PUT / && $NF > 500000 { n++ } END { print n + 0 }' "$(log "$1")"; }
small_pieces() { at "f-$1" t piece_size=1M; }
old() {
	rm -rf "$(files "$1")/t"
	find "$HOME" -path "*webdav-uploads/*" -not -name lock -delete
	mkdir "$(files "$1")/t"
	echo "of old" >"$(files "$1")/t/file"
	touch -d 2020-01-01 "$(files "$1")/t/file"
	! is_root || [ "$1" != apache ] || chown -R www-data: "$(files apache)"
	again "$1"
}
# again SERVER RULE...
again() {
	faults "f-$1" "${@:2}"
	: >"$(log "$1")"
}
asides() { find "$(files "$1")/t" -name '.ferry-tmp.*'; }
journals() { find "$HOME" -path '*webdav-uploads/*' -not -name lock; }
# whole NAME SERVER SOURCE
whole() {
	check "$1: the file is whole" cmp "$3/file" "$(files "$2")/t/file"
	is "$1: nothing else is there" "$(find "$(files "$2")/t" -mindepth 1 \
		-name .DAV -prune -o -printf '%f')" file
	is "$1: nor a journal" "$(journals)" ""
}
at_most() { at_least "$1" "$3" "$2"; }
# killed SERVER PLACE SOURCE: as soon as a fault has been done.
killed() {
	"$FERRY" copy "$3" "$2" >"$OUT" 2>"$ERR" &
	pid=$!
	for _ in {1..2400}; do
		! grep -q '^PUT .* 0 1 ' "$(log "$1")" || break
		sleep 0.05
	done
	sleep 0.3
	kill -9 $pid
	wait $pid 2>/dev/null
}

# Without any trouble; this is when the server becomes known.
for s in apache lighttpd; do
	old $s
	exits 0 "$s: a large file" copy "$SHM/one" "$(at f-$s t)"
	whole "$s: a large file" $s "$SHM/one"
	is "$s: goes in two pieces" "$(puts $s)" 2
	ferry lsjson "$(at f-$s t)"
	says "$s: and has its time" '"2021-01-01T'
	ferry mkdir "$(at f-$s u)"
	again $s
	exits 0 "$s: a file of less" copyto "$SHM/mid/file" "$(at f-$s u/file)"
	is "$s: goes in one" "$(puts $s)" 1
	again $s
	exits 0 "$s: piece_size=off" copy "$SHM/one" \
		"$(at f-$s u piece_size=off)"
	is "$s: it goes in one, too" "$(puts $s)" 1
	rm -rf "$(files $s)/u"
done
for s in nginx rclone; do
	old $s
	exits 0 "$s: a server that takes no pieces" copy "$SHM/one" \
		"$(at f-$s t)"
	whole "$s: a server that takes no pieces" $s "$SHM/one"
	is "$s: is sent one" "$(puts $s)" 1
done

# Cut behind 150 MiB: the first piece is 64 MiB, the other one breaks off.
second='"method":"PUT","header":{"Content-Range":"bytes 67108864-"}'
for s in apache lighttpd; do
	# lighttpd keeps nothing of a piece that breaks off.
	left=$((50 * MIB))
	[ $s = apache ] || left=$((136 * MIB))
	old $s
	again $s "{$second,\"cut_up\":$((86 * MIB)),\"count\":1}"
	exits 0 "$s: cut behind 150 MiB" copy "$SHM/one" "$(at f-$s t)"
	whole "$s: cut behind 150 MiB" $s "$SHM/one"
	at_least "$s: all of it was sent" "$(brought $s)" $ALL
	at_most "$s: but only the rest again" "$(brought $s)" \
		$((150 * MIB + left + 2 * MIB))

	# Killed there: the run does not get to know what has become of it.
	old $s
	again $s "{$second,\"cut_up\":$((86 * MIB)),\"count\":1}" \
		'{"method":"PROPFIND","path":"/t/.ferry-tmp","delay":20,"count":1}'
	killed $s "$(at f-$s t)" "$SHM/one"
	check "$s: killed at 150 MiB: the old file is whole" \
		grep -qx "of old" "$(files $s)/t/file"
	is "$s: what was sent is there" "$(asides $s | wc -l)" 1
	is "$s: and a journal" "$(journals | wc -l)" 1
	again $s
	exits 0 "$s: the next run" copy "$SHM/one" "$(at f-$s t)"
	whole "$s: the next run" $s "$SHM/one"
	at_least "$s: sends what was not there" "$(brought $s)" $((49 * MIB))
	at_most "$s: and no more" "$(brought $s)" $((left + 2 * MIB))
done

s=apache
P=$(small_pieces $s)
third='"method":"PUT","header":{"Content-Range":"bytes 3145728-"}'
cut="{$third,\"cut_up\":1000000,\"count\":1}"
stop='{"method":"PROPFIND","path":"/t/.ferry-tmp","delay":20,"count":1}'
broken() {
	old $s
	again $s "$cut" "$stop"
	killed $s "$P" "$SHM/mid"
	aside=$(asides $s)
	again $s
}

# What it is not safe to go on with is begun anew.
broken
head -c $((20 * MIB)) /dev/urandom >"$SHM/mid/file"
exits 0 "the source has changed since" copy "$SHM/mid" "$P"
whole "the source has changed since" $s "$SHM/mid"
at_least "it is sent from its beginning" "$(brought $s)" $((20 * MIB))

broken
rm "$aside"
exits 0 "what was sent is gone" copy "$SHM/mid" "$P"
whole "what was sent is gone" $s "$SHM/mid"

broken
printf x | dd of="$aside" bs=1 conv=notrunc status=none \
	seek=$(($(stat -c %s "$aside") - 1))
exits 0 "what was sent has changed" copy "$SHM/mid" "$P"
whole "what was sent has changed" $s "$SHM/mid"

broken
head -c 30M /dev/zero >>"$aside"
exits 0 "what was sent has grown" copy "$SHM/mid" "$P"
whole "what was sent has grown" $s "$SHM/mid"

broken
: >"$(journals)"
exits 0 "the journal is empty" copy "$SHM/mid" "$P"
check "the journal is empty: the file is whole" cmp "$SHM/mid/file" \
	"$(files $s)/t/file"

old $s
again $s "{$third,\"wait\":1,\"count\":1}"
"$FERRY" copy "$SHM/mid" "$P" >"$OUT" 2>"$ERR" &
pid=$!
for _ in {1..2400}; do
	[ "$(stat -c %s "$(asides $s)" 2>/dev/null)" != 3145728 ] || break
	sleep 0.02
done
rm "$(asides $s)"
wait $pid
is "removed between two pieces: exit" $? 0
whole "removed between two pieces" $s "$SHM/mid"

# The front has the pieces behind the first put over the file, or refused.
old $s
again $s '{"method":"PUT","set_request":{"Content-Range":null}}'
exits 0 "a server that has begun to ignore Content-Range" copy "$SHM/mid" "$P"
whole "a server that has begun to ignore Content-Range" $s "$SHM/mid"
again $s
exits 0 "it is found out anew" copyto "$SHM/mid/file" "$P/other"
at_least "and sent in pieces" "$(puts $s)" 3
old $s
again $s '{"method":"PUT","header":{"Content-Range":"bytes"},"status":501}'
exits 0 "a server that has begun to refuse it" copy "$SHM/mid" "$P"
whole "a server that has begun to refuse it" $s "$SHM/mid"
again $s
exits 0 "it is found out again" copyto "$SHM/mid/file" "$P/other"
at_least "and sent in pieces again" "$(puts $s)" 3

# Answers that are lost, and a line that breaks again and again.
for f in "the answer to a piece is lost|{$third,\"lose\":true,\"count\":1}" \
	'each second piece is cut|{"method":"PUT","path":"ferry-tmp","skip":2,"cut_up":400000,"count":3}' \
	'the first piece is cut|{"method":"PUT","path":"ferry-tmp","cut_up":400000,"count":2}' \
	'the MOVE is cut|{"method":"MOVE","status":503,"count":1}' \
	'a look fails|{"method":"PROPFIND","path":"ferry-tmp","status":503,"count":1}'; do
	for s in apache lighttpd; do
		old $s
		again $s "${f#*|}"
		exits 0 "$s: ${f%%|*}" copy "$SHM/mid" "$(small_pieces $s)"
		whole "$s: ${f%%|*}" $s "$SHM/mid"
		at_least "$s: ${f%%|*}: in pieces" "$(puts $s)" 3
		at_most "$s: ${f%%|*}: not all again" "$(brought $s)" \
			$((32 * MIB))
	done
done
s=apache
again $s '{"method":"MOVE","status":403,"count":1}'
touch -d 2022-01-01 "$SHM/mid/file"
exits 3 "the MOVE is refused" copy "$SHM/mid" "$P"
check "the file is the one before" cmp "$SHM/mid/file" "$(files $s)/t/file"
is "nothing else is there" "$(asides $s)" ""
is "nor a journal" "$(journals)" ""
long_line often apache --reset-after 7000000:6 1
old $s
exits 0 "a line that breaks every 7 MB" copy "$SHM/one" \
	"$(at often t piece_size=4M)"
whole "a line that breaks every 7 MB" $s "$SHM/one"

# Killed at any moment, again and again, and two at once.
old $s
for i in {1..12}; do
	(
		"$FERRY" copy --bwlimit 20M "$SHM/mid" "$P" &
		sleep "0.$((i % 4 + 1))"
		kill -9 $!
		wait
	) >"$OUT" 2>&1
	# Done: once more.
	! cmp -s "$SHM/mid/file" "$(files $s)/t/file" || old $s
	# The server may be about to do what it was asked for last.
	for _ in {1..100}; do
		! cmp -s "$SHM/mid/file" "$(files $s)/t/file" || break
		! grep -qsx "of old" "$(files $s)/t/file" || break
		sleep 0.05
	done
	cmp -s "$SHM/mid/file" "$(files $s)/t/file" ||
		grep -qx "of old" "$(files $s)/t/file" ||
		not_ok "killed: neither the old file nor the new"
done
exits 0 "killed again and again" copy "$SHM/mid" "$P"
check "the file is whole" cmp "$SHM/mid/file" "$(files $s)/t/file"
is "no journal is left" "$(journals)" ""
old $s
"$FERRY" copy --bwlimit 20M "$SHM/mid" "$P" >"$SHM/out2" 2>&1 &
pid=$!
sleep 0.4
ferry copy --bwlimit 20M "$SHM/mid" "$P"
wait $pid
check "two at once: the file is whole" cmp "$SHM/mid/file" \
	"$(files $s)/t/file"
is "no journal is left" "$(journals)" ""

# What a journal names is not swept for some days; without one it is.
aged() {
	local name
	broken
	name=.ferry-tmp.$(printf %08x $(($(date +%s) - $1 * 86400)))00000001
	mv "$aside" "$(files $s)/t/$name"
	touch -d "$1 days ago" "$(files $s)/t/$name"
	sed -i "s/^[^ ]*/$name/" "$(journals)"
	mkdir -p "$SHM/small"
	echo "$1" >"$SHM/small/small"
}
aged 3
ferry copy "$SHM/small" "$P"
is "a piece of three days is waited for" "$(asides $s | wc -l)" 1
exits 0 "and gone on with" copy "$SHM/mid" "$P"
at_most "so that less is sent" "$(brought $s)" $((18 * MIB))
aged 9
ferry copy "$SHM/small" "$P"
is "one of nine days is not" "$(asides $s | wc -l)" 0
aged 3
rm "$(journals)"
ferry copy "$SHM/small" "$P"
is "nor one that no journal names" "$(asides $s | wc -l)" 0
e2e_end
