#!/usr/bin/python3
"""Compare two trees entry by entry, by descriptors, so at any depth.

    treediff.py A B [--content] [--no-owner] [--files]
                [--no-dir-times] [--sparse]
    treediff.py --dump A

Prints each difference, and exits with 1 if there is one.  Everything that a
tree can hold counts: names, types, modes, owners, times to the nanosecond,
sizes, content, link targets, device numbers, extended attributes (ACLs are
among them) and which names are hard links of one file.  --content looks at
names, types, content and files' times only, --files not even at folders.  --sparse also wants B's files to
take no more room than A's.  --dump prints the tree, one entry a line, to be
kept and compared with a later dump.
"""
import argparse
import hashlib
import os
import stat
import sys

BLOCK = 64 * 1024


def digest(fd, size):
    """Of all that is not zero and where it lies: holes are read quickly."""
    h = hashlib.blake2b(digest_size=16)
    zero = bytes(BLOCK)
    at = 0
    while at < size:
        try:
            at = os.lseek(fd, at, os.SEEK_DATA) // BLOCK * BLOCK
        except OSError:
            break  # a hole to the end
        data = os.pread(fd, BLOCK, at)
        if not data:
            break
        if data != zero[:len(data)]:
            h.update(b"%d:" % at)
            h.update(data)
        at += BLOCK
    return h.hexdigest()


class Tree:
    def __init__(self, path, content_only=False):
        self.entries = {}
        self.links = {}  # (dev, ino) -> names
        self.content_only = content_only
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self.add(b".", os.fstat(fd), b"", fd)
        self.walk(fd, b"")
        os.close(fd)
        for names in self.links.values():
            for n in names:
                self.entries[n]["names"] = sorted(names)

    def walk(self, dirfd, path):
        for name in sorted(os.fsencode(n) for n in os.listdir(dirfd)):
            st = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
            full = path + b"/" + name if path else name
            self.add(full, st, name, dirfd)
            if stat.S_ISDIR(st.st_mode):
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY |
                             os.O_NOFOLLOW, dir_fd=dirfd)
                self.walk(fd, full)
                os.close(fd)

    def add(self, full, st, name, dirfd):
        kind = stat.S_IFMT(st.st_mode)
        e = {"type": "%o" % kind}
        if kind == stat.S_IFREG:
            e["size"] = st.st_size
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=dirfd)
            e["content"] = digest(fd, st.st_size)
            os.close(fd)
            e["blocks"] = st.st_blocks
        if kind == stat.S_IFLNK:
            e["target"] = os.readlink(name, dir_fd=dirfd)
        if kind in (stat.S_IFCHR, stat.S_IFBLK):
            e["device"] = st.st_rdev
        if kind == stat.S_IFREG or not self.content_only:
            e["mtime"] = st.st_mtime_ns
        if not self.content_only:
            e["mode"] = "%o" % stat.S_IMODE(st.st_mode)
            e["owner"] = (st.st_uid, st.st_gid)
            e["xattrs"] = self.xattrs(dirfd, name)
            if kind != stat.S_IFDIR and st.st_nlink > 1:
                self.links.setdefault((st.st_dev, st.st_ino), []).append(full)
        self.entries[full] = e

    @staticmethod
    def xattrs(dirfd, name):
        path = b"/proc/self/fd/%d/" % dirfd + (name or b".")
        try:
            names = os.listxattr(path, follow_symlinks=False)
            return {n: os.getxattr(path, n, follow_symlinks=False)
                    for n in sorted(names)
                    if not n.startswith("trusted.SGI_ACL_")}  # xfs: an echo
        except PermissionError:
            return "unreadable"


def show(name):
    return repr(name)[1:]


def compare(a, b, args):
    ignore = {"blocks"}
    if args.no_owner:
        ignore.add("owner")
    n = 0
    for name in sorted(set(a) | set(b)):
        if name not in a or name not in b:
            print("only in %s:" % ("B" if name in b else "A"), show(name))
            n += 1
        else:
            ea, eb = dict(a[name]), dict(b[name])
            blocks = ea.get("blocks", 0), eb.get("blocks", 0)
            for key in ignore:
                ea.pop(key, None), eb.pop(key, None)
            if args.no_dir_times and ea["type"] == "%o" % stat.S_IFDIR:
                ea.pop("mtime", None), eb.pop("mtime", None)
            if args.sparse and blocks[1] > blocks[0] + 256:
                print("takes more room: %s: %d and %d blocks" %
                      ((show(name),) + blocks))
                n += 1
            for key in sorted(set(ea) | set(eb)):
                if ea.get(key) != eb.get(key):
                    print("%s: %s: %.200r and %.200r" %
                          (show(name), key, ea.get(key), eb.get(key)))
                    n += 1
    return n


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dirs", nargs="+")
    p.add_argument("--dump", action="store_true")
    p.add_argument("--content", action="store_true")
    p.add_argument("--files", action="store_true")
    p.add_argument("--no-owner", action="store_true")
    p.add_argument("--no-dir-times", action="store_true")
    p.add_argument("--sparse", action="store_true")
    args = p.parse_args()
    sys.setrecursionlimit(10000)
    trees = [Tree(os.fsencode(d), args.content or args.files).entries
             for d in args.dirs]
    if args.files:
        trees = [{n: e for n, e in t.items()
                  if e["type"] != "%o" % stat.S_IFDIR} for t in trees]
    if args.dump:
        for name in sorted(trees[0]):
            # How many blocks: file systems change their minds about that.
            print(show(name), sorted((k, v) for k, v in trees[0][name].items()
                                     if k != "blocks"))
        return 0
    return 1 if compare(trees[0], trees[1], args) else 0


sys.exit(main())
