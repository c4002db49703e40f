#!/bin/bash
# Each fault on each kind of request of each operation with WebDAV.  Whatever
# happens, each file is whole in one of the places where it may be; success
# means that the result is right; and without the fault the next run ends well.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
need apache2 rclone

serve_all apache nextcloud

cat >"$BIN/whole.py" <<'PY'
"""whole.py TREE... -- DIR...: each file of the TREEs of which no DIR has the
content of one of the TREEs is named, and so is a file of a DIR that no TREE
knows."""
import os, sys
i = sys.argv.index("--")
trees, dirs = sys.argv[1:i], sys.argv[i + 1:]
def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
def names(top):
    return {os.path.relpath(os.path.join(d, n), top)
            for d, _, ns in os.walk(top) for n in ns
            if not n.startswith(".ferry-tmp.") and ".DAV" not in d}
known = {}
for t in trees:
    for n in names(t):
        known.setdefault(n, []).append(read(os.path.join(t, n)))
bad = 0
for d in dirs:
    for n in names(d):
        if read(os.path.join(d, n)) not in known.get(n, []):
            print("not whole:", d, n)
            bad = 1
for n, contents in known.items():
    if not any(read(os.path.join(d, n)) in contents for d in dirs):
        print("gone:", n)
        bad = 1
sys.exit(bad)
PY
whole() { /usr/bin/python3 "$BIN/whole.py" "$@"; }

mkdir -p "$SHM/new/dir/sub" "$SHM/old/dir"
for i in 1 2; do
	echo "new $i" >"$SHM/new/$i"
	echo "new dir $i" >"$SHM/new/dir/$i"
	echo "older $i" >"$SHM/old/$i"
done
echo new >"$SHM/new/dir/sub/x y"
head -c 300k /dev/urandom >"$SHM/new/large"
head -c 9M /dev/urandom >"$SHM/new/dir/larger"
head -c 9M /dev/urandom >"$SHM/old/dir/larger"
find "$SHM/old" -type f -exec touch -d 2020-01-01 {} +
find "$SHM/new" -type f -exec touch -d 2021-01-01 {} +
# Where no content moves, the large one would only cost time.
cp -a "$SHM/new" "$SHM/new-names"
truncate -s 100k "$SHM/new-names/dir/larger"
touch -d 2021-01-01 "$SHM/new-names/dir/larger"

# What each operation begins with, where it may leave files, and what is done.
# $L is a folder here, $R one of the server's and $P the same as a place; $N
# is what there is to begin with.
prepare() {
	rm -rf "$L" "$R"
	mkdir -p "$L" "$R"
	case $1 in
	upload | move-up) cp -a "$N/." "$L" && cp -a "$SHM/old/." "$R" ;;
	download) cp -a "$N/." "$R" && cp -a "$SHM/old/." "$L" ;;
	move-down | purge | delete | list | rename) cp -a "$N/." "$R" ;;
	esac
	[ "${KIND[$lane]}" != apache ] || ! is_root ||
		chown -R www-data: "$R"
}
act() {
	case $1 in
	upload) ferry copy "$L" "$P" ;;
	download) ferry copy "$P" "$L" ;;
	list) ferry lsf -R --files-only "$P" ;;
	delete) ferry delete "$P" ;;
	purge) ferry purge "$P" ;;
	move-up) ferry move "$L" "$P" ;;
	move-down) ferry move "$P" "$L" ;;
	rename) ferry moveto "$P" "$P-to" ;;
	esac
}
# right OPERATION: the result of success.
right() {
	case $1 in
	upload | download) same_files "$L" "$R" && same_files "$N" "$R" ;;
	move-up) same_files "$N" "$R" && none "$L" ;;
	move-down) same_files "$N" "$L" && none "$R" ;;
	rename) same_files "$N" "$R-to" && none "$R" ;;
	delete | purge) none "$R" ;;
	list) diff <(sort "$OUT") <(cd "$N" && find . -type f |
		sed 's,^\./,,' | sort) ;;
	esac
}
none() { [ ! -e "$1" ] || [ -z "$(find "$1" -name .DAV -prune -o -type f \
	-print | tee /dev/stderr)" ]; }
# safe OPERATION: nothing is lost or torn, whatever the outcome.
safe() {
	case $1 in
	upload) same_files "$N" "$L" && whole "$SHM/old" "$N" \
		-- "$R" "$L" ;;
	download) same_files "$N" "$R" && whole "$SHM/old" "$N" \
		-- "$L" "$R" ;;
	move-up | move-down)
		whole "$N" "$SHM/old" -- "$L" "$R" &&
			all_new "$L" "$R" ;;
	rename) whole "$N" -- "$R" "$R-to" ;;
	delete | purge) whole "$N" -- "$R" "$N" ;;
	list) same_files "$N" "$R" ;;
	esac
}
# Each new file is in one of these.
all_new() {
	local f
	(cd "$N" && find . -type f) | while read -r f; do
		cmp -s "$N/$f" "$1/$f" || cmp -s "$N/$f" "$2/$f" || {
			echo "gone: $f"
			exit 1
		}
	done
}

# Those that pass: it must end well.  %M is the method.
# shellcheck disable=SC2034 # used by name
passing=(
	'503|{"method":"%M","status":503,"count":2}'
	'503, early|{"method":"%M","status":503,"early":true,"count":2}'
	'500, after half|{"method":"%M","status":500,"skip":1,"count":2}'
	'a request cut|{"method":"%M","cut_up":0,"count":2}'
	'a request reset|{"method":"%M","cut_up":100000,"reset":true,"count":2}'
	'a lost answer|{"method":"%M","lose":true,"count":2}'
	'an answer reset|{"method":"%M","cut_down":10,"reset":true,"count":2}'
	'an answer cut|{"method":"%M","cut_down":200,"count":2}'
)
# Those that stay: any outcome that is safe, and told by the exit status.
# shellcheck disable=SC2034 # used by name
lasting=(
	'403|{"method":"%M","status":403,"skip":1}'
	'always lost|{"method":"%M","lose":true}'
	'an answer too short|{"method":"%M","length":10,"count":2}'
	'a longer answer|{"method":"%M","length":-3}'
)
# Lies, of which not all can be found out: any outcome that is safe.
# shellcheck disable=SC2034 # used by name
lies=(
	'a login page|{"method":"%M","status":200,"body":"<html>log in"}'
	'200 and nothing|{"method":"%M","status":200,"skip":1}'
	'404|{"method":"%M","status":404,"skip":1}'
)

rule() { local r=${1#*|}; echo "${r/\%M/$2}"; }

# What a lied-to run left on the server goes after a day.
sweep() { [ ! -e "$1" ] || find "$1" -name '.ferry-tmp.*' -delete; }

# one OPERATION TITLE RULE KIND-OF-FAULT
one() {
	local name="$lane: $1 with $2" status
	prepare "$1"
	faults "$lane" "$3"
	act "$1"
	status=$?
	faults "$lane"
	cp "$ERR" "$ERR.first"
	if ! safe "$1" >"$OUT.check" 2>&1; then
		not_ok "$name: not safe (exit $status)" "$OUT.check" "$ERR"
	elif [ $status = 0 ] && [ "$4" != lies ] && ! right "$1" >"$OUT.check" 2>&1; then
		not_ok "$name: not right, exit 0" "$OUT.check" "$ERR"
	elif [ $status -ge 120 ]; then
		not_ok "$name: exit $status" "$ERR"
	elif [ "$4" = passing ] && [ $status != 0 ]; then
		not_ok "$name: exit $status" "$ERR"
	elif ! { act "$1" || [ "$1" = purge ] || [ "$1" = rename ]; } ||
		! { [ "$4" != lies ] || sweep "$R"; } ||
		! right "$1" >"$OUT.check" 2>&1; then
		# What is gone already cannot be purged or renamed again.
		not_ok "$name: the next run" "$OUT.check" "$ERR" "$ERR.first"
	elif ! no_strays "$L" >"$OUT.check"; then
		not_ok "$name: strays" "$OUT.check"
	else
		ok "$name"
	fi
	rm -rf "$R-to"
}

# lane SERVER OPERATION: all of its faults, one after the other.
run_lane() {
	local lane=$1-$2 op=$2 method f kind
	local L="$SHM/lane-$lane" N=$SHM/new P R
	case $op in list | delete | purge) N=$SHM/new-names ;; esac
	R="$(files "$1")/$lane" P=$(at "$lane" "$lane")
	OUT=$SHM/out-$lane ERR=$SHM/err-$lane
	export HOME=$SHM/home-$lane
	mkdir "$HOME"
	passed=0 failed=0
	prepare "$op"
	if ! act "$op" || ! right "$op" >"$OUT.check" 2>&1; then
		not_ok "$lane: $op without a fault" "$ERR" "$OUT.check"
		return
	fi
	ok "$lane: $op without a fault"
	rm -rf "$R-to"
	while read -r method; do
		for kind in passing lasting lies; do
			local -n list=$kind
			for f in "${list[@]}"; do
				one "$op" "$method: ${f%%|*}" \
					"$(rule "$f" "$method")" $kind
			done
		done
	done < <(cut -d' ' -f1 "$SHM/srv/$lane/front.log" | sort -u)
}

# A few at a time: they mostly wait.
matrix() {
	local pids=() l
	for l; do
		front "${l/ /-}" "${l% *}"
	done
	for l; do
		# shellcheck disable=SC2086
		run_lane $l >"$SHM/said-${l/ /-}" 2>&1 </dev/null &
		pids+=($!)
		[ ${#pids[@]} -lt 8 ] || { wait "${pids[0]}"; pids=("${pids[@]:1}"); }
	done
	wait "${pids[@]}"
	for l; do
		cat "$SHM/said-${l/ /-}"
		passed=$((passed + $(grep -ac '^ok ' "$SHM/said-${l/ /-}")))
		failed=$((failed + $(grep -ac '^not ok ' "$SHM/said-${l/ /-}")))
	done
}
matrix "apache upload" "apache move-up" "apache download" "apache move-down" \
	"apache list" "apache delete" "apache purge" "apache rename" \
	"nextcloud upload" "nextcloud rename"


e2e_end
