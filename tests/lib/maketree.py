#!/usr/bin/python3
"""Make a tree that trips file tools.

    maketree.py DIR [--seed N] [--small] [--user] [--many N]

The same seed makes the same tree, up to what the file system and the user who
runs this are able to make: --user leaves out what its owner could not read
back (and a process that is not root does so by itself).  --small leaves out
the long and the many, for tests that repeat.  What could not be made is said
on standard error.
"""
import argparse
import os
import random
import socket
import stat
import struct
import sys

KIB = 1024
MIB = 1024 * KIB
NS = 10**9

SIZES = [0, 1, 2, 511, 512, 513, 4095, 4096, 4097, 16383, 16384, 16385,
         65535, 65536, 65537, 131071, 131072, 131073, 262143, 262144, 262145]
BIG_SIZES = [MIB - 1, MIB, MIB + 1, 4 * MIB + 1, 9 * MIB]

NAMES = [
    b"plain.txt", b" leading space", b"trailing space ", b"two  spaces",
    b"new\nline", b"\n", b"tab\there", b"\rreturn", b"bell\x07", b"esc\x1b[31m",
    b"del\x7f", b"-leading-dash", b"--delete", b"-", b"'single'", b'"double"',
    b"back\\slash", b"\\", b"`tick`", b"$(date)", b"$HOME", b"a;b", b"a|b",
    b"a&b", b"a>b", b"*", b"?", b"[a-z]", b"{a,b}", b"!bang", b"#hash",
    b"~tilde", b"~", b"%41", b"%", b"a:b", b":", b"c:\\x", b"name,key=value:x",
    b"...", b"..a", b".hidden", b".a", b"a.", b"COM1", b"x" * 255,
    b"\xff\xfe" * 127, "é".encode() * 127, "名".encode() * 85,
    "🦊.txt".encode(), "👨‍👩‍👧.txt".encode(),
    "caf\u00e9".encode(), "cafe\u0301".encode(),      # NFC and NFD
    "\u212b".encode(), "\u00c5".encode(),             # one letter, two signs
    "rtl\u202etxt.exe".encode(), "zero\u200bwidth".encode(),
    b"\x80", b"\xff", b"bad\xc3", b"\xed\xa0\x80", b"over\xc0\xaflong",
    b"latin1-\xe9", b"Case", b"case", b"CASE",
    b".ferry-trash-not", b".ferry-tmp", b"x.ferry-tmp.", b"a.ferry-tmp.0123",
    b".nfs0001", b"file.partial", b"file~", b".~lock#", b"lost+found",
]

TIMES = [  # seconds and nanoseconds: before 1970, after 2038, in between
    (-2147483647, 5), (-86400, 999999999), (-1, 0), (-1, 1), (-1, 999999999),
    (0, 0), (0, 1), (1, 0), (946684799, 999999999), (1700000000, 123456789),
    (2147483647, 0), (2147483647, 999999999), (2147483648, 0),
    (4102444800, 1), (4294967295, 999999999), (4294967296, 0),
    (7258118400, 500000000),
]

USER_MODES = [0o400, 0o444, 0o600, 0o644, 0o755, 0o777, 0o700, 0o604, 0o4755,
              0o2755, 0o6711, 0o1644]
ROOT_MODES = USER_MODES + [0o000, 0o001, 0o111, 0o200, 0o222, 0o4000, 0o2000,
                           0o1000, 0o7777, 0o7000]
USER_DIR_MODES = [0o500, 0o555, 0o700, 0o755, 0o777, 0o1777, 0o2755, 0o3777]
ROOT_DIR_MODES = USER_DIR_MODES + [0o000, 0o111, 0o222, 0o4755, 0o7777, 0o7000]


def content(rng, n):
    return rng.randbytes(n)


class Maker:
    def __init__(self, args):
        self.rng = random.Random(args.seed)
        self.root = os.geteuid() == 0 and not args.user
        self.small = args.small
        self.many = args.many
        self.missing = {}
        self.dirs = []  # in the order in which they were made

    def cannot(self, what, error):
        self.missing.setdefault(what, error)

    def time(self):
        if self.rng.random() < 0.5:
            s, n = self.rng.choice(TIMES)
            return s * NS + n
        return (self.rng.randrange(10**9, 2 * 10**9) * NS +
                self.rng.randrange(NS))

    def set_time(self, path, ns=None):
        os.utime(path, ns=(ns or self.time(),) * 2, follow_symlinks=False)

    def dir(self, path):
        os.mkdir(path, 0o755)
        self.dirs.append(path)
        return path

    def file(self, path, data=b"", mode=0o644):
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        self.set_time(path)
        return path

    def xattr(self, path, name, value):
        before = os.lstat(path).st_mtime_ns
        try:
            os.setxattr(path, name, value, follow_symlinks=False)
        except OSError as e:
            self.cannot("xattr " + name.split(".")[0], e)
        self.set_time(path, before)

    # What each folder at the top is about.

    def names(self, d):
        for i, name in enumerate(NAMES):
            self.file(d + b"/" + name, b"%d " % i + name)
        sub = self.dir(d + b"/folders")
        for name in NAMES:
            self.dir(sub + b"/" + name)
            self.file(sub + b"/" + name + b"/in", name)
        links = self.dir(d + b"/links")
        for name in NAMES:
            os.symlink(name, links + b"/" + name)
            self.set_time(links + b"/" + name)

    def sizes(self, d):
        for n in SIZES + ([] if self.small else BIG_SIZES):
            self.file(d + b"/%d" % n, content(self.rng, n))
            self.file(d + b"/%d.zero" % n, bytes(n))

    def times(self, d):
        for i, (s, n) in enumerate(TIMES):
            path = self.file(d + b"/file%d" % i, b"t")
            self.set_time(path, s * NS + n)
            os.symlink(b"to", d + b"/link%d" % i)
            self.set_time(d + b"/link%d" % i, s * NS + n)
            self.dir(d + b"/dir%d" % i)

    def sparse(self, d):
        block = 64 * KIB
        layouts = {
            b"hole-start": (20 * block, [19]),
            b"hole-middle": (20 * block, [0, 19]),
            b"hole-end": (20 * block, [0]),
            b"all-hole": (20 * block, []),
            b"alternating": (64 * block, list(range(0, 64, 2))),
            b"odd-end": (20 * block + 12345, [3]),
            b"one-byte-past": (20 * block + 1, [20]),
        }
        if not self.small:
            layouts[b"1GiB"] = (1024 * MIB, [0, 8191, 16383])
            layouts[b"1GiB-hole"] = (1024 * MIB, [])
        for name, (size, blocks) in layouts.items():
            path = self.file(d + b"/" + name)
            with open(path, "r+b") as f:
                f.truncate(size)
                for b in blocks:
                    f.seek(b * block)
                    f.write(content(self.rng, min(block, size - b * block)))
            self.set_time(path)

    def hard(self, d):
        a, b = self.dir(d + b"/a"), self.dir(d + b"/b")
        self.file(a + b"/two", b"two names")
        os.link(a + b"/two", a + b"/two-again")
        self.file(a + b"/zz-across", b"in two folders")
        os.link(a + b"/zz-across", b + b"/aa-across")
        self.file(b + b"/three", content(self.rng, 70000))
        os.link(b + b"/three", a + b"/three")
        os.link(b + b"/three", d + b"/three")
        self.file(d + b"/empty1")
        os.link(d + b"/empty1", d + b"/empty2")
        # Two files that are the same in all but name.
        for name in (b"/twin1", b"/twin2"):
            self.set_time(self.file(d + name, b"twin"), 10**18)
        for i in range(20):
            first = self.file(d + b"/set%d" % i, b"%d" % i)
            for j in range(i % 4):
                os.link(first, (a, b)[j % 2] + b"/set%d-%d" % (i, j))
        self.set_time(d + b"/set0")

    def links(self, d):
        long = b"/".join([b"t" * 200] * 20)
        for name, target in {
                b"dangling": b"no/such/file", b"self": b"self",
                b"loop1": b"loop2", b"loop2": b"loop1", b"parent": b"..",
                b"dot": b".", b"absolute": b"/etc/passwd", b"root": b"/",
                b"todir": b"realdir", b"todir-slash": b"realdir/",
                b"tofile": b"realdir/file", b"long": long[:4000],
                b"limit": b"y" * 255, b"newline": b"a\nb", b"bad": b"\xff\xfe",
                b"spaces": b" a  b ", b"deep-up": b"../" * 100,
                b"proc": b"/proc/self/root"}.items():
            try:
                os.symlink(target, d + b"/" + name)
            except OSError as e:  # xfs and others end at 1,024 bytes
                self.cannot("link target of %d bytes" % len(target), e)
                os.symlink(target[:1000], d + b"/" + name)
            self.set_time(d + b"/" + name)
        self.dir(d + b"/realdir")
        self.file(d + b"/realdir/file", b"target")

    def special(self, d):
        os.mkfifo(d + b"/fifo", 0o640)
        os.mkfifo(d + b"/fifo-rw", 0o666)
        # The path of a socket is short: by way of the folder's descriptor.
        fd = os.open(d, os.O_RDONLY | os.O_DIRECTORY)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(b"/proc/self/fd/%d/socket" % fd)
        os.close(fd)
        if self.root:
            for name, kind, major, minor in [
                    (b"null", stat.S_IFCHR, 1, 3), (b"big", stat.S_IFCHR, 511,
                                                    1048575),
                    (b"disk", stat.S_IFBLK, 7, 250),
                    (b"zero-zero", stat.S_IFCHR, 0, 0)]:
                try:
                    os.mknod(d + b"/" + name, kind | 0o600,
                             os.makedev(major, minor))
                except OSError as e:
                    self.cannot("device nodes", e)
        for name in os.listdir(d):
            self.set_time(d + b"/" + name)

    def modes(self, d):
        for mode in ROOT_MODES if self.root else USER_MODES:
            self.file(d + b"/f%04o" % mode, b"%04o" % mode, mode)
        for mode in ROOT_DIR_MODES if self.root else USER_DIR_MODES:
            sub = self.dir(d + b"/d%04o" % mode)
            self.file(sub + b"/file", b"in")
            os.symlink(b"file", sub + b"/link")
            self.set_time(sub + b"/link")
            self.dir(sub + b"/sub")

    def xattrs(self, d):
        big = content(self.rng, 2000)
        for i, (name, value) in enumerate([
                ("user.empty", b""), ("user.text", b"value"),
                ("user.zero", b"a\0b\0"), ("user.big", big),
                ("user.\u00e9", b"x"), ("user." + "n" * 249, b"long name")]):
            self.xattr(self.file(d + b"/f%d" % i, b"x"), name, value)
        several = self.file(d + b"/several", b"x")
        for i in range(8):
            self.xattr(several, "user.n%d" % i, b"%d" % i)
        sub = self.dir(d + b"/dir")
        self.xattr(sub, "user.on-dir", b"d")
        readonly = self.file(d + b"/readonly", b"x")
        self.xattr(readonly, "user.ro", b"r")
        os.chmod(readonly, 0o444)
        if self.root:
            for name in ("trusted.ferry", "security.ferry"):
                self.xattr(self.file(d + b"/" + name.encode(), b"x"), name,
                           b"r\0t")
                self.xattr(sub, name, b"on dir")
            os.symlink(b"nowhere", d + b"/link")
            self.set_time(d + b"/link")
            self.xattr(d + b"/link", "trusted.link", b"on link")
            # cap_net_raw, permitted and effective
            ping = self.file(d + b"/capability", b"#!", 0o755)
            self.xattr(ping, "security.capability",
                       struct.pack("<5I", 0x02000001, 1 << 13, 0, 0, 0))

    def acls(self, d):
        def acl(*entries):
            return struct.pack("<I", 2) + b"".join(
                struct.pack("<HHI", *e) for e in entries)
        none = 0xFFFFFFFF
        access = acl((1, 6, none), (2, 4, 65534), (4, 4, none), (8, 2, 12),
                     (16, 6, none), (32, 0, none))
        folder = acl((1, 7, none), (2, 5, 65534), (4, 5, none), (8, 2, 12),
                     (16, 7, none), (32, 0, none))
        default = acl((1, 7, none), (2, 7, 65534), (4, 5, none),
                      (16, 7, none), (32, 5, none))
        for name in (b"before", b"with-acl"):
            self.file(d + b"/" + name, b"x")
        self.xattr(d + b"/with-acl", "system.posix_acl_access", access)
        sub = self.dir(d + b"/default")
        self.file(sub + b"/older", b"x")
        self.dir(sub + b"/older-dir")
        self.xattr(sub, "system.posix_acl_default", default)
        self.file(sub + b"/inherits", b"x")
        self.file(sub + b"/open", b"x", 0o666)
        self.dir(sub + b"/inherits-dir")
        self.file(sub + b"/inherits-dir/file", b"x")
        os.mkfifo(sub + b"/fifo")
        self.set_time(sub + b"/fifo")
        os.symlink(b"x", sub + b"/link")
        self.set_time(sub + b"/link")
        self.xattr(sub, "system.posix_acl_access", folder)

    def folders(self, d):
        self.dir(d + b"/empty")
        path = d
        for i in range(30):
            path = self.dir(path + b"/n%d" % i)
        self.file(path + b"/bottom", b"30 down")
        sub = self.dir(d + b"/readonly")
        self.file(sub + b"/file", b"cannot be replaced")
        self.dir(sub + b"/inner")
        self.file(sub + b"/inner/file", b"x")
        # Siblings whose order differs with and without the '/'.
        for name in (b"a", b"a-b", b"a.b", b"a0", b"ab"):
            self.dir(d + b"/" + name)
            self.file(d + b"/" + name + b"/f", name)
        self.file(d + b"/a+", b"x")

    def deep(self, d):
        """Beyond PATH_MAX: one step at a time."""
        here = os.open(".", os.O_RDONLY)
        os.chdir(d)
        for i in range(25):
            name = b"%02d-" % i + b"d" * 197
            os.mkdir(name)
            os.chdir(name)
            self.file(b"file", b"at depth %d" % i)
        os.symlink(b"file", b"link")
        self.set_time(b"link")
        os.link(b"file", b"hard")
        os.mkdir(b"empty")
        for i in range(25):
            self.set_time(b".", (1500000000 + i) * NS + i)
            os.chdir(b"..")
        os.fchdir(here)
        os.close(here)

    def crowd(self, d):
        for i in range(self.many):
            self.file(d + b"/%05d" % (i * 7919 % 100003), b"%d" % i)

    def owners(self, d):
        ids = [(0, 0), (1, 1), (1000, 1000), (65534, 65534), (0, 12),
               (4000000000, 4000000001)]
        for uid, gid in ids:
            name = d + b"/%d-%d" % (uid, gid)
            os.chown(self.file(name, b"x"), uid, gid)
            os.chown(self.dir(name + b".d"), uid, gid)
            os.symlink(b"x", name + b".l")
            os.chown(name + b".l", uid, gid, follow_symlinks=False)
            os.mkfifo(name + b".p")
            os.chown(name + b".p", uid, gid)
            self.set_time(name + b".l")
            self.set_time(name + b".p")
            setid = self.file(name + b".s", b"x")
            os.chown(setid, uid, gid)  # takes the bits away: so first
            os.chmod(setid, 0o6755)

    def finish(self):
        """What a child's creation changes in its folder comes last."""
        for d in reversed(self.dirs):
            name = os.path.basename(d)
            self.set_time(d)
            if os.path.basename(os.path.dirname(d)) == b"modes":
                os.chmod(d, int(name[1:], 8))
            elif name == b"readonly":
                os.chmod(d + b"/inner", 0o555)
                os.chmod(d, 0o555)
            elif os.path.basename(os.path.dirname(d)) == b"times":
                s, n = TIMES[int(name[3:])]
                self.set_time(d, s * NS + n)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--small", action="store_true")
    p.add_argument("--user", action="store_true")
    p.add_argument("--many", type=int, default=5000)
    args = p.parse_args()
    os.umask(0o022)
    top = os.fsencode(args.dir)
    os.makedirs(top, exist_ok=True)
    m = Maker(args)
    m.dirs.append(top)
    parts = ["names", "sizes", "times", "sparse", "hard", "links", "special",
             "modes", "xattrs", "acls", "folders"]
    if not m.small:
        parts += ["deep", "crowd"]
    if m.root:
        parts += ["owners"]
    for part in parts:
        getattr(m, part)(m.dir(top + b"/" + part.encode()))
    m.finish()
    for what, error in m.missing.items():
        print("maketree: not here: %s (%s)" % (what, error), file=sys.stderr)


main()
