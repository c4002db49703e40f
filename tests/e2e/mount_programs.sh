#!/bin/bash
# What programs do in a mount: version control, databases, archives, builds,
# editors; then the place has it.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/webdav.sh
. "$(dirname "$0")/../lib/webdav.sh"
# shellcheck source=tests/lib/mounts.sh
. "$(dirname "$0")/../lib/mounts.sh"
need apache2 git rsync sqlite3 make gcc tar
can_mount
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b \
	GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b

# A repository of a hundred commits, a source tree that builds, an archive.
git init -q "$SHM/repo"
for i in {1..40}; do
	mkdir -p "$SHM/repo/d$((i % 5))"
	for j in 1 2 3; do
		echo "$i $j $RANDOM" >"$SHM/repo/d$((i % 5))/f$((i * j % 17))"
	done
	git -C "$SHM/repo" add -A
	git -C "$SHM/repo" commit -qm "commit $i"
done
mkdir "$SHM/src"
for i in {1..12}; do
	echo "int f$i(void); int f$i(void) { return $i; }" >"$SHM/src/f$i.c"
done
cat >"$SHM/src/main.c" <<'END'
int f1(void);
int f12(void);
int main(void) { return f1() + f12() - 13; }
END
# shellcheck disable=SC2016
printf '%s\n' 'O = $(patsubst %.c,%.o,$(wildcard *.c))' 'p: $O' \
	'	cc -o p $O' >"$SHM/src/Makefile"
mkdir "$SHM/tree"
cp -a "$ROOT/sync" "$ROOT/docs" "$ROOT/tests/unit" "$SHM/tree"
tar -C "$ROOT" -cf "$SHM/some.tar" lib docs cmd

# shellcheck disable=SC2317 # called by check
sqlite_work() {
	sqlite3 "$1" <<'END'
PRAGMA journal_mode=delete;
CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
CREATE INDEX i ON t (b);
BEGIN;
INSERT INTO t (b) WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1
	FROM n WHERE x < 2000) SELECT hex(randomblob(20)) FROM n;
COMMIT;
DELETE FROM t WHERE a % 3 = 0;
UPDATE t SET b = hex(randomblob(100)) WHERE a % 5 = 0;
BEGIN; DELETE FROM t; ROLLBACK;
VACUUM;
END
	for i in {1..20}; do
		sqlite3 "$1" "INSERT INTO t (b) VALUES ('$i')" || return 1
	done
	[ "$(sqlite3 "$1" 'PRAGMA integrity_check')" = ok ]
}

# judge NAME FOLDER: FOLDER is in the mount.
judge() {
	local n=$1 d=$2
	check "$n: git clone" git clone -q "$SHM/repo" "$d/clone"
	check "$n: git status is clean" sh -c \
		"[ -z \"\$(git -C '$d/clone' status --porcelain 2>&1)\" ]"
	check "$n: git commit" sh -c "cd '$d/clone' && echo x >d1/x &&
		git add -A && git commit -qm x && git checkout -q HEAD~5 &&
		git checkout -q - && git gc -q"
	check "$n: git fsck" git -C "$d/clone" fsck --full --strict
	check "$n: SQLite" sqlite_work "$d/db"
	check "$n: cp -a" cp -a "$SHM/src" "$d/src"
	check "$n: make" sh -c "make -C '$d/src' && '$d/src/p'"
	check "$n: make again has nothing to do" make -q -C "$d/src"
	check "$n: tar x" tar -C "$d" -xf "$SHM/some.tar"
	check "$n: tar d" tar -C "$d" -df "$SHM/some.tar"
	check "$n: rsync" rsync -a --no-D "$SHM/tree/" "$d/tree"
	silent "$n: rsync again has nothing to do" \
		rsync -rtnic --no-D --info=nonreg0 "$SHM/tree/" "$d/tree"
	check "$n: an editor" sh -c "cd '$d' && for i in 1 2 3; do
		echo \$i >.text.swp && cp .text.swp text~ &&
		echo \$i >text.new && sync text.new && mv text.new text &&
		rm .text.swp; done; grep -qx 3 text"
	check "$n: rm -r" rm -r "$d/lib"
	check "$n: dd at random places" sh -c "for i in 9 3 7 1; do
		dd if='$SHM/some.tar' of='$d/dd' bs=64k count=1 skip=\$i \
			seek=\$i conv=notrunc status=none || exit 1; done"
}

# after NAME FOLDER: the same as before, in another mount.
after() {
	check "$1: git fsck, mounted again" git -C "$2/clone" fsck --full
	is "$1: SQLite, mounted again" \
		"$(sqlite3 "$2/db" 'PRAGMA integrity_check')" ok
	check "$1: tar d, mounted again" sh -c \
		"tar -C '$2' -df '$SHM/some.tar' docs cmd"
}

mkdir "$SHM/place"
mnt local "$SHM/place" || e2e_end
judge local "${M[local]}"
umnt local
check "local: git fsck at the place" git -C "$SHM/place/clone" fsck --full
rm -rf "$SHM/cache-local"
mnt local "$SHM/place" && after local "${M[local]}"
umnt local

serve dav apache
mnt dav "$(at dav '')" || e2e_end
judge webdav "${M[dav]}"
rm -rf "$SHM/here"
cp -a "${M[dav]}" "$SHM/here"
umnt dav
silent "webdav: the place has it all" same_tree "$SHM/here" "$(files dav)"
rm -rf "$SHM/cache-dav"
mnt dav "$(at dav '')" && after webdav "${M[dav]}"
umnt dav

e2e_end
