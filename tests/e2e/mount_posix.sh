#!/bin/bash
# POSIX's rules in a mount.  Those programs are judged by a folder of tmpfs
# first.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2
can_mount

# rules NAME FOLDER: each program in a folder of its own.
rules() {
	local name=$1 dir=$2 p line
	for p in names files; do
		mkdir "$dir/$p"
		chmod 755 "$dir/$p"
		"$JUDGES/posix_$p" "$dir/$p" >"$SHM/rules" 2>"$SHM/rules.err"
		[ $? -lt 2 ] || not_ok "$name: posix_$p ran" "$SHM/rules.err"
		[ ! -s "$SHM/rules.err" ] || sed 's/^/# /' "$SHM/rules.err"
		while IFS= read -r line; do
			case $line in
			'ok '*) ok "$name: ${line#ok }" ;;
			'not ok '*) not_ok "$name: ${line#not ok }" ;;
			'skipped '*) skipped "$name: ${line#skipped }" ;;
			*) echo "$line" ;;
			esac
		done <"$SHM/rules"
	done
}

mkdir "$SHM/plain" "$SHM/place"
chmod 755 "$SHM/plain" "$SHM/place"
rules tmpfs "$SHM/plain"

MOUNT_OPTS+=(--allow-other)
mnt local "$SHM/place" || e2e_end
rules "mount of a folder" "${M[local]}"
check "mount of a folder: the queue drains" drained local
umnt local

# Nothing that a server cannot keep is sent, and nobody notices.
serve dav apache
mnt dav "$(at dav '')" || e2e_end
rules "mount of WebDAV" "${M[dav]}"
check "mount of WebDAV: the queue drains" drained dav
umnt dav

e2e_end
