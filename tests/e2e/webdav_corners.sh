#!/bin/bash
# WebDAV at its edges: what would cost a file, a secret or an evening, each
# shown once by hand before it was mended.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
need apache2 rclone

serve_all apache nextcloud rclone
front a apache
front n nextcloud
L=$SHM/local

fresh() {
	local s
	faults a
	faults n
	for s in apache nextcloud; do
		rm -rf "$(files $s)"/t "$(files $s)"/bak
		mkdir "$(files $s)/t"
	done
	owned
	rm -rf "$L"
	mkdir "$L"
}
owned() { ! is_root || chown -R www-data: "$(files apache)"; }
old() { # NAME TEXT: on both servers
	local s
	for s in apache nextcloud; do
		echo "$2" >"$(files $s)/t/$1"
		touch -d 2020-01-01 "$(files $s)/t/$1"
	done
	owned
}
new() { echo "$2" >"$L/$1" && touch -d 2021-01-01 "$L/$1"; }

# Secrets: headers of the configuration are as secret as a password.
fresh
ferry lsf --dump headers \
	"$(at a t 'headers="X-Api-Key,sesame123,Cookie,c=hidden9"')"
says "--dump shows headers" "PROPFIND"
check "but not what the configuration adds" lacks "$ERR" sesame123 hidden9

# The old file kept elsewhere: there is one at its place all the time.
for s in apache nextcloud; do
	f=${s:0:1}
	fresh
	old f "of old"
	new f "all new"
	faults "$f" '{"method":"MOVE","wait":0.5}'
	ferry sync "$L" "$(at "$f" t)" --backup-dir "$(at "$f" bak)" &
	pid=$!
	gone=0
	while kill -0 $pid 2>/dev/null; do
		[ -e "$(files $s)/t/f" ] || gone=$((gone + 1))
		sleep 0.02
	done
	wait $pid
	is "$s: --backup-dir" $? 0
	# Apache itself removes before it renames: an instant is not ours.
	check "$s: there is the old or the new all the time" [ $gone -lt 5 ]
	check "$s: the old one is kept" grep -qx "of old" "$(files $s)/bak/f"
	ferry lsf --format tp "$(at "$f" bak)"
	says "$s: with its time" "2020-01-01"
	check "$s: the new one is there" grep -qx "all new" "$(files $s)/t/f"
	check "$s: and nothing else" no_strays "$(files $s)"
	# The same again: what was kept is replaced.
	new f "all newer"
	touch -d 2022-01-01 "$L/f"
	exits 0 "$s: --backup-dir again" sync "$L" "$(at "$f" t)" \
		--backup-dir "$(at "$f" bak)"
	check "$s: the last one is kept" grep -qx "all new" "$(files $s)/bak/f"
	# Where there can be no copy, it is moved.
	for status in 507 403 501 504; do
		fresh
		old f "of old"
		new f "all new"
		faults "$f" '{"method":"COPY","status":'$status'}'
		exits 0 "$s: COPY is answered $status" sync "$L" \
			"$(at "$f" t)" --backup-dir "$(at "$f" bak)"
		check "$s: $status: the old one is kept" \
			grep -qx "of old" "$(files $s)/bak/f"
	done
	# And comes back if the new one cannot be put in its place.
	fresh
	old f "of old"
	new f "all new"
	faults "$f" '{"method":"COPY","status":507}' \
		'{"method":"MOVE","path":"/t/[.]ferry-tmp|/uploads/","status":403}'
	exits 3 "$s: the last step is refused" sync "$L" "$(at "$f" t)" \
		--backup-dir "$(at "$f" bak)"
	check "$s: the old one is at its place" \
		grep -qx "of old" "$(files $s)/t/f"
done

# Another's file that came between the listing and the PUT, whose refusal is
# lost: it is not taken for a piece of ours.
for s in apache nextcloud; do
	f=${s:0:1}
	fresh
	old f "theirs"
	new f "ours, which is longer"
	faults "$f" '{"method":"PROPFIND","header":{"Depth":"1"},"replace":["(?s)<[dD]:response[^>]*>\\s*<[dD]:href>[^<]*/t/f<.*?</[dD]:response>",""]}' \
		'{"method":"PUT","path":"/t/f","lose":true}'
	fails "$s: an unseen file and a lost refusal" copy "$L" "$(at "$f" t)"
	check "$s: the unseen file stays" grep -qx theirs "$(files $s)/t/f"
done

# Answers that are lost, to what was done all the same.
for s in apache nextcloud; do
	f=${s:0:1}
	for method in MOVE COPY DELETE PUT; do
		fresh
		old f "some content"
		mkdir "$(files $s)/t/d"
		owned
		faults "$f" '{"method":"'$method'","count":1,"lose":true}'
		exits 0 "$s: $method lost: moveto" \
			moveto "$(at "$f" t/f)" "$(at "$f" t/g)"
		check "$s: $method lost: it has moved" \
			grep -qx "some content" "$(files $s)/t/g"
		faults "$f"
		# A copy without a time of its own cannot be told from another's.
		[ "$s $method" = "apache COPY" ] ||
			faults "$f" '{"method":"'$method'","count":1,"lose":true}'
		exits 0 "$s: $method lost: copyto" \
			copyto "$(at "$f" t/g)" "$(at "$f" t/h)"
		faults "$f" '{"method":"'$method'","count":1,"lose":true}'
		exits 0 "$s: $method lost: deletefile" \
			deletefile "$(at "$f" t/h)"
		faults "$f" '{"method":"'$method'","count":1,"lose":true}'
		exits 0 "$s: $method lost: rmdir" rmdir "$(at "$f" t/d)"
		check "$s: $method lost: no stray" no_strays "$(files $s)"
	done
done

# A server that dies in the midst of a MOVE, the old file being removed.
stumble() {
	fresh
	old f "of old"
	new f "all new"
	head -c 9M /dev/zero >>"$L/f"
	touch -d 2021-01-01 "$L/f"
	faults a '{"method":"MOVE","path":"/t/[.]ferry-tmp","status":500,"delay":'"$2"',"count":'"$1"'}'
	"$FERRY" sync "$L" "$(at a t)" >"$OUT" 2>"$ERR" </dev/null &
	for _ in {1..1200}; do
		! find "$(files apache)/t" -name '.ferry-tmp*' -size +8M |
			grep -q . || break
		sleep 0.05
	done
	sleep 0.3
	rm "$(files apache)/t/f"
	wait $!
}
stumble 1 6
is "a server that stumbles in a MOVE" $? 0
check "the new one is there" cmp "$L/f" "$(files apache)/t/f"
check "and nothing else" no_strays "$(files apache)/t"
stumble 100 1
is "one that always does" $? 3
find "$(files apache)/t" -name '.ferry-tmp.*' -size +8M >"$SHM/left"
is "the new one is aside" "$(wc -l <"$SHM/left")" 1
check "and whole" cmp "$L/f" "$(cat "$SHM/left")"
says "which is said" "stays at"

# A token's command that has said it, and does not end.
fresh
printf '#!/bin/sh\necho token; exec >&-; exec sleep 1000\n' >"$BIN/token"
chmod +x "$BIN/token"
"$FERRY" lsf "$(at a t "bearer_token_command=$BIN/token")" >"$OUT" 2>"$ERR" &
pid=$!
sleep 0.5
kill -TERM $pid
for i in {1..50}; do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
at_least "a token's command that does not end can be called off" $((50 - i)) 10
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null

# Times in this machine's memory, of a server that could keep them, too.
fresh
new f "some content"
for i in 1 2; do
	exits 0 "times=memory on a Nextcloud, $i" sync "$L" \
		"$(at n t times=memory)"
done
says "they are read back" "1 unchanged"

# A page to sign in on is no file.
fresh
old p "real content here"
faults a '{"method":"GET","status":200,"headers":{"Content-Type":"text/html"},"body":"<html>please sign in"}'
fails "a page instead of a file: cat" cat "$(at a t/p)"
check "is not printed as one" lacks "$OUT" sign
fails "a page instead of a file: copy" copy "$(at a t)" "$L"
check "does not appear" test ! -e "$L/p"

# A server, or what stands before it, whose GET has other ETags.
fresh
old p "real content here"
faults a '{"method":"GET","set":{"ETag":"\"another\""}}'
exits 0 "another ETag in GET than in PROPFIND" copy "$(at a t)" "$L"
check "the file is there" grep -qx "real content here" "$L/p"

# Many files for a server that is no longer there: not one after the other.
fresh
for i in {1..40}; do new "$i" "$i"; done
faults a '{"method":"PUT","wait":1000}'
start=$(date +%s)
exits 3 "40 files for a server that hangs" copy --no-hash-memory \
	--timeout 3s "$L" "$(at a t)"
at_least "fail together" $((120 - $(date +%s) + start)) 0

# Called off while a server does not answer: not more than seconds.
fresh
new first "for the probe"
ferry copy "$L" "$(at a t)"
head -c 20M /dev/zero >"$L/big"
old big "of old"
faults a '{"method":"PUT|DELETE","path":"ferry-tmp","wait":1000}'
"$FERRY" sync "$L" "$(at a t)" >"$OUT" 2>"$ERR" </dev/null &
pid=$!
sleep 1.5
kill -TERM $pid
for i in {1..150}; do
	kill -0 $pid 2>/dev/null || break
	sleep 0.1
done
at_least "called off with a server that hangs ends in time" $((150 - i)) 10
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
check "the old file is whole" grep -qx "of old" "$(files apache)/t/big"

# A folder that is moved on a server that keeps no times: those that this
# machine remembers go along, however deep, up to a bound.
mkdir -p "$SHM/deep"
dir=$SHM/deep
for i in {1..300}; do
	dir=$dir/d
	mkdir "$dir"
	[ $((i % 50)) != 0 ] || echo "$i" >"$dir/file"
done
echo top >"$SHM/deep/file"
mkdir "$SHM/deep/other"
echo other >"$SHM/deep/other/file"
find "$SHM/deep" -type f -exec touch -d 2019-03-04 {} +
exits 0 "a deep tree" copy "$SHM/deep" "$(at rclone deep)"
exits 0 "is moved" move --delete-empty-src-dirs "$(at rclone deep)" \
	"$(at rclone moved)"
ferry lsf -R --format tp "$(at rclone moved)"
is "with the times of all but the deepest" "$(grep -c '^2019.*file' "$OUT")" 7
is "of which there is one" "$(grep -c 'file$' "$OUT")" 8

e2e_end
