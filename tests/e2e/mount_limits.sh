#!/bin/bash
# A mount takes little of the machine: memory, descriptors; and what it knows
# of many folders does not stay in memory for ever.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/mount.sh
. "$LIB/mount.sh"
mountable || e2e_end

# of_process FIELD: MiB of the process that serves $MNT.
of_process() {
	awk -v f="$1:" '$1 == f { print int($2 / 1024) }' \
		"/proc/$(mount_pid)/status"
}

# What a sanitizer takes beside is no concern of ours.
below() {
	if [ -n "$FERRY_SAN" ]; then
		skipped "$1: with a sanitizer"
	else
		check "$1" test "$(of_process "$2")" -lt "$3"
	fi
}

# ---- memory ----------------------------------------------------------------
echo 1 >"$PLACE/one"
"$FERRY" mount "$PLACE" "$MNT" >"$OUT" 2>"$ERR" </dev/null &
check 'a mount in the foreground is there' until_true is_mounted
below 'an idle mount takes less than 12 MiB' VmRSS 12
check 'and works' cmp "$PLACE/one" "$MNT/one"
check 'down' down
wait

# ---- descriptors -----------------------------------------------------------
few_files() { (ulimit -Sn 256 && up); }
check 'a mount begins where few files may be open' few_files
check 'two thousand are open in it at once' /usr/bin/python3 -c '
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
os.chdir(sys.argv[1])
files = [os.open("%d" % i, os.O_RDWR | os.O_CREAT) for i in range(2000)]
for i, f in enumerate(files):
    os.pwrite(f, b"%d" % i, 0)
for i, f in enumerate(files):
    assert os.pread(f, 99, 0) == b"%d" % i
    os.close(f)' "$MNT"
check 'down' down
is 'and the place has them' "$(find "$PLACE" -type f | wc -l)" 2001

e2e_end
