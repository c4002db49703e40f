#!/bin/bash
# Where flags, kinds and mounts meet: each of these once lost something, or
# said that all was done when it was not.
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
need setfattr getfattr setpriv

# Two empty folders, $S and $D, on a disk, where attributes can be.
fresh() {
	S=$DISK/$1/src D=$DISK/$1/dst
	rm -rf "${DISK:?}/$1"
	mkdir -p "$S" "$D"
}
mounted() {
	[ "$(id -u)" = 0 ] && mount "$@" && mounts+=("${*: -1}")
}
links() { stat -c %h "$1"; }
text() { cat "$1" 2>/dev/null; }
attr() { getfattr --only-values -n user.x "$1" 2>/dev/null; }

# Hard links.
fresh late
mkdir "$S/x"
echo hi >"$S/x/a"
ln "$S/x/a" "$S/x/b"
echo file >"$D/x"
exits 0 "a folder with hard links replaces a file" sync "$S" "$D"
silent "and all its names are there" treediff "$S" "$D"

fresh group
echo src >"$S/a"
ln "$S/a" "$S/b"
echo other >"$D/a"
exits 0 "hard links, the first name to be left" copy --ignore-existing "$S" "$D"
is "the second has the source's content" "$(text "$D/b")" src
touch -d 2001-01-01 "$S/a"
fresh newer
echo src >"$S/a"
ln "$S/a" "$S/b"
touch -d 2001-01-01 "$S/a"
echo newer >"$D/b"
exits 0 "hard links, the second name newer" copy --update "$S" "$D"
is "it is left" "$(text "$D/b")" newer
fresh nolink
echo 1 >"$S/a"
ln "$S/a" "$S/b"
ln -s z "$D/a"
exits 0 "hard links, the first over a symbolic link" copy "$S" "$D"
is "are one file" "$(links "$D/a")" 2

fresh split
echo a >"$D/a"
ln "$D/a" "$D/b"
cp -a "$D/a" "$S/a"
cp -a "$D/a" "$S/b"
chmod 600 "$S/b"
touch -d 2001-01-01 "$S/b"
exits 0 "one file at the destination, two at the source" sync "$S" "$D"
silent "become two" treediff "$S" "$D"

# Moves.
fresh across
mkdir -p "$S/d/e"
echo 1 >"$S/d/e/a"
ln "$S/d/e/a" "$S/d/b"
chmod 750 "$S/d/e"
touch -d 2001-01-01 "$S/d/e"
ln -s t "$S/l"
cp -a "$S" "$DISK/across/was"
D=$SHM/across
mkdir "$D"
cp -a "$S/l" "$D"
exits 0 "a move to another disk" move --delete-empty-src-dirs "$S" "$D"
silent "keeps hard links and folders' metadata" treediff "$DISK/across/was" "$D"
check "and leaves nothing" test -z "$(ls -A "$S")"

fresh follow
echo real >"$DISK/follow/real"
mkdir "$S/d"
ln -s "$DISK/follow/real" "$S/l"
ln -s "$DISK/follow/real" "$S/d/l"
exits 0 "move --copy-links" move -L --delete-empty-src-dirs "$S" "$D"
check "brings files" test -f "$D/l" -a ! -L "$D/l" -a ! -L "$D/d/l"
fresh followed
echo real >"$DISK/followed/real"
setfattr -n user.x -v 1 "$DISK/followed/real"
ln -s "$DISK/followed/real" "$S/l"
ferry copy -L "$S" "$D"
exits 0 "copy --copy-links again" copy -L "$S" "$D"
is "leaves the attributes" "$(attr "$D/l")" 1

# Mounts.
fresh bound
echo precious >"$S/f"
if mounted --bind "$S" "$D"; then
	exits 2 "a move of a folder to itself" move "$S" "$D"
	is "is refused" "$(text "$S/f")" precious
fi
fresh bound2
mkdir "$S/d" "$D/d"
echo precious >"$S/d/f"
if mounted --bind "$S/d" "$D/d"; then
	exits 3 "and of one inside" move "$S" "$D"
	is "keeps it" "$(text "$S/d/f")" precious
fi
fresh other
mkdir "$S/m" "$D/n"
echo f >"$S/f"
if mounted -t tmpfs -o mode=0750 tmpfs "$S/m" &&
	mounted -t tmpfs tmpfs "$D/n"; then
	touch -d 2001-01-01 "$S/m"
	echo precious >"$D/n/f"
	exits 0 "sync --one-file-system" sync -x "$S" "$D"
	is "leaves what is mounted" "$(text "$D/n/f")" precious
	is "and finishes such folders" "$(stat -c '%a %Y' "$D/m")" \
		"$(stat -c '%a %Y' "$S/m")"
fi

# Kinds that change, and limits.
fresh depth
echo f >"$S/x"
mkdir -p "$D/x/s" "$S/y"
echo deep >"$D/x/p"
echo deep >"$S/y/deep"
echo f >"$D/y"
exits 3 "sync --max-depth, a folder in the way" sync --max-depth 1 "$S" "$D"
is "keeps what is deeper" "$(text "$D/x/p")" deep
check "and copies nothing deeper" test ! -e "$D/y/deep"
fresh excluded
mkdir "$S/x"
echo 1 >"$S/x/a"
echo precious >"$D/x"
exits 3 "an excluded file in the way of a folder" sync --exclude /x "$S" "$D"
is "stays" "$(text "$D/x")" precious
fresh existing
echo f >"$S/a"
ln -s t "$D/a"
exits 0 "--ignore-existing over a link" copy --ignore-existing "$S" "$D"
check "leaves it" test -L "$D/a"
fresh limit
mkdir -m 755 "$S/d"
echo 1 >"$S/d/a"
echo 1 >"$D/x"
exits 6 "--max-delete stops" sync --max-delete 0 "$S" "$D"
is "but new folders are finished" "$(stat -c %a "$D/d")" 755

# --inplace.
fresh keep
echo new >"$S/a"
echo old0 >"$D/a"
exits 0 "--inplace --backup-dir" copy --inplace --backup-dir "$DISK/keep/bak" "$S" "$D"
is "keeps the old file" "$(text "$DISK/keep/bak/a")" old0
fresh same
echo precious >"$S/a"
ln "$S/a" "$D/a"
exits 0 "--inplace onto another name of the source" copy --inplace -I "$S" "$D"
is "does not cut it" "$(text "$S/a")" precious
fresh stale
echo new >"$S/a"
echo old0 >"$D/a"
setfattr -n user.x -v 1 "$D/a"
exits 0 "--inplace" copy --inplace "$S" "$D"
is "takes old attributes away" "$(attr "$D/a")" ""

# Attributes.
fresh mark
echo a >"$S/a"
cp -a "$S/a" "$D/a"
setfattr -n user.x -v 1 "$S/a"
sleep 0.1
ferry copy --immutable "$S" "$D"
exits 0 "a copy after one with --immutable" copy "$S" "$D"
is "sets attributes" "$(attr "$D/a")" 1

# Users.
fresh shut
mkdir -p "$D/d/e"
echo 1 >"$S/a"
echo 1 >"$D/d/e/f"
echo 2 >"$S/r"
chmod 444 "$S/r"
cp -a "$S/r" "$D/r"
setfattr -n user.x -v 1 "$S/r"
chmod 555 "$S" "$D" "$D/d" "$D/d/e"
if [ "$(id -u)" = 0 ]; then
	chown -R 65534:65534 "$DISK/shut"
	mkdir -p "$HOME/nobody" && chown 65534 "$HOME/nobody"
	check "a plain user's folders that cannot be written to" \
		nobody "$FERRY" sync "$S" "$D"
	silent "are synced" treediff "$S" "$D"
	fresh stray
	echo k >"$S/k"
	echo s >"$D/.ferry-tmp.0123456789abcdef"
	chown 1000 "$D/.ferry-tmp.0123456789abcdef"
	exits 0 "what a killed root had given away" sync "$S" "$D"
	check "is removed" no_strays "$D"
fi

# A folder that comes late, since a file stood in its place, is no deeper.
fresh deep
S=$SHM/deep/src D=$SHM/deep/dst
mkdir -p "$S/a/b/c/d" "$D"
for d in a a/b a/b/c a/b/c/d; do echo x >"$S/$d/f"; done
echo "in the way" >"$D/a"
exits 0 "a folder in a file's place, two deep" sync --max-depth 3 "$S" "$D"
is "is copied two deep" "$(cd "$D" && find . -type f | sort | tr '\n' ' ')" \
	"./a/b/f ./a/f "

# The largest file that there can be.
fresh huge
S=$SHM/huge/src D=$SHM/huge/dst
mkdir -p "$S" "$D"
if truncate -s 9223372036854775807 "$S/b" 2>/dev/null; then
	echo 1 >"$S/a"
	exits 6 "8 EiB are more than --max-transfer" \
		copy --max-transfer 1G --transfers 1 "$S" "$D"
	exits 0 "8 EiB of nothing" copy "$S" "$D"
	exits 0 "are the same" check "$S" "$D"
fi

e2e_end
