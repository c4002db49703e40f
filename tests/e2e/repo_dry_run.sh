#!/bin/bash
# With --dry-run no command changes a byte of a repository.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$(dirname "$0")/../lib/repo.sh"

S=$SHM/src
R=$SHM/repo
export FERRY_CACHE_DIR=$SHM/ferry-cache

sum() { find "$R" "$SHM/other" -type f -exec sha256sum {} + | sort; }
# shellcheck disable=SC2317 # called by check
untouched() { sum | diff "$SHM/sums" -; }

mkdir "$S"
head -c 3000000 /dev/urandom >"$S/a"
seq 100000 >"$S/b"
fresh "$R"
fresh "$SHM/other"
"$FERRY" backup -q -r "$R" "$S" && rm "$S/a" && seq 9 >"$S/c"
"$FERRY" backup -q -r "$R" "$S"
"$FERRY" forget -q -r "$R" latest~1
"$FERRY" repo key add -q -r "$R" --new-password-file <(echo second)
second=$("$FERRY" repo key list -r "$R" --json |
	jq -r '.[]|select(.current|not).id' | head -n 1)
pack=$("$FERRY" repo list -r "$R" packs | head -n 1)
sum >"$SHM/sums"
echo new >"$SHM/new"
cd "$SHM" || exit 1

while read -r -a words; do
	exits 0 "${words[*]} -n" "${words[@]}" -n -r "$R"
	check "${words[*]} -n changes nothing" untouched
done <<END
backup $S
forget latest
forget --keep-last 1 --prune
prune
repo tag --add x latest
repo repair index --read-all-packs
repo repair packs $pack
repo repair snapshots --forget
repo rewrite --exclude b --forget latest
repo recover
repo migrate upgrade_repo_v2 --force
repo key add --new-password-file $SHM/new
repo key remove $second
repo key passwd --new-password-file $SHM/new
END
exits 0 "copy -n" repo copy -n -r "$SHM/other" --from-repo "$R" latest
check "copy -n changes nothing" untouched
check "no pack is copied to the current folder" test ! -e "pack-$pack"
