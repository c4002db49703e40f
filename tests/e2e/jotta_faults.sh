#!/bin/bash
# Jottacloud: each fault x each thing that is done.  Nothing is lost, the exit
# status is right, and a second run ends what the first has not.
# shellcheck disable=SC2317 # called by trap and check
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need curl

JD=$SHM/jotta
mkdir -m 700 "$JD"
SERVER=$ROOT/tests/servers/jotta
SHARDS=8
stop_all() {
	local s
	for ((s = 0; s < SHARDS; s++)); do
		"$SERVER" stop "$JD/sim$s" 2>/dev/null
	done
	e2e_clean
}
trap stop_all EXIT

# The operations.  "up" and "moveup" write to the service, the others that have
# a source there read it; "sync" deletes at the destination, too.
ALL="up down list delete move moveup movedown sync"
WRITES="up moveup sync"
READS="down movedown"
CHANGES='"kind": ["allocate", "upload", "mkdir", "dl", "dldir", "cp", "mv",
	"mvdir", "cphash"]'
LISTS='"kind": ["info", "liststream"]'
ANY='"kind": ["allocate", "upload", "mkdir", "dl", "dldir", "cp", "mv",
	"mvdir", "cphash", "info", "liststream", "bin", "customer"]'

# name | operations | exit status (a regular expression) | faults, one a rule
table() {
	cat <<END
429 in a burst|$ALL|0|$ANY, "status": 429, "retry_after": 1, "count": 2
500|$ALL|0|$ANY, "status": 500, "body": "xml", "count": 3
503 and a page|$ALL|0|$ANY, "status": 503, "body": "html", "count": 3
400 once|$ALL|[0-9]+|$ANY, "status": 400, "body": "html"
dropped|$ALL|0|$ANY, "drop": true, "count": 3
latency|$ALL|0|$ANY, "latency": 200, "count": 5
expired|$ALL|0|$ANY, "expire": true & $ANY, "expire": true, "skip": 6
cut upload|$WRITES|0|"kind": "upload", "cut": 100000, "count": 2
cut upload, 420|$WRITES|0|"kind": "upload", "cut": 100000, "cut_status": 420
cut upload, expired|$WRITES|0|"kind": "upload", "cut": 99999, "cut_expire": true
cut upload for good|$WRITES|3|"kind": "upload", "cut": 0, "count": -1
upload refused|$WRITES|3|"kind": "upload", "status": 400, "count": -1
upload ended by another|$WRITES|0|"kind": "upload", "status": 404
cut download|$READS|0|"kind": "bin", "cut": 100000, "count": 2
cut download, expired|$READS|0|"kind": "bin", "cut": 99999, "cut_expire": true
cut and corrupt|$READS|0|"kind": "bin", "path": "big", "cut": 99999 & "kind": "bin", "path": "big", "corrupt": 300
corrupt download|$READS|0|"kind": "bin", "path": "big", "corrupt": 300
corrupt for good|$READS|3|"kind": "bin", "path": "big", "corrupt": 300, "count": -1
small one corrupt|$READS|0|"kind": "bin", "path": "/a", "corrupt": 1
answer lost|$ALL|0|$CHANGES, "lost": true, "count": 3
500 when done|$ALL|0|$CHANGES, "error_after": 500, "count": 3
stream cut|$ALL|0|"kind": "liststream", "truncate": 300
stream cut, clean end|$ALL|0|"kind": "liststream", "truncate": 300, "clean": true
stream always cut|sync movedown|[13]|$LISTS, "truncate": 300, "clean": true, "count": -1
wrong counts|$ALL|0|"kind": "liststream", "stats": [1, 0]
always wrong counts|$ALL|[0-9]+|"kind": "liststream", "stats": [0, 1], "count": -1
document cut|$ALL|0|"kind": "info", "truncate": 200, "clean": true, "count": 2
length too great|$ALL|0|$ANY, "length": 10, "count": 2
length too small|$ALL|[0-9]+|$LISTS, "length": -30, "count": 2
page for an answer|$ALL|0|$ANY, "status": 200, "body": "html"
page for a change|$ALL|0|$CHANGES, "status": 200, "body": "html", "count": 2
END
}

control() { curl -sS --max-time 20 -d "$1" "$URL/__control"; }
fault() { control "{\"op\": \"fault\", $1}" >/dev/null; }

# there PATH: "md5 path" of each file that lives there, by the service's word.
there() {
	local lines
	lines=$(control '{"op": "living", "path": "/Jotta/Archive/'"$1"'"}')
	lines=${lines#*'"lines": "'}
	lines=${lines%'"}'*}
	[ -z "$lines" ] || printf '%b\n' "$lines" | sort
}
# here DIR: the same of a folder on disk.
here() {
	[ ! -d "$1" ] || (cd "$1" && find . -type f -printf '%P\0' |
		xargs -0 -r md5sum | sed 's/  / /' | sort)
}

fill() {
	mkdir -p "$1/sub"
	head -c 400000 /dev/urandom >"$1/big"
	echo "a $RANDOM $RANDOM $1" >"$1/a"
	echo "b $RANDOM $RANDOM $1" >"$1/sub/b"
	echo "c $RANDOM $RANDOM $1" >"$1/sub/c"
}

# What an operation does to jotta:$R and $L.
run() {
	case $1 in
	up) ferry copy "$L" "jotta:$R" ;;
	down) ferry copy "jotta:$R" "$L" ;;
	list) ferry lsf -R --files-only "jotta:$R" ;;
	delete) ferry delete "jotta:$R" ;;
	move) ferry move "jotta:$R" "jotta:$R.to" ;;
	moveup) ferry move "$L" "jotta:$R" ;;
	movedown) ferry move "jotta:$R" "$L" ;;
	sync) ferry sync "$L" "jotta:$R" ;;
	esac
}

# Everything that is anywhere now.
everywhere() {
	here "$L"
	there "$R"
	[ "$1" != move ] || there "$R.to"
}

# lost OP: what was to be kept and is nowhere, or what is torn.
lost() {
	everywhere "$1" >"$T/now"
	case $1 in
	delete | sync) ;;
	*) sort -u "$T/now" | comm -23 "$T/wanted" - ;;
	esac
	# Nothing but whole files, old or new.
	sort -u "$T/now" | comm -23 - "$T/known"
	case $1 in
	up | sync) here "$L" | cmp - "$T/wanted" ;;
	down | list) there "$R" | cmp - "$T/wanted" ;;
	esac
}

# unfinished OP: what is not as it should be at the end.
unfinished() {
	case $1 in
	up | moveup | sync) there "$R" | diff - "$T/wanted" ;;
	down | movedown) here "$L" | diff - "$T/wanted" ;;
	move) there "$R.to" | diff - "$T/wanted" ;;
	list) sort "$OUT" | diff - <(cut -d ' ' -f 2- "$T/wanted" | sort) ;;
	esac
	case $1 in
	moveup) here "$L" ;;
	move | movedown | delete) there "$R" ;;
	esac
}

prepare() {
	L=$T/outside/local
	R=case$1
	rm -rf "$T/outside"
	mkdir -p "$T/outside"
	echo untouched >"$T/outside/other"
	case $2 in
	up | moveup) fill "$L" ;;
	sync)
		fill "$L"
		ferry copy "$T/orig" "jotta:$R"
		ferry copyto "$T/orig/a" "jotta:$R/extra"
		ferry copyto "$T/orig/a" "jotta:$R/gone/extra"
		;;
	*) ferry copy "$T/orig" "jotta:$R" ;;
	esac
	everywhere "$2" | sort -u >"$T/known"
	case $2 in
	sync) here "$L" >"$T/wanted" ;;
	*) cp "$T/known" "$T/wanted" ;;
	esac
}

# one NUMBER NAME OP STATUS FAULTS
one() {
	local name="$2: $3" rc text rest=$5
	prepare "$1" "$3"
	while [ -n "$rest" ]; do
		text=${rest%%" & "*}
		fault "$text"
		[ "$text" != "$rest" ] || break
		rest=${rest#*" & "}
	done
	run "$3"
	rc=$?
	cp "$ERR" "$T/said"
	control '{"op": "clear"}' >/dev/null
	[[ $rc =~ ^($4)$ ]] || {
		not_ok "$name: exit $rc, not $4" "$T/said"
		return
	}
	lost "$3" >"$T/lost" 2>&1
	[ ! -s "$T/lost" ] || {
		not_ok "$name: something is lost or torn" "$T/lost" "$T/said"
		return
	}
	if [ $rc = 0 ]; then
		unfinished "$3" >"$T/left" 2>&1
		[ ! -s "$T/left" ] || {
			not_ok "$name: exit 0 and yet not done" "$T/left" \
				"$T/said"
			return
		}
	fi
	run "$3"
	rc=$?
	# Where all was moved there is nothing to begin with any more.
	[ $rc = 0 ] || [[ $3 =~ move|delete && $rc = 4 ]] || {
		not_ok "$name: exit $rc the second time" "$ERR" "$T/said"
		return
	}
	unfinished "$3" >"$T/left" 2>&1
	[ ! -s "$T/left" ] || {
		not_ok "$name: not done the second time" "$T/left" "$T/said"
		return
	}
	if [ "$(cat "$T/outside/other")" = untouched ] &&
		[ "$(find "$T/outside" -maxdepth 1 | wc -l)" -le 3 ] &&
		no_strays "$T/outside"; then
		ok "$name"
	else
		not_ok "$name: what is outside was touched"
	fi
}

wants() {
	is "hostile names: $op: all else is done" \
		"$(sort | tr '\n' ' ' | sed 's/ $//')" "$1"
}

# Names that no entry may have: reported, and the rest is done.
hostile() {
	local op
	for op in down movedown list sync; do
		prepare "hostile-$op" "$op"
		control '{"op": "hostile", "path": "/Jotta/Archive/'"$R"'",
			"files": ["../evil", "..", ".", "x/../../evil", "", null,
				"/etc/evil"],
			"folders": ["../evildir", "..", "", null]}' >/dev/null
		run "$op"
		is "hostile names: $op" $? 0
		case $op in
		list) wants "a big sub/b sub/c" <"$OUT" ;;
		*) here "$L" | cut -d ' ' -f 2- | wants "a big sub/b sub/c" ;;
		esac
		check "hostile names: $op: nothing is outside" \
			[ "$(find "$T" "$SHM" -name '*evil*' | wc -l)" = 0 ]
		is "hostile names: $op: nor touched there" \
			"$(cat "$T/outside/other")" untouched
	done
}

# Many processes that bring the same files to the same place.
crowd() {
	local i pids=() bad=0
	mkdir "$T/crowd"
	for i in {1..30}; do
		head -c 20000 /dev/urandom >"$T/crowd/$i"
	done
	for i in {1..12}; do
		"$FERRY" copy "$T/crowd" jotta:crowd >"$T/crowd.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || bad=$((bad + 1))
	done
	cat "$T"/crowd.* >"$ERR"
	is "twelve at once bring the same files: none fails" $bad 0
	check "and all are there" cmp <(here "$T/crowd") <(there crowd)
}

# shard NUMBER: each SHARDSth case, with a service of its own.
shard() {
	local n=0 name ops status faults op
	T=$JD/$1
	OUT=$T/out ERR=$T/err
	mkdir "$T"
	"$SERVER" start "$JD/sim$1" >"$T/vars" || {
		not_ok "the simulator starts" "$T/vars"
		return
	}
	URL=$(sed -n 's/^url=//p' "$T/vars")
	export FERRY_CONFIG=$JD/sim$1/ferry.conf
	fill "$T/orig"
	find "$T/orig" -type f -exec touch -d 2020-01-01 {} +
	while IFS='|' read -r name ops status faults; do
		for op in $ops; do
			n=$((n + 1))
			[ $((n % SHARDS)) != "$1" ] ||
				one $n "$name" "$op" "$status" "$faults"
		done
	done < <(table)
	[ "$1" != 0 ] || hostile
	[ "$1" != 1 ] || crowd
}

# As one line each.
CHANGES=${CHANGES//[$'\n\t']/ } LISTS=${LISTS//[$'\n\t']/ } ANY=${ANY//[$'\n\t']/ }
pids=()
for ((s = 0; s < SHARDS; s++)); do
	shard $s >"$JD/result$s" 2>&1 &
	pids+=($!)
done
wait "${pids[@]}"
cat "$JD"/result?
passed=$(cat "$JD"/result? | grep -c '^ok ')
failed=$(cat "$JD"/result? | grep -c '^not ok ')
e2e_end
