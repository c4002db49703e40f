#!/bin/bash
# Files with holes: the same blobs as if all had been read, in no time.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/repo.sh
. "$LIB/repo.sh"

# island FILE OFFSET BYTES
island() {
	head -c "$3" /dev/urandom |
		dd of="$1" bs=64K seek="$2" oflag=seek_bytes conv=notrunc \
			status=none
}

# holes DIR: files with holes at each place.
holes() {
	mkdir -p "$1"
	truncate -s 40000000 "$1/nothing"
	truncate -s 40M "$1/even" # a multiple of the smallest chunk
	truncate -s 2M "$1/short"
	truncate -s 60000001 "$1/first" "$1/last" "$1/middle" "$1/many"
	island "$1/first" 0 100
	island "$1/last" 60000000 1
	island "$1/middle" 30000000 3000000
	for i in 4096 1234567 9000000 9600000 20000001 33333333 59999999; do
		island "$1/many" "$i" 4097
	done
	island "$1/many" 40000000 5000000
}

# alike FOLDER: ferry saves its files, then restic; restic adds nothing.
alike() {
	local name=$1 dir=$2 ours
	shift 2
	holes "$dir"
	fresh "$SHM/repo"
	exits 0 "$name: backup" backup --json "$@" "$dir"
	ours=$(subtree "$dir")
	restic backup --json --no-cache "$dir" </dev/null >"$OUT" 2>"$ERR"
	is "$name: restic finds all blobs there" \
		"$(tail -n 1 "$OUT" | jq .data_blobs)" 0
	is "$name: and makes the same tree" "$(subtree "$dir")" "$ours"
	sound "$name: sound"
	back "$DISK/back" >"$OUT" 2>&1
	check "$name: what was saved is what was there" \
		diff -r "$dir" "$DISK/back$dir"
	rm -rf "$dir" "$DISK/back"
}
alike "on tmpfs" "$SHM/holes"
alike "on disk" "$DISK/holes"

# A chunker of another size cuts holes likewise.
holes "$SHM/holes"
fresh "$SHM/repo"
exits 0 "small chunks" backup --chunk-size small "$SHM/holes"
back "$DISK/back" >"$OUT" 2>&1
check "small chunks: what was saved is what was there" \
	diff -r "$SHM/holes" "$DISK/back$SHM/holes"
rm -rf "$SHM/holes" "$DISK/back"

# To read it would take many minutes.
mkdir "$SHM/huge"
truncate -s 1T "$SHM/huge/disk"
island "$SHM/huge/disk" 500000000000 5000000
fresh "$SHM/repo"
timeout 100 "$FERRY" backup --json "$SHM/huge" >"$OUT" 2>"$ERR"
is "a terabyte of nothing takes no time" $? 0
is "all of it counts" "$(jq -r 'select(.message_type == "summary") |
	.total_bytes_processed' "$OUT")" 1099511627776
"$FERRY" cat --offset 499999999999 --count 5000002 \
	"repo:$SHM/repo:latest$SHM/huge/disk" >"$SHM/part" 2>"$ERR"
check "what is in the midst of it is there" cmp "$SHM/part" \
	<(tail -c +500000000000 "$SHM/huge/disk" | head -c 5000002)
# The format has no short way to say it: a tree names each chunk.
truncate -s 7E "$SHM/huge/disk"
exits 3 "one that no tree could name" backup "$SHM/huge"
says "is told" "is too long"

e2e_end
