#!/bin/bash
# Commands that change what is in a repository, killed at each call that writes
# or removes a file: no snapshot is lost, some password is good, and the next
# run ends what was begun.  (tests/e2e/repo_prune.sh does it to prune.)
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$LIB/repo.sh"
S=$SHM/src K=$SHM/k MADE=$SHM/made
printf 'another' >"$SHM/another"

# killed_at N COMMAND...: on a copy, where the N-th call waits for ever.
killed_at() {
	local place=":fault,remote=$K,op=\"put unlink\",calls=$1-,delay=60s:"
	shift
	rm -rf "$K"
	cp -a "$MADE" "$K"
	"$FERRY" "$@" -q -r "$place" >"$SHM/killed" 2>&1 </dev/null &
	held $!
	kill -KILL $! 2>/dev/null
	wait $! 2>/dev/null
}

# judged [PASSWORD]: each judge's check is clean.
# shellcheck disable=SC2317 # called by check
judged() {
	local r
	for r in "${judges[@]}"; do
		RESTIC_PASSWORD=${1:-$RESTIC_PASSWORD} "$r" check --no-lock \
			--no-cache -r "$K" </dev/null || return 1
	done
}

# trees [REPOSITORY]: of each snapshot, once; and how many snapshots there are.
trees() {
	restic snapshots -r "${1:-$K}" --no-lock --no-cache --json |
		jq -r '.[].tree' | sort -u | tr '\n' ' '
}
# shellcheck disable=SC2317 # by each_call
count() { find "$K/snapshots" -type f | wc -l; }

# again COMMAND...: the next run does it all; prints why not.
# shellcheck disable=SC2317 # by each_call
again() {
	"$FERRY" "$@" -q -r "$K" >"$OUT" 2>&1 || cat "$OUT"
}

# each_call NAME AFTER COMMAND...: AFTER says what is wrong after a kill.
each_call() {
	local name=$1 after=$2 n=1 bad=0 what
	shift 2
	while killed_at "$n" "$@"; [ $? = 137 ]; do
		what=$("$after" "$@" 2>&1)
		if [ -n "$what" ]; then
			bad=$((bad + 1))
			echo "$what" >"$SHM/what"
			not_ok "$name: killed at call $n" "$SHM/what"
		fi
		n=$((n + 1))
	done
	is "$name: killed at $((n - 1)) calls, all was well" "$bad" 0
	check "$name: these were some" test "$n" -gt 4
}

mkdir -p "$S"
fresh "$MADE"
for i in 1 2 3 4; do
	head -c 20000 /dev/urandom >"$S/$i"
	ferry backup -r "$MADE" "$S"
done
all=$(trees "$MADE")

# shellcheck disable=SC2317 # by each_call
after_forget() {
	judged >"$SHM/check" 2>&1 || cat "$SHM/check"
	[ "$(count)" -ge 1 ] && [ "$(count)" -le 4 ] || echo "$(count) left"
	again "$@"
	[ "$(count)" = 1 ] || echo "in the end $(count) are left"
	judged >"$SHM/check" 2>&1 || cat "$SHM/check"
}
each_call "forget" after_forget forget --keep-last 1

# shellcheck disable=SC2317 # by each_call
after_tag() {
	judged >"$SHM/check" 2>&1 || cat "$SHM/check"
	[ "$(trees)" = "$all" ] || echo "trees are not the same: $(trees)"
	again "$@"
	[ "$(trees)" = "$all" ] || echo "in the end: $(trees)"
	restic snapshots -r "$K" --no-lock --no-cache --json |
		jq -r '.[] | select(.tags != ["new"]) | .short_id' # not tagged
}
each_call "tag" after_tag repo tag --set new

# shellcheck disable=SC2317 # by each_call
after_passwd() {
	local good=0
	judged >"$SHM/check" 2>&1 && good=1
	judged another >"$SHM/check" 2>&1 && good=$((good + 1))
	[ "$good" -ge 1 ] || cat "$SHM/check"
	if [ "$(find "$K/keys" -type f | wc -l)" -gt 2 ]; then
		echo "keys are left over"
	fi
}
each_call "key passwd" after_passwd \
	repo key passwd --new-password-file "$SHM/another"

# shellcheck disable=SC2317 # by each_call
after_rewrite() {
	judged >"$SHM/check" 2>&1 || cat "$SHM/check"
	[ "$(count)" -ge 4 ] || echo "$(count) left"
	again "$@"
	judged >"$SHM/check" 2>&1 || cat "$SHM/check"
	restic ls -r "$K" --no-lock --no-cache latest | grep -x "$S/1"
}
each_call "rewrite" after_rewrite repo rewrite --forget --exclude "$S/1"

e2e_end
