"""The cases of scripts/bench between this machine and servers on it."""
import json
import os
import shutil
import signal
import statistics
import subprocess
import time
import urllib.request

TESTS = os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "tests")
DELAY = 30  # ms each way
LONG_AGO = 1600000000
OURS = ("ferry", "ferry times=memory")
# Of the simulator's counters, those that count no requests of ferry's.
NO_REQUESTS = {"control", "faults", "unauthorized", "content_bytes",
               "content_bytes_sent", "deduplicated", "tokens_asked",
               "tokens_issued"}
FOLDERS = {"liststream", "info", "mkdir"}
SIGN_IN = {"token", "customer", "wellknown"}


class Apache:
    """A server whose folder `files` we see from behind, too."""

    def __init__(self, folder):
        self.folder = folder
        self.files = os.path.join(folder, "files")
        self.log = os.path.join(folder, "log/requests")
        said = subprocess.run([os.path.join(TESTS, "servers/start"), "apache",
                               folder], stdout=subprocess.PIPE, check=True,
                              encoding="utf-8").stdout
        self.port = int(said.strip().rstrip("/").rpartition(":")[2])

    def stop(self):
        subprocess.run([os.path.join(TESTS, "servers/stop"), self.folder])

    def mkdir(self, name):
        path = os.path.join(self.files, name)
        os.mkdir(path, 0o755)
        if os.geteuid() == 0:
            shutil.chown(path, "www-data", "www-data")
        return path

    def requests(self):
        """So far."""
        time.sleep(0.05)  # the last is logged after its answer
        with open(self.log, "rb") as f:
            return sum(block.count(b"\n")
                       for block in iter(lambda: f.read(1 << 20), b""))


class Far:
    """A long line to a port of this machine."""

    def __init__(self, tool, port):
        self.process = subprocess.Popen(
            [tool, "0", "127.0.0.1:%d" % port, str(DELAY)],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            encoding="utf-8")
        self.port = int(self.process.stdout.readline().partition("=")[2])

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Jotta:
    def __init__(self, folder):
        server = os.path.join(TESTS, "servers/jotta")
        said = subprocess.run([server, "start", folder], check=True,
                              stdout=subprocess.PIPE, encoding="utf-8").stdout
        told = dict(line.split("=", 1) for line in said.splitlines())
        self.url, self.conf = told["url"], told["conf"]
        self.pid = int(told["pid"])

    def stop(self):
        os.kill(self.pid, signal.SIGKILL)  # its account is not to be kept

    def control(self, **ask):
        with urllib.request.urlopen(self.url + "/__control",
                                    json.dumps(ask).encode(), 300) as f:
            return json.load(f)

    def counters(self):
        return self.control(op="status")["counters"]

    def requests(self, but=()):
        return sum(n for kind, n in self.counters().items()
                   if kind not in NO_REQUESTS and kind not in but)


class Remotes:
    """Mixed into Bench."""

    def serve(self):
        """The server of this place and the long line to it."""
        if not self.apache:
            for key in ("http_proxy", "https_proxy", "all_proxy"):
                os.environ.pop(key, None)
                os.environ.pop(key.upper(), None)
            os.chmod(self.work, 0o711)  # www-data has to pass
            self.apache = Apache(self.path("apache"))
            self.running.append(self.apache)
            self.far = Far(self.tool_path("delay_proxy"), self.apache.port)
            self.running.append(self.far)

    def stop_servers(self):
        while self.running:
            self.running.pop().stop()
        self.apache = self.far = None

    def random_files(self, folder, n, size):
        """Old ones: the ETag of what has just changed is a weak one."""
        for i in range(n):
            path = os.path.join(folder, "file-%05d.dat" % i)
            with open(path, "wb") as f:
                f.write(os.urandom(size))
            os.utime(path, (LONG_AGO + i, LONG_AGO + i))

    def place(self, port, path, more=""):
        return ":webdav,url=\"http://127.0.0.1:%d/\",vendor=other%s:%s" % (
            port, more, path)

    def curl(self, lists, flags):
        """lists: of pairs of options; a configuration file of them."""
        conf = self.path("curl.conf")
        with open(conf, "w") as f:
            for pair in lists:
                for key, value in pair:
                    f.write("%s = \"%s\"\n" % (key, value))
        return ["curl", "-q", "-s", "-S", "-f"] + flags + ["-K", conf]

    def bare(self, verb, port, connections, pairs):
        list_ = self.path("bare.list")
        with open(list_, "w") as f:
            f.writelines("%s\t%s\n" % p for p in pairs)
        return [self.tool_path("bare_puts"), verb, str(port),
                str(connections), list_]

    def same(self, src, dst):
        subprocess.run(["diff", "-rq", "-x", ".DAV", src, dst], check=True)

    def webdav(self, up, port, files, connections, against, most):
        """Small files one way: `port` is the server's or the line's."""
        apache = self.apache
        here = self.path("webdav-src")
        if up:
            os.mkdir(here)
        else:
            here = apache.mkdir("down")
        self.random_files(here, files, 8192)
        names = sorted(os.listdir(here))
        target = [None, None]  # name and path, fresh for each run
        counts = {}
        before = [0]

        def fresh(name, run):
            target[0] = "%s-%d" % (name.replace(" ", "-"), run)
            if up:
                target[1] = os.path.join(apache.files, target[0])
            else:
                target[1] = self.path(target[0])
            if not up:
                os.mkdir(target[1])
            elif not name.startswith(("ferry", "rclone")):
                apache.mkdir(target[0])
            before[0] = apache.requests()

        def done(name, _run):
            counts.setdefault(name, []).append(
                (apache.requests() - before[0]) / files)
            self.same(here, target[1])
            shutil.rmtree(target[1])

        def copy(program, more=""):
            return lambda run: program + (
                [here, self.place(port, target[0], more)] if up else
                [self.place(port, "down", more), target[1]])

        def curl(_run):
            url = "http://127.0.0.1:%d/%s/" % (port,
                                               target[0] if up else "down")
            local = here if up else target[1]
            return self.curl(
                [(("upload-file" if up else "output", local + "/" + n),
                  ("url", url + n)) for n in names],
                ["-Z", "--parallel-max", str(connections)])

        def bare(_run):
            remote = "/%s/" % (target[0] if up else "down")
            local = here if up else target[1]
            return self.bare("put" if up else "get", port, connections,
                             [(remote + n, local + "/" + n) for n in names])

        ferry = [self.ferry, "copy", "-q"]
        title = "%d files of 8 KiB %s, WebDAV%s" % (
            files, "up" if up else "down",
            "" if port == apache.port else
            " with %d ms round trip" % (2 * DELAY))
        programs = {"ferry": copy(ferry)}
        if port == apache.port:
            programs["ferry times=memory"] = copy(ferry, ",times=memory")
        programs["curl -Z"] = curl
        programs["bare_puts"] = bare
        programs["rclone copy"] = copy(["rclone", "copy", "-q"])
        self.turns(title, programs, [(against, most)], before=fresh,
                   after=done, judged=OURS, cpu=[("rclone copy", 0.5)])
        print("- requests a file: " + ", ".join(
            "%s %.3f" % (name, statistics.median(c))
            for name, c in counts.items()), flush=True)
        shutil.rmtree(here)

    def webdav_up(self):
        self.serve()
        self.webdav(True, self.apache.port, self.scale(5000), 8,
                    "curl -Z", 1.7)

    def webdav_down(self):
        self.serve()
        self.webdav(False, self.apache.port, self.scale(5000), 8,
                    "curl -Z", 1.7)

    def webdav_far_up(self):
        self.serve()
        self.webdav(True, self.far.port, self.scale(1000), 32,
                    "bare_puts", 1.7)

    def webdav_far_down(self):
        self.serve()
        self.webdav(False, self.far.port, self.scale(1000), 32,
                    "bare_puts", 1.7)

    def big(self, up, port, size, rclone):
        apache = self.apache
        here = self.path("big") if up else os.path.join(apache.files, "big")
        self.tool("mktree", "large", here, size)
        target = [None, None]  # name and path, fresh for each run

        def fresh(name, run):
            target[0] = "%s-%d" % (name.replace(" ", "-"), run)
            target[1] = os.path.join(apache.files, target[0]) if up else \
                self.path(target[0])

        def done(_name, _run):
            subprocess.run(["cmp", here, target[1]], check=True)
            os.unlink(target[1])

        def copy(program):
            return lambda run: program + (
                [here, self.place(port, target[0])] if up else
                [self.place(port, "big"), target[1]])

        def curl(_run):
            url = "http://127.0.0.1:%d/" % port
            command = ["curl", "-q", "-s", "-S", "-f"]
            if up:
                return command + ["-T", here, url + target[0]]
            return command + ["-o", target[1], url + "big"]

        programs = {"ferry": copy([self.ferry, "copyto", "-q"]),
                    "curl": curl}
        if rclone:
            programs["rclone copyto"] = copy(["rclone", "copyto", "-q"])
        self.turns("one file of %d MiB %s, WebDAV%s" % (
            size >> 20, "up" if up else "down",
            "" if port == apache.port else
            " with %d ms round trip" % (2 * DELAY)), programs,
            [("curl", 1.1)], before=fresh, after=done,
            cpu=[("rclone copyto", 0.5)] if rclone else [])
        os.unlink(here)

    def webdav_big(self):
        self.serve()
        size = self.scale(1 << 30)
        for port in (self.apache.port, self.far.port):
            for up in (True, False):
                self.big(up, port, size, port == self.apache.port)

    def simulate(self):
        jotta = Jotta(self.path("jotta-%d" % time.monotonic_ns()))
        self.running.append(jotta)
        return jotta

    def jotta_ferry(self, jotta, *args):
        return [self.ferry, "--config", jotta.conf, "-q"] + list(args)

    def jotta_same(self):
        files, folders = self.scale(20000), self.scale(200)
        jotta = self.simulate()
        src = self.path("jotta-src")
        for d in range(folders):
            folder = os.path.join(src, "folder-%03d" % d)
            os.makedirs(folder)
            self.random_files(folder, files // folders, 100)
        sync = self.jotta_ferry(jotta, "sync", src, "jotta:same")
        subprocess.run(sync, check=True)
        title = "%d files unchanged, Jottacloud" % files
        counts, kinds = [], []

        def reset(_name, _run):
            jotta.control(op="reset_counters")

        def done(_name, _run):
            counts.append(jotta.requests(SIGN_IN))
            kinds.append({k: n for k, n in jotta.counters().items()
                          if k not in NO_REQUESTS})
        self.turns(title, {"ferry": sync}, [], before=reset, after=done)
        print("- requests of the last run: %s" % kinds[-1])
        self.verdict("%s: requests but for the sign-in" % title, max(counts),
                     1, "requests")
        shutil.rmtree(src)

    def jotta_known(self):
        files = self.scale(10000)
        jotta = self.simulate()
        src = self.path("jotta-src")
        os.mkdir(src)
        self.random_files(src, files, 4096)
        subprocess.run(self.jotta_ferry(jotta, "copy", src, "jotta:before"),
                       check=True)
        title = "%d photos that the account has, Jottacloud" % files
        sent, counts, kinds = [], [], []

        def reset(_name, _run):
            jotta.control(op="reset_counters")

        def done(_name, run):
            c = jotta.counters()
            sent.append(c.get("content_bytes", 0))
            counts.append(jotta.requests(SIGN_IN | FOLDERS) / files)
            kinds.append({k: n for k, n in c.items() if k not in NO_REQUESTS})
            subprocess.run(
                self.jotta_ferry(jotta, "check", src, "jotta:known-%d" % run),
                check=True)
        self.turns(title, {"ferry": lambda run: self.jotta_ferry(
            jotta, "copy", src, "jotta:known-%d" % run)}, [], before=reset,
            after=done)
        print("- requests of the last run: %s" % kinds[-1])
        self.verdict("%s: content sent" % title, max(sent), 0, "bytes")
        self.verdict("%s: requests for files" % title, max(counts), 1,
                     "a file")
        shutil.rmtree(src)

    def jotta_million(self):
        files = self.scale(1000000)
        empty = self.path("empty")
        os.mkdir(empty)
        # A large folder is held whole by whoever compares it.
        for folders in (self.scale(10000), self.scale(200)):
            jotta = self.simulate()
            for d in range(folders):
                jotta.control(op="generate", files=files // folders,
                              path="/Jotta/Archive/gen/folder-%05d" % d)
            for title, command in (
                    ("size", ["size", "jotta:gen"]),
                    ("sync --dry-run", ["sync", "--dry-run", "jotta:gen",
                                        empty])):
                self.turns("%s of %d entries in %d folders, Jottacloud" % (
                    title, files, folders),
                    {"ferry": self.jotta_ferry(jotta, *command)}, [],
                    memory=64)
            self.running.remove(jotta)
            jotta.stop()
        os.rmdir(empty)
