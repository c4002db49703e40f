#!/bin/bash
# A mount is a normal folder to programs: what they do there works, and the
# place has the same in the end.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/lib/e2e.sh
. "$(dirname "$0")/../lib/e2e.sh"
# shellcheck source=tests/lib/mount.sh
. "$LIB/mount.sh"
mountable || e2e_end
need git rsync sqlite3 tar make setfattr flock

export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t \
	GIT_COMMITTER_EMAIL=t@t

# here SCRIPT: Python, with the mount as its current folder.
here() { (cd "$MNT" && timeout 600 /usr/bin/python3 -c "$1"); }

# ---- reading what is there -------------------------------------------------
mkdir -p "$PLACE/dir/sub"
printf 'hello\n' >"$PLACE/dir/file"
head -c 300000 /dev/urandom >"$PLACE/dir/sub/big"
ln -s ../dir/file "$PLACE/dir/link"
touch -d '2020-02-03 04:05:06.123456789' "$PLACE/dir/file"
chmod 640 "$PLACE/dir/file"

check 'a place is mounted' up
check 'mount(8) shows what is mounted where' \
	grep -q "^$PLACE $MNT fuse.ferry rw," /proc/mounts
check 'all that is there is seen as it is' \
	treediff "$PLACE/dir" "$MNT/dir" --no-dir-times
check 'a symbolic link leads to what it names' \
	cmp "$MNT/dir/link" "$PLACE/dir/file"
check 'the folder itself has a time that can be' test \
	"$(($(date +%s) - $(stat -c %Y "$MNT")))" -lt 3600
check 'df shows the room of the place' test "$(df -k --output=size "$MNT" |
	tail -n 1)" -gt 0
# Others write to this disk, too: the same to a GB.
taken() { df -k --output=used "$1" | tail -n 1; }
as_taken() {
	[ $((($(taken "$MNT") - $(taken "$PLACE")) / 1000000)) = 0 ]
}
check 'and how much of it is taken, as of the disk' until_true as_taken
is 'a folder counts the folders in it' "$(stat -c %h "$MNT/dir" |
	sed 's/^[13]$/fits/')" fits
check 'a file of 0 bytes is read as such' here '
open("empty", "w").close()
assert open("empty").read() == ""'

# ---- writing ---------------------------------------------------------------
check 'an editor writes aside and renames' here '
import os
for i in range(5):
    f = os.open(".edit.swp", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(f, b"version %d\n" % i)
    os.fsync(f)
    os.close(f)
    if i:
        os.rename("edit", "edit~")
    os.rename(".edit.swp", "edit")
assert open("edit").read() == "version 4\n"
assert open("edit~").read() == "version 3\n"
assert not os.path.exists(".edit.swp")'

check 'bytes are written anywhere, appended, cut and made longer' here '
import os
f = os.open("w", os.O_RDWR | os.O_CREAT)
os.pwrite(f, b"x" * 10, 100000)
assert os.pread(f, 200000, 0) == b"\0" * 100000 + b"x" * 10
os.ftruncate(f, 50)
assert os.fstat(f).st_size == 50
os.ftruncate(f, 5000)
assert os.pread(f, 9999, 0) == b"\0" * 5000
a = os.open("w", os.O_WRONLY | os.O_APPEND)
os.write(a, b"end")
os.write(a, b"END")
assert os.pread(f, 99, 5000) == b"endEND"
os.close(a)
os.close(f)
os.truncate("w", 3)
assert open("w", "rb").read() == b"\0\0\0"'

check 'a file in the mount is mapped, shared and private' here '
import mmap
with open("m", "wb") as f:
    f.write(b"a" * 10000)
with open("m", "r+b") as f, mmap.mmap(f.fileno(), 0) as m:
    m[5000:5003] = b"xyz"
    m.flush()
with open("m", "rb") as f:
    assert f.read() == b"a" * 5000 + b"xyz" + b"a" * 4997
with open("m", "rb") as f:
    m = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    m[0:1] = b"q"
    assert f.read(1) == b"a"'

check 'what is renamed over another replaces it' here '
import os
open("one", "w").write("1")
open("two", "w").write("2")
held = open("two")
os.rename("one", "two")
assert open("two").read() == "1" and held.read() == "2"
assert not os.path.exists("one")'

check 'renameat2 keeps both, or refuses' here '
import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
def swap(a, b, flags):
    return libc.renameat2(-100, a.encode(), -100, b.encode(), flags)
open("p", "w").write("p")
open("q", "w").write("q")
assert swap("p", "q", 1) < 0 and ctypes.get_errno() == errno.EEXIST
assert swap("p", "q", 2) == 0
assert open("p").read() == "q" and open("q").read() == "p"'

check 'a file that is deleted while it is open stays readable' here '
import os
f = open("gone", "w+")
f.write("still here")
f.flush()
os.unlink("gone")
assert not os.path.exists("gone")
f.write("!")
f.flush()
f.seek(0)
assert f.read() == "still here!"'

check 'folders are made, moved with what is in them, and removed' here '
import errno, os
os.makedirs("f/g/h")
open("f/g/h/i", "w").write("i")
os.rename("f/g", "f2")
assert open("f2/h/i").read() == "i"
try:
    os.rmdir("f2")
    assert False
except OSError as e:
    assert e.errno == errno.ENOTEMPTY
try:
    os.rename("f2", "f2/h/x")
    assert False
except OSError as e:
    assert e.errno == errno.EINVAL
os.unlink("f2/h/i")
os.removedirs("f2/h")
os.rmdir("f")'

check 'symbolic links are made and read' here '
import os
os.symlink("nowhere/at all", "sl")
assert os.readlink("sl") == "nowhere/at all"
assert os.lstat("sl").st_size == len("nowhere/at all")
os.unlink("sl")'

check 'extended attributes are kept' here '
import errno, os
open("x", "w").close()
os.setxattr("x", "user.color", b"red\0blue")
os.setxattr("x", "user.empty", b"")
assert os.getxattr("x", "user.color") == b"red\0blue"
assert sorted(os.listxattr("x")) == ["user.color", "user.empty"]
os.removexattr("x", "user.empty")
assert os.listxattr("x") == ["user.color"]
try:
    os.setxattr("x", "user.color", b"", os.XATTR_CREATE)
    assert False
except OSError as e:
    assert e.errno == errno.EEXIST
try:
    os.getxattr("x", "user.nothing")
    assert False
except OSError as e:
    assert e.errno == errno.ENODATA'

check 'times and modes are set' here '
import os
open("t", "w").close()
os.utime("t", ns=(10**18 + 7, 10**18 + 7))
assert os.stat("t").st_mtime_ns == 10**18 + 7
os.chmod("t", 0o751)
assert os.stat("t").st_mode & 0o7777 == 0o751'

check 'hard links, FIFOs and devices are refused' here '
import errno, os
for f in (lambda: os.link("t", "t2"), lambda: os.mkfifo("ff"),
          lambda: os.mknod("dd", 0o020666, os.makedev(1, 3))):
    try:
        f()
        assert False
    except OSError as e:
        assert e.errno in (errno.EPERM, errno.EOPNOTSUPP)
os.mknod("plain", 0o100644)
assert os.stat("plain").st_size == 0'

check 'holes are found, dug and filled' here '
import os
f = os.open("h", os.O_RDWR | os.O_CREAT)
os.pwrite(f, b"z" * 65536, 1 << 20)
assert os.lseek(f, 0, os.SEEK_HOLE) == 0
assert os.lseek(f, 0, os.SEEK_DATA) <= 1 << 20
os.posix_fallocate(f, 0, 2 << 20)
assert os.fstat(f).st_size == 2 << 20
assert os.pread(f, 4, (1 << 20) + 10) == b"zzzz"'

check 'locks are respected between processes' here '
import fcntl, os, struct
f = open("l", "w")
fcntl.flock(f, fcntl.LOCK_EX)
r = os.fork()
if r == 0:
    try:
        fcntl.flock(open("l", "w"), fcntl.LOCK_EX | fcntl.LOCK_NB)
        os._exit(1)
    except BlockingIOError:
        os._exit(0)
assert os.waitpid(r, 0)[1] == 0
fcntl.lockf(f, fcntl.LOCK_EX, 10, 0)
r = os.fork()
if r == 0:
    g = open("l", "r+")
    try:
        fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 5)
        os._exit(1)
    except OSError:
        fcntl.lockf(g, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, 20)
        os._exit(0)
assert os.waitpid(r, 0)[1] == 0'

check 'names of any bytes and of 255 are fine, longer ones are not' here '
import errno, os
for name in (b"\xff\xfe bytes", b"a" * 255, "ü".encode(), b" ", b"new\nline"):
    open(name, "w").write("x")
    assert name in os.listdir(b".")
    assert open(name).read() == "x"
try:
    open(b"a" * 256, "w")
    assert False
except OSError as e:
    assert e.errno == errno.ENAMETOOLONG'

check 'errors are those that programs expect' here '
import errno, os
def fails(want, f, *a):
    try:
        f(*a)
    except OSError as e:
        assert e.errno == want, (want, e)
        return
    assert False, want
fails(errno.ENOENT, open, "nothing")
fails(errno.ENOENT, os.mkdir, "no/such/parent")
fails(errno.EEXIST, os.mkdir, "dir")
fails(errno.ENOTDIR, open, "edit/below")
fails(errno.EISDIR, open, "dir", "w")
fails(errno.EISDIR, os.unlink, "dir")
fails(errno.ENOTDIR, os.rmdir, "edit")
fails(errno.ENOTEMPTY, os.rmdir, "dir")
fails(errno.EISDIR, os.rename, "edit", "dir")
fails(errno.ENOTDIR, os.rename, "dir", "edit")'

check 'a folder is read on where it was left, while it changes' here '
import os
os.mkdir("many")
for i in range(1000):
    open("many/f%04d" % i, "w").close()
seen = []
with os.scandir("many") as it:
    for n, e in enumerate(it):
        seen.append(e.name)
        if n == 100:
            for i in range(500, 600):
                os.unlink("many/f%04d" % i)
            for i in range(50):
                open("many/new%d" % i, "w").close()
old = {"f%04d" % i for i in range(1000) if not 500 <= i < 600}
assert old <= set(seen) and len(seen) == len(set(seen))
assert len(os.listdir("many")) == 950'

# ---- programs --------------------------------------------------------------
# Of all kinds but those that a mount does not have.
maketree "$SHM/tree" --seed 3 --many 300
rm -rf "$SHM/tree/deep" "$SHM/tree/acls" "$SHM/tree/xattrs" \
	"$SHM/tree/names/.ferry-tmp" "$SHM"/tree/sparse/1GiB*
find "$SHM/tree" \( -type p -o -type s -o -type b -o -type c \) -delete
find "$SHM/tree" -type f -links +1 -delete
check 'cp -a copies a tree in' cp -r --preserve=mode,timestamps,links \
	"$SHM/tree" "$MNT/tree"
check 'and it is the same' diff -r --no-dereference "$SHM/tree" "$MNT/tree"
check 'rsync copies it in and finds nothing to do then' bash -c "
	rsync -rlpt '$SHM/tree/' '$MNT/tree2/' &&
	[ -z \"\$(rsync -rlptcni --omit-dir-times '$SHM/tree/' '$MNT/tree2/')\" ]"
check 'rsync copies it out again, the same' bash -c "
	rsync -rlpt '$MNT/tree2/' '$SHM/back/' &&
	[ -z \"\$(rsync -rlptcni --omit-dir-times '$SHM/tree/' '$SHM/back/')\" ]"

(
	mkdir "$SHM/src" && cd "$SHM/src" && git init -q . &&
		for i in $(seq 60); do
			mkdir -p "d$((i % 7))" && echo "$i" >"d$((i % 7))/$i"
			git add . && git commit -qm "$i"
		done
) >/dev/null 2>&1
check 'git clones into it' git clone -q "$SHM/src" "$MNT/clone"
silent 'git status sees nothing changed' git -C "$MNT/clone" status --short
check 'git commits, packs and finds no fault' bash -c "
	cd '$MNT/clone' && echo more >>d1/1 && git commit -qam more &&
	git checkout -q -b side HEAD~5 && git merge -q -m m - &&
	git gc -q && git fsck --strict"

check 'make makes only what is older' bash -c "
	mkdir '$MNT/mk' && cd '$MNT/mk' &&
	printf 'all: out\nout: in\n\tcp in out\n' >Makefile && echo 1 >in &&
	make -s && [ -z \"\$(make -s -n out)\" ] && touch -d '+5 seconds' in &&
	make -s 2>/dev/null && cmp in out"

check 'SQLite keeps a database in it' bash -c "
	cd '$MNT' && sqlite3 db 'PRAGMA journal_mode=DELETE;
	CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);' >/dev/null &&
	for i in \$(seq 30); do
		sqlite3 db \"BEGIN; INSERT INTO t(b) VALUES(hex(randomblob(3000)));
			INSERT INTO t(b) SELECT b FROM t LIMIT 20; COMMIT;\"
	done && sqlite3 db 'BEGIN; DELETE FROM t; ROLLBACK;' &&
	[ \"\$(sqlite3 db 'PRAGMA integrity_check')\" = ok ] &&
	[ \"\$(sqlite3 db 'SELECT count(*) > 300 FROM t')\" = 1 ]"

tar -C "$SHM" -cf "$SHM/tree.tar" tree
check 'tar unpacks into it' bash -c "
	mkdir '$MNT/untar' && tar -C '$MNT/untar' --no-same-owner \
		-xf '$SHM/tree.tar' &&
	tar -C '$MNT/untar' -df '$SHM/tree.tar' 2>&1 | grep -v 'Uid\|Gid' |
	grep . && exit 1 || exit 0"

# ---- and in the end --------------------------------------------------------
(cd "$MNT" && find . -type f -not -path './many/*' -print0 | sort -z |
	xargs -0 sha256sum) >"$SHM/sums" 2>/dev/null
check 'ferry umount ends it when all is sent' down
check 'nothing is mounted then' not_mounted
check 'the place has every byte' bash -c \
	"cd '$PLACE' && [ \$(wc -l <'$SHM/sums') -gt 100 ] &&
	sha256sum --quiet -c '$SHM/sums'"
is 'and every name' "$(find "$PLACE/many" | wc -l)" 951
check 'and modes, links and times' treediff "$SHM/tree" "$PLACE/tree2" \
	--no-owner --no-dir-times
check 'mounted again, it is all there' up
check 'with every byte' bash -c \
	"cd '$MNT' && sha256sum --quiet -c '$SHM/sums'"
is 'and attributes, which are kept here' "$(getfattr --only-values \
	-n user.color "$MNT/x" 2>/dev/null | tr '\0' .)" red.blue
check 'and ends again' down

# ---- what others see -------------------------------------------------------
rm -rf "$PLACE" && mkdir -p "$PLACE/one" && echo 1 >"$PLACE/one/a"
check 'a place that was changed meanwhile is mounted' up --dir-cache-time 1s
check 'what is gone is gone, what is new is there' bash -c \
	"[ ! -e '$MNT/clone' ] && [ \"\$(cat '$MNT/one/a')\" = 1 ]"
printf 'changed and longer\n' >"$PLACE/one/a"
echo new >"$PLACE/one/b"
same() { cmp "$PLACE/one/a" "$MNT/one/a" && cmp "$PLACE/one/b" "$MNT/one/b"; }
check 'a change at the place is seen' until_true same
rm "$PLACE/one/b"
check 'a deletion at the place, too' until_true test ! -e "$MNT/one/b"
echo short >"$PLACE/one/a"
check 'a file that became shorter has no zeros at its end' until_true \
	cmp "$PLACE/one/a" "$MNT/one/a"
check 'and the mount ends' down

# ---- another disk in the place ---------------------------------------------
mkdir "$PLACE/disk" && mount -t tmpfs -o size=4m,mode=755 none "$PLACE/disk"
trap 'umount -l "$PLACE/disk"; mount_clean' EXIT
check 'a place with another disk in it is mounted' up
mkdir -p "$MNT/tree/sub/empty" "$SHM/disks" && chmod 750 "$MNT/tree/sub"
echo 1 >"$MNT/tree/a" && echo 2 >"$MNT/tree/sub/b" && ln -s a "$MNT/tree/l"
echo alone >"$MNT/alone" && touch -d '2020-02-03 04:05:06' "$MNT/alone"
check 'it has what is new' ferry mount flush "$MNT"
mkfifo "$PLACE/tree/sub/fifo" && chmod 700 "$PLACE/tree/sub/empty"
cp -a "$PLACE/tree" "$PLACE/alone" "$SHM/disks"
check 'a file goes to the other disk' mv "$MNT/alone" "$MNT/disk/alone"
check 'and so does a folder' mv "$MNT/tree" "$MNT/disk/tree"
check 'which the place has done in the end' ferry mount flush "$MNT"
check 'they are there' treediff "$SHM/disks" "$PLACE/disk" --no-dir-times
check 'and not where they were' \
	test ! -e "$PLACE/tree" -a ! -e "$PLACE/alone"
head -c 6000000 /dev/urandom >"$MNT/too large"
check 'a large file' ferry mount flush "$MNT"
check 'what is too large for it' mv "$MNT/too large" "$MNT/disk/"
exits 1 'stays in the queue' mount flush "$MNT"
says 'for that reason' 'o space'
check 'and is read' cmp "$MNT/disk/too large" "$PLACE/too large"
check 'it goes back' mv "$MNT/disk/too large" "$MNT/"
check 'and the mount ends' down
check 'with all as it was' treediff "$SHM/disks" "$PLACE/disk" --no-dir-times
umount "$PLACE/disk" && rm -r "${PLACE:?}"/*
trap mount_clean EXIT

mkdir "$PLACE/large"
(cd "$PLACE/large" && seq -f 'file %06g' 100000 | xargs -d '\n' touch)
check 'a folder of 100,000 entries is mounted' up
is 'it lists all of them' "$(find "$MNT/large" -type f | wc -l)" 100000
is 'and again' "$(find "$MNT/large" | wc -l)" 100001
check 'one of them is found by its name' test -f "$MNT/large/file 099999"
check 'and the mount ends' down

e2e_end
