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

takes_less() { [ "$(of_process "$1")" -lt "$2" ]; }

# What a sanitizer takes beside is no concern of ours.
below() {
	if [ -n "$FERRY_SAN" ]; then
		skipped "$1: with a sanitizer"
	else
		check "$1" until_true takes_less "$2" "$3"
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
few_files() { (ulimit -Sn 256 && up --transfers 4); }
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

# ---- 200,000 entries -------------------------------------------------------
MANY=$SHM/many
mkdir "$MANY"
/usr/bin/python3 -c '
import os, sys
os.chdir(sys.argv[1])
open("one", "w").close()
for d in range(1000):
    os.mkdir("%03d" % d)
    for f in range(200):
        os.link("one", "%03d/%d" % (d, f))' "$MANY"
known() {
	ferry mount status --json "$MNT"
	echo "$(($(field files) + $(field dirs)))"
}
# all_but N: as many are in memory at last.
all_but() {
	local i
	for ((i = 0; i < 480; i++)); do
		[ "$(known)" -gt "$1" ] || return 0
		sleep 0.5
	done
	known
	return 1
}
tree() { find "$1" -printf '%P %y\n' | sort | sha256sum; }

check 'a place with 200,000 entries is mounted' \
	ferry mount --daemon "$MANY" "$MNT"
want=$(tree "$MANY")
is 'all are seen' "$(tree "$MNT")" "$want"
# some may have left the memory already, if that took long
check 'and known' test "$(known)" -gt 50000
check 'some are deleted' rm -r "$MNT/007" "$MNT/008/1"
check 'or renamed' mv "$MNT/009" "$MNT/100/in"
check 'or moved to a folder of before' mv "$MNT/010/5" "$MNT/011/five"
check 'or made' mkdir "$MNT/012/new"
check 'when nobody uses them most are known no longer' all_but 80000
below 'and take no memory' VmRSS 64
is 'what was deleted is gone' "$(find "$MNT/008" -type f | wc -l)" 199
check 'what was renamed has another name' test -e "$MNT/100/in/5" -a \
	! -e "$MNT/009" -a -e "$MNT/011/five" -a ! -e "$MNT/010/5"
exits 0 'it is sent' mount flush "$MNT"
is 'all are seen again' "$(tree "$MNT")" "$(tree "$MANY")"
check 'and are known no longer, again' all_but 80000
check 'down' down

e2e_end
