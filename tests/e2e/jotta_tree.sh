#!/bin/bash
# Jottacloud, against a service on this machine: listings, names of all kinds,
# copies and moves onto what was deleted, and downloads that break.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need curl

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

control() { curl -sS --max-time 20 -d "$1" "$URL/__control"; }
counter() {
	control '{"op": "status"}' | /usr/bin/python3 -c '
import json, sys
print(json.load(sys.stdin)["counters"].get(sys.argv[1], 0))' "$1"
}
reset() { control '{"op": "reset_counters"}' >/dev/null; }
fault() { control "{\"op\": \"fault\", $1}" >/dev/null; }
clear_faults() { control '{"op": "clear"}' >/dev/null; }
hostile() { control "{\"op\": \"hostile\", \"text\": \"h\", $1}" >/dev/null; }
put() {
	control "{\"op\": \"put\", \"path\": \"/Jotta/Archive/$1\",
		\"text\": \"$2\", \"modified\": 1500000000 ${3:-}}" >/dev/null
}

# lists NAME WANTED ARGUMENT...: what ferry prints, with " " for newlines.
lists() {
	local name=$1 want=$2
	shift 2
	ferry "$@"
	is "$name" "$(tr '\n' ' ' <"$OUT" | sed 's/ $//')" "$want"
}

listings() {
	put l/a 1 && put l/d/e/b 2 && put l/d/gone 3 ', "deleted": true'
	put l/old/c 4 ', "deleted": true'
	control '{"op": "mkdir", "path": "/Jotta/Archive/l/empty"}' >/dev/null
	control '{"op": "incomplete", "path": "/Jotta/Archive/l/half"}' \
		>/dev/null
	ferry purge jotta:l/old
	lists "a folder shows what lives and is whole" "a d/ empty/" lsf jotta:l
	lists "so does a tree" "a d/ d/e/ d/e/b empty/" lsf -R jotta:l
	reset
	ferry lsf -R jotta:l
	is "which is one request" "$(counter liststream)" 1
	exits 4 "a folder in the trash is none" lsf jotta:l/old
	exits 4 "nor is it a tree" lsf -R jotta:l/old
	exits 4 "what is in it is not there" cat jotta:l/old/c
	exits 4 "a file in the trash is none" cat jotta:l/d/gone
	exits 4 "an upload under way is no file" cat jotta:l/half
	fault '"kind": "liststream", "truncate": 300, "clean": true'
	lists "a stream that is cut is asked for again" \
		"a d/ d/e/ d/e/b empty/" lsf -R jotta:l
	fault '"kind": "liststream", "truncate": 300'
	lists "also one that breaks off" \
		"a d/ d/e/ d/e/b empty/" lsf -R jotta:l
	fault '"kind": "liststream", "stats": [0, 1], "count": -1'
	lists "one that never comes whole is done without" \
		"a d/ d/e/ d/e/b empty/" lsf -R jotta:l
	clear_faults
	mkdir "$SHM/kept"
	ferry copy jotta:l "$SHM/kept"
	fault '"kind": ["info", "liststream"], "truncate": 250, "clean": true,
		"count": -1'
	exits 1 "a listing that is cut is an error" sync jotta:l "$SHM/kept"
	check "and nothing is deleted for it" [ -e "$SHM/kept/d/e/b" ]
	clear_faults
}

odd_names() {
	hostile '"path": "/Jotta/Archive/odd", "files": ["a:b", "a：b", "‛41",
		"..", "x/y", null, " lead", "q*", "plain"],
		"folders": ["d:e"]'
	hostile '"path": "/Jotta/Archive/odd", "folders": ["n|m"]'
	lists "names that none can have are left out" \
		" lead A a:b d:e/ n|m/ plain q*" lsf jotta:odd
	says "which is said" '"x/y"'
	says "and which other name is taken" "another is shown"
	lists "a tree shows the same" \
		" lead A a:b d:e/ n|m/ plain q*" lsf -R jotta:odd
	exits 0 "what is listed can be copied" copy jotta:odd "$SHM/odd"
	check "with its content" grep -q h "$SHM/odd/ lead" "$SHM/odd/q*" \
		"$SHM/odd/A"
	lists "it can be named" h cat "jotta:odd/q*"
	exits 0 "and deleted" deletefile "jotta:odd/q*"
	lists "alone" " lead A a:b d:e/ n|m/ plain" lsf jotta:odd
	mkdir -p "$SHM/names/a:b/ c "
	echo 1 >"$SHM/names/a:b/ c /100%?"
	echo 2 >"$SHM/names/"$'\xff\x01\e[2J'
	echo 3 >"$SHM/names/：‛FF％"
	exits 0 "any name can be uploaded" copy "$SHM/names" jotta:names
	exits 0 "and comes back" copy jotta:names "$SHM/names2"
	check "as it was" diff -r "$SHM/names" "$SHM/names2"
	exits 0 "and is known again" sync "$SHM/names" jotta:names
	says "without a change" "3 unchanged"
}

trashed_targets() {
	put t/src/f 1 && put t/src/g 2 && put t/src/d/h 3
	put t/dst/f old ', "deleted": true'
	exits 0 "a copy onto what was deleted" copyto jotta:t/src/f jotta:t/dst/f
	lists "is alive" 1 cat jotta:t/dst/f
	put t/dst/g old ', "deleted": true'
	exits 0 "a move onto what was deleted" moveto jotta:t/src/g jotta:t/dst/g
	lists "is alive, too" 2 cat jotta:t/dst/g
	lists "and leaves nothing behind" "d/ f" lsf jotta:t/src
	put t/dst/d/old 4 && put t/src/d/e/i 5
	ferry purge jotta:t/dst/d
	exits 0 "folders onto those that were deleted" \
		move --delete-empty-src-dirs jotta:t/src jotta:t/dst
	lists "are there with all that they had" "d/ d/e/ d/e/i d/h f g" \
		lsf -R jotta:t/dst
	lists "and nowhere else" "" lsf -R jotta:t/src
	ferry lsjson -R jotta:t/dst
	is "with their times" "$(grep -c '2017-07-14' "$OUT")" 4
}

# What a sync asks of a folder that is there, is not, or is none.
synced() {
	mkdir -p "$SHM/s/d"
	echo 1 >"$SHM/s/d/f"
	reset
	exits 0 "a folder is synced to where nothing is" sync "$SHM/s" jotta:s
	is "which is looked for, and made" "$(counter liststream) \
$(counter info) $(counter mkdir)" "1 1 2"
	lists "and is there" "d/ d/f" lsf -R jotta:s
	reset
	exits 0 "and once more" sync "$SHM/s" jotta:s
	says "without a change" "1 unchanged"
	is "by one request" "$(counter liststream) $(counter info)" "1 0"
	ferry purge jotta:s
	exits 0 "to where it is in the trash" sync "$SHM/s" jotta:s
	lists "it comes back" "d/ d/f" lsf -R jotta:s
	reset
	exits 0 "a dry run to where nothing is" sync -n "$SHM/s" jotta:no/no
	is "makes nothing" "$(counter mkdir)" 0
	reset
	exits 1 "a file is no folder to sync to" sync "$SHM/s" jotta:s/d/f
	says "which is said" "not a folder"
	is "at once" "$(counter mkdir) $(counter allocate)" "0 0"
	lists "and it stays" 1 cat jotta:s/d/f
	control '{"op": "mkdir", "path": "/Jotta/Archive/s0"}' >/dev/null
	exits 0 "an empty folder" sync "$SHM/s" jotta:s0
	lists "is filled" "d/ d/f" lsf -R jotta:s0
	fault '"kind": "liststream", "status": 404, "count": -1'
	exits 0 "one that the service does not list at once" \
		sync "$SHM/s" jotta:s
	says "is listed by itself" "1 unchanged"
	clear_faults
	fault '"kind": "liststream", "status": 403, "count": -1'
	exits 0 "as where it does not want to" sync "$SHM/s" jotta:s
	says "at all" "1 unchanged"
	clear_faults
	exits 1 "nothing is below a file" sync "$SHM/s" jotta:s/d/f/g
	says "which is said" "d/f/g"
}

# whole NAME FROM TO: the folders in one are moved to the other.
whole() { exits 0 "$1" move --delete-empty-src-dirs "jotta:$2" "jotta:$3"; }

moved_all_the_same() {
	put m/a/d/f 1
	control '{"op": "mkdir", "path": "/Jotta/Archive/m/b"}' >/dev/null
	control '{"op": "mkdir", "path": "/Jotta/Archive/m/c"}' >/dev/null
	fault '"kind": "mvdir", "error_after": 500'
	reset
	whole "an error of a service that has moved a folder" m/a m/b
	lists "is none" "d/ d/f" lsf -R jotta:m/b
	is "which was moved whole" "$(counter mvdir) $(counter mv)" "1 0"
	fault '"kind": "mvdir", "lost": true'
	whole "nor is an answer that is lost" m/b m/c
	lists "since it is looked at" "d/ d/f" lsf -R jotta:m/c
	clear_faults
	ferry moveto jotta:m/c/d/f jotta:m/c/f
	fault '"kind": "mv", "error_after": 500'
	exits 0 "the same holds for a file" moveto jotta:m/c/f jotta:m/c/g
	lists "which is moved" "d/ g" lsf jotta:m/c
	rm -rf "$JD/fifty"
	mkdir "$JD/fifty"
	for i in {1..50}; do echo "$i" >"$JD/fifty/$i"; done
	exits 0 "fifty files" copy "$JD/fifty" jotta:fifty
	reset
	exits 0 "are copied within the service" copy jotta:fifty jotta:double
	is "by a request each, and one for the folder" \
		"$(counter cp) $(counter mkdir)" "50 1"
	check "without a look at each" [ "$(counter info)" -lt 10 ]
	exits 0 "they are deleted" purge jotta:double
	exits 0 "and copied to where they are in the trash" \
		copy jotta:fifty jotta:double
	exits 0 "all of them come out alive" check jotta:fifty jotta:double
	fault '"kind": "cp", "lost": true'
	exits 0 "and for a copy" copyto jotta:m/c/g jotta:m/h
	lists "which is made" "h" lsf --files-only jotta:m
	clear_faults
}

# changed_while KIND FROM TO CHANGE: a move, and a change of the account while
# the service is about to answer that request.
changed_while() {
	local before i pid
	before=$(counter "$1")
	"$FERRY" moveto "$2" "$3" >"$OUT" 2>"$ERR" </dev/null &
	pid=$!
	for ((i = 0; i < 100; i++)); do
		[ "$(counter "$1")" = "$before" ] || break
		sleep 0.1
	done
	eval "$4"
	wait "$pid"
}

moved_while_it_changes() {
	put w/src old && put w/dst x ', "deleted": true'
	fault '"kind": "cphash", "latency": 6000'
	changed_while cphash jotta:w/src jotta:w/dst "put w/src newer"
	is "a file that changes while it is moved is an error" $? 3
	says "which is said" "changed while it was moved"
	lists "what it is now stays" newer cat jotta:w/src
	lists "what it was is moved" old cat jotta:w/dst
	clear_faults
	put w/a 1
	fault '"kind": "mv", "error_after": 500'
	fault '"kind": "info", "path": "w/b$", "latency": 2000, "skip": 2'
	reset
	changed_while mv jotta:w/a jotta:w/b \
		"sleep 1; put w/a 1 ', \"deleted\": true'"
	is "a source that is in the trash was moved, too" $? 0
	is "and is not moved again" "$(counter mv)" 1
	lists "it is where it shall be" 1 cat jotta:w/b
	clear_faults
}

# Names that the service takes for one: whatever it answers, the file stays.
one_file() {
	put one/a 1
	exits 0 "a file's case can change" moveto jotta:one/a jotta:one/A
	lists "which is seen" A lsf jotta:one
	fault '"kind": "mv", "status": 409, "count": -1'
	exits 3 "not if the service refuses it" moveto jotta:one/A jotta:one/a
	says "which is said" "both names lead to one file"
	clear_faults
	lists "and the file stays" A lsf jotta:one
	fault '"kind": "mv", "lost": true'
	fault '"kind": "mv", "status": 409, "count": -1'
	exits 0 "a lost answer to it is none" moveto jotta:one/A jotta:one/a
	clear_faults
	lists "since it is looked at" a lsf jotta:one
	lists "with what is in it" 1 cat jotta:one/a
	put one/ας 2
	fault '"kind": "mv", "status": 409, "count": -1'
	exits 3 "a sigma is refused, too" \
		moveto jotta:one/ας jotta:one/ΑΣ
	says "for it is one file" "both names lead to one file"
	clear_faults
	lists "which stays" "a ας" lsf jotta:one
	exits 0 "but it can be renamed" \
		moveto jotta:one/ας jotta:one/ΑΣ
	lists "as it was told" "a ΑΣ" lsf jotta:one
	lists "with its content" 2 cat jotta:one/ΑΣ
}

kept_old() {
	put k/new/f newer && put k/old/f old
	fault '"kind": "cp", "status": 500'
	exits 0 "a copy that comes second replaces what it has moved away" \
		copy jotta:k/new jotta:k/old --backup-dir jotta:k/kept
	clear_faults
	lists "with the new" newer cat jotta:k/old/f
	lists "and the old kept" old cat jotta:k/kept/f
}

downloads() {
	head -c 3000000 /dev/urandom >"$SHM/big"
	echo small >"$SHM/small"
	ferry copy "$SHM/big" jotta:get
	ferry copy "$SHM/small" jotta:get
	mkdir "$SHM/got"
	fault '"kind": "bin", "path": "big", "cut": 1000000'
	reset
	exits 0 "a download that is cut goes on" copy jotta:get "$SHM/got"
	check "and is whole" cmp "$SHM/big" "$SHM/got/big"
	check "without beginning anew" \
		[ "$(counter content_bytes_sent)" -lt 5500000 ]
	rm "$SHM/got/"*
	fault '"kind": "bin", "corrupt": 3, "count": -1'
	exits 3 "one that arrives wrong is an error" copy jotta:get "$SHM/got"
	says "which is named" "MD5"
	is "and leaves nothing" "$(ls -A "$SHM/got")" ""
	clear_faults
	lists "a part can be read" al cat jotta:get/small --offset 2 --count 2
	reset
	ferry copy jotta:get/small "$SHM/got"
	is "a small file is one request" "$(counter bin)" 1
}

deleting() {
	put del/a 1 && put del/d/b 2 && put del/e/c 3
	exits 0 "a file is deleted" deletefile jotta:del/a
	exits 0 "a folder, too" purge jotta:del/d
	ferry trash list jotta:del
	is "into the trash" "$(wc -l <"$OUT")" 2
	put del/a 1
	exits 0 "or for good" --hard-delete deletefile jotta:del/a
	exits 0 "as a folder" --hard-delete purge jotta:del/e
	ferry trash list jotta:del
	is "past the trash" "$(grep -c '[ /][ace]/*$' "$OUT")" 0
	exits 4 "what is not there is not deleted" deletefile jotta:del/a
	put del/f/g 1
	exits 1 "a folder is not empty" rmdir jotta:del/f
	exits 0 "but for what is in the trash" deletefile jotta:del/f/g
	exits 0 "it is" --hard-delete rmdir jotta:del/f
	ferry trash list jotta:del/f
	says "whose content is still in the trash" g
}

restoring() {
	put res/a.txt 1 ', "deleted": true' && put res/b 2 ', "deleted": true'
	control '{"op": "mkdir", "path": "/Jotta/Archive/res/A.TXT"}' >/dev/null
	reset
	exits 0 "what is in the trash comes back" trash restore jotta:res
	lists "where nothing has its name" "A.TXT/ b" lsf jotta:res
	is "in whatever case" "$(counter cphash)" 1
}

refusals() {
	control '{"op": "set", "quota": 10}' >/dev/null
	exits 1 "a full account is an error" copyto jotta:get/big jotta:full/big
	says "which is named" "quota"
	control '{"op": "set", "quota": -1, "write_locked": true}' >/dev/null
	exits 5 "so is a locked one" mkdir jotta:new
	says "which is named, too" "locked for writing"
	control '{"op": "set", "write_locked": false}' >/dev/null
	fault '"kind": "info", "status": 509, "retry_after": 0, "count": 2'
	exits 0 "a throttled plan is waited for" lsf jotta:get
	fault '"kind": "info", "status": 509, "count": -1'
	reset
	exits 1 "but not for ever" lsf jotta:get
	says "and it is said" "bandwidth"
	clear_faults
}

configuration() {
	local rclone=Slash,LtGt,DoubleQuote,Colon,Question,Asterisk,Pipe
	rclone=$rclone,Del,Ctl,InvalidUtf8,Dot
	lists "rclone's encoding is the one used" "$(basename "$SHM/small")" \
		lsf "jotta,encoding='$rclone':get" --include small
	exits 0 "also with what it may have more" \
		lsf "jotta,encoding='$rclone,Percent,LeftSpace,RightSpace':get"
	exits 1 "no other is" lsf "jotta,encoding='Slash':get"
	exits 1 "what is in the trash is not listed" \
		lsf jotta,trashed_only=true:get
	says "but elsewhere" "ferry trash"
	exits 2 "an old login is refused" lsf jotta,configVersion=0:
	says "with its remedy" "config reconnect"
	exits 2 "a token cannot be given on the spot" lsf :jottacloud,token=x:
	exits 2 "nor be another one" lsf jotta,token=x:
	is "nor is it shown" "$(grep -c access_token "$ERR")" 0
	exits 4 "a mountpoint that is missing is no folder" \
		lsf jotta,device=PC,mountpoint=C:
	exits 0 "on a backup device it is made" \
		copy "$SHM/small" jotta,device=PC,mountpoint=C:a/b
	lists "with what is put there" "a/ a/b/ a/b/small" \
		lsf -R jotta,device=PC,mountpoint=C:
	exits 4 "on Jotta it is not" mkdir jotta,mountpoint=Other:a
	says "which is said" "none can be made"
	exits 2 "a device is one name" lsf "jotta,device=a/b:"
}

# The last test, since its login is lost.
deleted_meanwhile() {
	local i before
	before=$(counter token)
	fault '"kind": "info", "expire": true'
	fault '"kind": "token", "latency": 6000'
	"$FERRY" lsf jotta: >"$OUT" 2>"$ERR" </dev/null &
	for ((i = 0; i < 300; i++)); do
		[ "$(counter token)" = "$before" ] || break
		sleep 0.1
	done
	"$FERRY" config delete jotta
	wait $!
	is "a remote that is deleted while its token is renewed is gone" \
		"$(grep -c 'jotta\|token' "$FERRY_CONFIG")" 0
	says "which is said" "no longer in the configuration"
	clear_faults
}

listings
odd_names
trashed_targets
synced
moved_all_the_same
moved_while_it_changes
one_file
kept_old
downloads
deleting
restoring
refusals
configuration
deleted_meanwhile
e2e_end
