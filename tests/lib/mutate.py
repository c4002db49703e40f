#!/usr/bin/python3
"""Change a tree at random, as people and programs do.

    mutate.py DIR [--seed N] [--changes N]

Contents (with and without a change of size), times alone, modes alone,
attributes alone, new and vanished entries, renames (also to another folder),
one kind of entry put in the place of another, hard links made and broken, and
what is sparse, grown or cut short.  What the user may not change is left.
"""
import argparse
import os
import random
import shutil
import stat

SKIP = {b"deep", b"crowd"}  # left as they are: for speed, and for PATH_MAX


class Mutator:
    def __init__(self, top, seed):
        self.top = top
        self.rng = random.Random(seed)
        self.seed = seed
        self.made = 0
        self.files, self.dirs, self.others = [], [], []
        for d, subs, names in os.walk(top):
            if d == top:
                subs[:] = sorted(s for s in subs if s not in SKIP)
            subs.sort()
            for s in list(subs):
                if os.path.islink(d + b"/" + s):
                    self.others.append(d + b"/" + s)
                else:
                    self.dirs.append(d + b"/" + s)
            for n in sorted(names):
                path = d + b"/" + n
                regular = stat.S_ISREG(os.lstat(path).st_mode)
                (self.files if regular else self.others).append(path)

    def pick(self, paths):
        for _ in range(50):
            path = self.rng.choice(paths)
            if os.path.lexists(path):
                return path
        raise OSError("nothing left")

    def pick_dir(self):
        for _ in range(50):
            d = self.pick(self.dirs)
            if os.path.isdir(d) and not os.path.islink(d):
                return d
        raise OSError("no folder left")

    def pick_file(self):
        for _ in range(50):
            f = self.pick(self.files)
            st = os.lstat(f)
            if stat.S_ISREG(st.st_mode) and st.st_size < 16 << 20:
                return f
        raise OSError("no file left")

    def new_name(self):
        self.made += 1
        odd = self.rng.choice([b"", b" ", b"\n", b"\xff", b"-"])
        return odd + b"new-%d-%d" % (self.seed, self.made)

    def new_path(self):
        return self.pick_dir() + b"/" + self.new_name()

    def write(self, path, n):
        with open(path, "wb") as f:
            f.write(self.rng.randbytes(n))

    def size(self):
        return self.rng.choice([0, 1, 100, 4096, 65536, 65537, 200000])

    def content(self):
        f = self.pick_file()
        self.write(f, os.lstat(f).st_size)

    def one_byte(self):
        f = self.pick_file()
        with open(f, "r+b") as h:
            size = os.fstat(h.fileno()).st_size
            h.seek(self.rng.randrange(size + 1))
            h.write(b"#")

    def resize(self):
        self.write(self.pick_file(), self.size())

    def append(self):
        with open(self.pick_file(), "ab") as f:
            f.write(self.rng.randbytes(self.rng.randrange(1, 5000)))

    def truncate(self):
        f = self.pick_file()
        os.truncate(f, self.rng.randrange(os.lstat(f).st_size + 1))

    def punch(self):
        f = self.pick_file()
        os.truncate(f, os.lstat(f).st_size + 300000)

    def replace(self):
        f = self.pick_file()
        temp = os.path.dirname(f) + b"/" + self.new_name()
        self.write(temp, os.lstat(f).st_size)
        os.rename(temp, f)

    def time(self):
        path = self.pick(self.files + self.dirs + self.others)
        ns = self.rng.randrange(-10**18, 4 * 10**18)
        os.utime(path, ns=(ns, ns), follow_symlinks=False)

    def mode(self):
        path = self.pick(self.files + self.dirs)
        if not os.path.islink(path):
            low = 0o700 if os.path.isdir(path) else 0o400
            os.chmod(path, self.rng.randrange(0o10000) | low)

    def owner(self):
        path = self.pick(self.files + self.dirs + self.others)
        os.chown(path, self.rng.randrange(5), self.rng.randrange(5),
                 follow_symlinks=False)

    def xattr(self):
        path = self.pick(self.files + self.dirs)
        names = os.listxattr(path, follow_symlinks=False)
        mine = [n for n in names if n.startswith("user.")]
        if mine and self.rng.random() < 0.5:
            os.removexattr(path, mine[0], follow_symlinks=False)
        else:
            os.setxattr(path, "user.m%d" % self.rng.randrange(3),
                        self.rng.randbytes(9), follow_symlinks=False)

    def rename(self):
        os.rename(self.pick(self.files + self.others), self.new_path())

    def rename_dir(self):
        d = self.pick_dir()
        if os.path.dirname(d) != self.top:
            os.rename(d, os.path.dirname(d) + b"/" + self.new_name())

    def swap(self):
        a, b = self.pick_file(), self.pick_file()
        temp = self.new_path()
        os.rename(a, temp)
        os.rename(b, a) if a != b else None
        os.rename(temp, b)

    def delete(self):
        os.unlink(self.pick(self.files + self.others))

    def delete_dir(self):
        d = self.pick_dir()
        if os.path.dirname(d) != self.top:
            shutil.rmtree(d)

    def add(self):
        self.write(self.new_path(), self.size())

    def add_dir(self):
        d = self.new_path()
        os.mkdir(d)
        for _ in range(self.rng.randrange(4)):
            self.write(d + b"/" + self.new_name(), self.size())

    def add_link(self):
        os.symlink(self.new_name(), self.new_path())

    def file_to_dir(self):
        f = self.pick_file()
        os.unlink(f)
        os.mkdir(f)
        self.write(f + b"/" + self.new_name(), self.size())

    def file_to_link(self):
        f = self.pick_file()
        os.unlink(f)
        os.symlink(self.new_name(), f)

    def file_to_fifo(self):
        f = self.pick_file()
        os.unlink(f)
        os.mkfifo(f)

    def dir_to_file(self):
        d = self.pick_dir()
        if os.path.dirname(d) != self.top:
            shutil.rmtree(d)
            self.write(d, self.size())

    def dir_to_link(self):
        d = self.pick_dir()
        if os.path.dirname(d) != self.top:
            shutil.rmtree(d)
            os.symlink(b"..", d)

    def other_to_file(self):
        path = self.pick(self.others)
        os.unlink(path)
        self.write(path, self.size())

    def retarget(self):
        path = self.pick(self.others)
        if os.path.islink(path):
            os.unlink(path)
            os.symlink(self.new_name(), path)

    def hard_make(self):
        os.link(self.pick_file(), self.new_path())

    def hard_over(self):
        a, b = self.pick_file(), self.pick_file()
        if a != b and not os.path.samefile(a, b):
            os.unlink(b)
            os.link(a, b)

    def hard_break(self):
        for f in self.rng.sample(self.files, len(self.files)):
            if os.path.lexists(f) and os.lstat(f).st_nlink > 1:
                st = os.lstat(f)
                os.unlink(f)
                # Never the size it had: with its time kept nobody could tell.
                self.write(f, 101 if st.st_size == 100 else 100)
                os.utime(f, ns=(st.st_mtime_ns,) * 2)
                return


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--changes", type=int, default=40)
    args = p.parse_args()
    os.umask(0o022)
    m = Mutator(os.fsencode(args.dir), args.seed)
    kinds = [k for k in vars(Mutator) if not k.startswith(("_", "pick", "new_"))
             and k not in ("write", "size")]
    if os.geteuid() != 0:
        kinds.remove("owner")
    done = 0
    for _ in range(args.changes * 4):
        try:
            getattr(m, m.rng.choice(kinds))()
        except OSError:
            continue  # not allowed, or no longer there
        done += 1
        if done == args.changes:
            break


main()
