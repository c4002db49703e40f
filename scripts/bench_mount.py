"""The cases of scripts/bench for mounts, everything on one CPU."""
import os
import shutil
import signal
import statistics
import subprocess
import tarfile
import time

from bench_remotes import DELAY, LONG_AGO

RANDOM_READS = 50000
DRAIN = 300  # seconds to wait for a place to have all


def timed(command, **more):
    start = time.monotonic()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, **more)
    return time.monotonic() - start


class Mount:
    """One program's mount; `again` finds the cache of before."""

    def __init__(self, bench, name, place):
        self.bench, self.name = bench, name
        self.dir = bench.path("mnt-" + name)
        self.cache = bench.path("cache-" + name)
        os.makedirs(self.dir, exist_ok=True)
        os.makedirs(self.cache, exist_ok=True)
        getattr(self, "start_" + name)(place)
        end = time.monotonic() + 30
        while not os.path.ismount(self.dir):
            if time.monotonic() > end or (self.process and
                                          self.process.poll() is not None):
                raise RuntimeError("%s does not mount" % name)
            time.sleep(0.01)

    def spawn(self, command, **env):
        log = open(self.bench.path("log-" + self.name), "ab")
        with log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, **env))
        self.pid = self.process.pid

    def start_floor(self, place):
        self.spawn([self.bench.tool_path("fuse_floor"), place, self.dir])

    def start_rclone(self, place):
        self.spawn(["rclone", "mount", place, self.dir, "--cache-dir",
                    self.cache, "--vfs-cache-mode", "full",
                    "--vfs-write-back", "200ms"])

    def start_ferry(self, place):
        self.spawn([self.bench.ferry, "mount", place, self.dir,
                    "--vfs-write-back", "200ms"],
                   FERRY_CACHE_DIR=self.cache, FERRY_STATE_DIR=self.cache)

    def start_davfs(self, place):
        """It keeps its cache where its own user may; newer kernels ask for
        more of a folder at once than it is ready for without buf_size."""
        conf = self.bench.path("davfs.conf")
        with open(conf, "w") as f:
            f.write("ask_auth 0\nuse_locks 0\ndelay_upload 0\n"
                    "cache_size 4096\nbuf_size 1024\n")
        self.process = None
        subprocess.run(["mount", "-t", "davfs", "-o",
                        "conf=%s,uid=0,gid=0" % conf, place, self.dir],
                       check=True, stdout=subprocess.DEVNULL)
        name = self.dir.strip("/").replace("/", "-") + ".pid"
        name = os.path.join("/run/mount.davfs", name)
        for _ in range(100):
            if os.path.exists(name) and os.path.getsize(name):
                break
            time.sleep(0.05)
        with open(name) as f:
            self.pid = int(f.read())

    def memory(self, field="VmRSS"):
        with open("/proc/%d/status" % self.pid) as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
        return 0

    def stop(self):
        if self.name == "ferry":
            command = ["env", "FERRY_STATE_DIR=" + self.cache,
                       self.bench.ferry, "umount", self.dir]
        else:
            command = ["umount", self.dir]
        for _ in range(50):
            if subprocess.run(command, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "-l", self.dir])
        if self.process:
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()

    def forget(self):
        """As if it had never been mounted."""
        shutil.rmtree(self.cache, ignore_errors=True)
        if self.name == "davfs":
            tail = self.dir.strip("/").replace("/", "-") + "+root"
            for name in os.listdir("/var/cache/davfs2"):
                if name.endswith(tail):
                    shutil.rmtree(os.path.join("/var/cache/davfs2", name))


class Mounts:
    """Mixed into Bench."""
    davfs = None  # not tried

    def one_cpu(self):
        self.cpus = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(self.cpus)})

    def all_cpus(self):
        os.sched_setaffinity(0, self.cpus)

    def mount_programs(self, webdav):
        names = ["rclone", "ferry"]
        if not webdav:
            names.insert(0, "floor")
        if webdav and self.davfs_works():
            names.insert(1, "davfs")
        return names

    def davfs_works(self):
        """Whether davfs2 mounts here, tried once."""
        if self.davfs is None:
            try:
                m = Mount(self, "davfs", "http://127.0.0.1:%d/" %
                          self.apache.port)
                m.stop()
                m.forget()
                self.davfs = True
            except (OSError, RuntimeError, ValueError,
                    subprocess.CalledProcessError) as e:
                print("- davfs2 is left out, it does not mount: %s" % e,
                      flush=True)
                self.davfs = False
        return self.davfs

    def load(self, *args):
        """Of tests/lib/mount_load: how many, and in which time."""
        out = subprocess.run([self.tool_path("mount_load")] +
                             [str(a) for a in args], check=True,
                             stdout=subprocess.PIPE, encoding="utf-8").stdout
        n, seconds = out.split()
        return int(n), float(seconds)

    def mount_rounds(self, title, places, work, rows, targets=(),
                     pinned=True):
        """places: name -> place, or what gives one for a run.  work(mount,
        run) -> {row: value}.  rows: (row, unit, digits).  targets: (row,
        other or None, most, more is better).  pinned: all on one CPU."""
        got = {name: {} for name in places}
        names = list(places)
        if pinned:
            self.one_cpu()
        try:
            for run in range(self.args.runs):
                for name in names[run % len(names):] + \
                        names[:run % len(names)]:
                    place = places[name]
                    if callable(place):
                        place = place(run)
                    for row, value in work(name, place, run).items():
                        got[name].setdefault(row, []).append(value)
        finally:
            if pinned:
                self.all_cpus()
        self.mount_table(title, names, got, rows)
        for row, other, most, more in targets:
            self.mount_target(title, got, row, other, most, more)

    def mount_table(self, title, names, got, rows):
        print("\n### %s, on %s\n" % (title, self.where))
        print("| | %s |" % " | ".join(names))
        print("|---|%s" % ("---:|" * len(names)))
        for row, unit, digits in rows:
            cells = ["%.*f" % (digits, statistics.median(got[n][row]))
                     if got[n].get(row) else "-" for n in names]
            print("| %s, %s | %s |" % (row, unit, " | ".join(cells)))
        print(flush=True)

    def mount_target(self, title, got, row, other, most, more):
        ours = got["ferry"].get(row)
        theirs = got.get(other, {}).get(row) if other else None
        if not ours or (other and not theirs):
            return
        what = "%s: %s" % (title, row)
        if not other:
            self.verdict(what, statistics.median(ours), most, "")
            return
        # As times, so that at most is always what is wanted.
        ratio = statistics.median(b / a if more else a / b
                                  for a, b in zip(ours, theirs))
        self.verdict("%s: time, ferry / %s" % (what, other), ratio, most, "x")

    # The cases.

    def small_tree(self, top, folders, files, size):
        for d in range(folders):
            folder = os.path.join(top, "folder-%03d" % d)
            os.makedirs(folder)
            self.random_files(folder, files, size)
        if os.geteuid() == 0 and top.startswith(self.path("apache")):
            subprocess.run(["chown", "-R", "www-data:", top], check=True)

    def small_tar(self, files):
        """A tar of small files; its path."""
        src, out = self.path("tar-src"), self.path("small.tar")
        if not os.path.exists(out):
            os.mkdir(src)
            self.small_tree(src, max(1, files // 100), min(files, 100), 3000)
            with tarfile.open(out, "w") as t:
                t.add(src, "small")
        return out, src

    def mount_local(self):
        """What the cache holds, over a folder of this machine."""
        self.mount_cached(False)

    def mount_webdav(self):
        """The same, over WebDAV on this machine."""
        self.serve()
        self.mount_cached(True)

    def mount_cached(self, webdav):
        files = max(100, self.scale(5000) // 100 * 100)
        big = self.scale(1 << 30)
        folders = max(1, files // 100)
        if webdav:
            top = self.apache.mkdir("mounted")
        else:
            top = self.path("mounted")
            os.mkdir(top)
        self.small_tree(os.path.join(top, "small"), folders,
                        min(files, 100), 4096)
        self.tool("mktree", "large", os.path.join(top, "big"), big)
        os.chmod(os.path.join(top, "big"), 0o644)
        if webdav:
            subprocess.run(["chown", "-R", "www-data:", top], check=True)
        tar, tar_src = self.small_tar(files)
        entries = folders * (min(files, 100) + 1) + 1

        def work(name, place, run):
            m = Mount(self, name, place)
            out = {}
            try:
                time.sleep(0.3)
                out["memory, idle"] = m.memory()
                small = os.path.join(m.dir, "small")
                timed(["find", small, "-ls"])
                out["find -ls"] = entries / timed(["find", small, "-ls"])
                self.load("files", small)
                n, t = self.load("files", small)
                out["small files read"] = n / t
                bigfile = os.path.join(m.dir, "big")
                timed(["dd", "if=" + bigfile, "of=/dev/null", "bs=1M",
                       "status=none"])
                out["large file read"] = big / 2**20 / timed(
                    ["dd", "if=" + bigfile, "of=/dev/null", "bs=1M",
                     "status=none"])
                n, t = self.load("reads", bigfile, self.scale(RANDOM_READS),
                                 4096)
                out["random 4 KiB reads"] = n / t
                new = os.path.join(m.dir, "new-%s-%d" % (name, run))
                os.mkdir(new)
                n, t = self.load("create", new, self.scale(5000), 4096)
                out["small files created"] = n / t
                untar = os.path.join(m.dir, "tar-%s-%d" % (name, run))
                os.mkdir(untar)
                out["untarred"] = files / timed(["tar", "-C", untar, "-xf",
                                                 tar])
                out["memory, under load"] = m.memory("VmHWM")
            finally:
                m.stop()
            return out
        places = {}
        for name in self.mount_programs(webdav):
            if not webdav:
                places[name] = top
            elif name == "davfs":
                places[name] = "http://127.0.0.1:%d/mounted/" % \
                    self.apache.port
            else:
                places[name] = self.place(self.apache.port, "mounted")
        meta = ["find -ls", "small files read", "small files created",
                "untarred"]
        data = ["large file read", "random 4 KiB reads"]
        targets = [(r, "floor", 1.3, True) for r in meta + data] + \
            [(r, "rclone", 1 / 3, True) for r in meta] + \
            [(r, "rclone", 1 / 2, True) for r in data] + \
            [("memory, idle", None, 12, False),
             ("memory, under load", None, 64, False)]
        self.mount_rounds(
            "mounted, %s" % ("WebDAV" if webdav else "a folder"), places,
            work,
            [("find -ls", "entries/s", 0), ("small files read", "1/s", 0),
             ("large file read", "MiB/s", 0),
             ("random 4 KiB reads", "1/s", 0),
             ("small files created", "1/s", 0), ("untarred", "files/s", 0),
             ("memory, idle", "MiB", 1), ("memory, under load", "MiB", 1)],
            targets)
        for name in places:
            self.remove("cache-" + name)
        shutil.rmtree(top)
        shutil.rmtree(tar_src)
        os.unlink(tar)

    def mount_many(self):
        """100,000 entries in one folder and in a thousand."""
        files = self.scale(100000)
        for folders in (1, max(1, files // 100)):
            top = self.path("many-entries")
            self.tool("mktree", "empty", top, files, folders)

            def work(name, place, run):
                m = Mount(self, name, place)
                try:
                    out = {"find -ls, first": files / timed(
                        ["find", m.dir, "-ls"])}
                    out["find -ls, again"] = files / timed(
                        ["find", m.dir, "-ls"])
                    out["memory"] = m.memory()
                finally:
                    m.stop()
                m.forget()
                return out
            self.mount_rounds(
                "mounted, %d entries in %d folders" % (files, folders),
                {n: top for n in self.mount_programs(False)}, work,
                [("find -ls, first", "entries/s", 0),
                 ("find -ls, again", "entries/s", 0), ("memory", "MiB", 1)],
                [("find -ls, again", "floor", 1.3, True),
                 ("find -ls, first", "rclone", 1 / 3, True),
                 ("memory", None, 64, False)])
            self.remove("many-entries")

    def mount_place(self, name, port, path):
        if name == "davfs":
            return "http://127.0.0.1:%d/%s/" % (port, path)
        return self.place(port, path)

    def wait_for(self, folder, n, size):
        """Until the server has n files of this size there."""
        end = time.monotonic() + DRAIN
        while time.monotonic() < end:
            try:
                have = sum(1 for e in os.scandir(folder)
                           if e.is_file() and e.name.startswith("new-") and
                           e.stat().st_size == size)
            except FileNotFoundError:
                have = 0
            if have >= n:
                return
            time.sleep(0.02)
        raise RuntimeError("%s: %d of %d arrived" % (folder, have, n))

    def mount_far(self):
        """Behind a long line, nothing known yet."""
        self.serve()
        files, near = self.scale(10000), self.scale(200)
        new = max(5, self.scale(100))
        big = self.scale(256 << 20)
        top = self.apache.mkdir("far")
        self.small_tree(os.path.join(top, "tree"), max(1, files // 100),
                        min(files, 100), 100)
        self.small_tree(os.path.join(top, "near"), 1, near, 8192)
        self.tool("mktree", "large", os.path.join(top, "video"), big)
        os.utime(os.path.join(top, "video"), (LONG_AGO, LONG_AGO))
        subprocess.run(["chown", "-R", "www-data:", top], check=True)
        rtt = 2 * DELAY / 1000

        def curl_byte():
            return timed(["curl", "-q", "-s", "-S", "-f", "-r", "0-0", "-o",
                          "/dev/null", "http://127.0.0.1:%d/far/video" %
                          self.far.port])

        def cold(name, place, job):
            m = Mount(self, name, place)
            try:
                time.sleep(0.5)
                return job(m)
            finally:
                m.stop()
                m.forget()

        def work(name, place, run):
            out = {}
            out["find -ls, cold"] = cold(name, place, lambda m: timed(
                ["find", os.path.join(m.dir, "tree"), "-ls"]))
            out["small files read, cold"] = cold(
                name, place, lambda m: self.load(
                    "files", os.path.join(m.dir, "near"))[1])

            def seeks(m):
                video = os.path.join(m.dir, "video")
                self.load("byte", video)
                n, t = self.load("reads", video, 20, 65536)
                return t / n
            out["random 64 KiB read"] = cold(name, place, seeks)
            out["first byte, more than curl"] = cold(
                name, place, lambda m: timed(
                    ["head", "-c", "1", os.path.join(m.dir, "video")])
                - curl_byte())

            def create(m):
                folder = "new-%s-%d" % (name, run)
                os.mkdir(os.path.join(m.dir, folder))
                start = time.monotonic()
                self.load("create", os.path.join(m.dir, folder), new, 3000)
                out["created"] = time.monotonic() - start
                self.wait_for(os.path.join(top, folder), new, 3000)
                return time.monotonic() - start
            out["created and drained"] = cold(name, place, create)
            return out
        self.mount_rounds(
            "mounted, WebDAV with %d ms round trip, cold: %d entries, %d "
            "small files, a large one, %d new ones" % (2 * DELAY, files,
                                                      near, new),
            {n: self.mount_place(n, self.far.port, "far")
             for n in self.mount_programs(True)}, work,
            [("find -ls, cold", "s", 2), ("small files read, cold", "s", 2),
             ("random 64 KiB read", "s", 3),
             ("first byte, more than curl", "s", 3), ("created", "s", 3),
             ("created and drained", "s", 2)],
            [("find -ls, cold", None, 1.5, False),
             ("small files read, cold", None, 3, False),
             ("random 64 KiB read", None, 3 * rtt, False),
             ("first byte, more than curl", None, 1.2 * rtt, False),
             ("created and drained", None, 1.5, False)])
        shutil.rmtree(top)

    def mount_big(self):
        """A large file, cold, beside a copy of it; not on one CPU, where
        FUSE alone takes half as long as the copy."""
        self.serve()
        size = self.scale(1 << 30)
        top = self.apache.mkdir("one")
        self.tool("mktree", "large", os.path.join(top, "big"), size)
        os.utime(os.path.join(top, "big"), (LONG_AGO, LONG_AGO))
        for port in (self.apache.port, self.far.port):
            def work(name, place, run):
                if name == "ferry copy":
                    t = timed([self.ferry, "copyto", "-q", place + "/big",
                               self.path("copied")])
                    os.unlink(self.path("copied"))
                    return {"read": size / 2**20 / t}
                m = Mount(self, name, place)
                try:
                    t = timed(["dd", "if=" + os.path.join(m.dir, "big"),
                               "of=/dev/null", "bs=1M", "status=none"])
                finally:
                    m.stop()
                    m.forget()
                return {"read": size / 2**20 / t}
            places = {"ferry copy": self.place(port, "one")}
            for name in self.mount_programs(True):
                places[name] = self.mount_place(name, port, "one")
            self.mount_rounds(
                "mounted, a cold file of %d MiB, WebDAV%s" % (
                    size >> 20, "" if port == self.apache.port else
                    " with %d ms round trip" % (2 * DELAY)),
                places, work, [("read", "MiB/s", 0)],
                [("read", "ferry copy", 1 / 0.9, True)], pinned=False)
        shutil.rmtree(top)

    def mount_untar(self):
        """Small files onto WebDAV: how soon tar ends, and the queue."""
        self.serve()
        files = max(100, self.scale(5000) // 100 * 100)
        tar, src = self.small_tar(files)
        runs = self.apache.mkdir("untar")

        def place(name):
            def fresh(run):
                folder = "untar/%s-%d" % (name.replace(" ", "-"), run)
                self.apache.mkdir(folder)
                if name == "a folder":
                    return os.path.join(self.apache.files, folder)
                return self.mount_place(name, self.apache.port, folder)
            return fresh

        def count(folder):
            return sum(len(names) for _, _, names in os.walk(folder))

        def work(name, where, run):
            if name == "ferry copy":
                return {"drained": timed([self.ferry, "copy", "-q", src,
                                          where])}
            m = Mount(self, "ferry" if name == "a folder" else name, where)
            start = time.monotonic()
            try:
                out = {"tar": timed(["tar", "-C", m.dir, "-xf", tar])}
                folder = os.path.join(runs, "%s-%d" % (
                    name.replace(" ", "-"), run), "small")
                while count(folder) < files and \
                        time.monotonic() < start + DRAIN:
                    time.sleep(0.05)
                out["drained"] = time.monotonic() - start
            finally:
                m.stop()
                m.forget()
            return out
        names = ["ferry copy", "a folder"] + self.mount_programs(True)
        self.mount_rounds(
            "untar of %d files, WebDAV (\"a folder\": ferry over the disk)" %
            files, {n: place(n) for n in names}, work,
            [("tar", "s", 2), ("drained", "s", 2)],
            [("tar", "a folder", 1.3, False),
             ("drained", "ferry copy", 1.3, False),
             ("tar", "rclone", 1 / 3, False)])
        shutil.rmtree(runs)
        shutil.rmtree(src)
        os.unlink(tar)
