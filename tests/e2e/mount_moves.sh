#!/bin/bash
# What is renamed in a mount of a server that knows no MOVE is there in the end.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2
can_mount

serve dav apache
front f dav
F=$(files dav)/t

# moves NAME METHODS: the server refuses these.
moves() {
	local name=$1 m
	rm -rf "$F" "$SHM/cache-n"
	mkdir -p "$F/dir/sub"
	echo 1 >"$F/file" && echo 2 >"$F/dir/in" && echo 3 >"$F/dir/sub/in"
	! is_root || chown -R www-data: "$F"
	faults f '{"method":"'"$2"'","status":405}'
	mnt n "$(at f t)" || e2e_end
	m=${M[n]}
	check "$name: a file is renamed" mv "$m/file" "$m/file2"
	check "$name: a folder is renamed" mv "$m/dir" "$m/dir2"
	exits 0 "$name: the place has it" mount flush "$m"
	is "$name: all of it, and nothing else" \
		"$(cd "$F" && find . -name .DAV -prune -o -type f -print |
			sort | xargs grep -H . | paste -sd' ')" \
		"./dir2/in:2 ./dir2/sub/in:3 ./file2:1"
	is "$name: no folder is left" "$(cd "$F" && find . -name .DAV -prune \
		-o -type d -print | sort | paste -sd' ')" ". ./dir2 ./dir2/sub"
	umnt n
}
moves "no MOVE" MOVE
moves "neither MOVE nor COPY" 'MOVE|COPY'

e2e_end
