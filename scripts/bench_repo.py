"""The cases of scripts/bench for repositories of snapshots."""
import os
import random
import shutil
import subprocess

PASSWORD = "bench"


class Repos:
    def repo_setup(self):
        for name in ("RESTIC_PASSWORD", "FERRY_PASSWORD", "BORG_PASSPHRASE"):
            os.environ[name] = PASSWORD
        os.environ["RESTIC_CACHE_DIR"] = self.path("restic-cache")
        os.environ["BORG_BASE_DIR"] = self.path("borg-base")
        os.environ["BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK"] = "yes"
        os.environ["BORG_RELOCATED_REPO_ACCESS_IS_OK"] = "yes"

    def quietly(self, *command):
        subprocess.run([str(c) for c in command], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def tools(self):
        """What makes a new repository, name -> command."""
        self.repo_setup()
        return {
            "restic": ["restic", "-q", "init", "-r", self.path("r-restic")],
            "borg": ["borg", "init", "-e", "repokey", self.path("r-borg")],
            "ferry": [self.ferry, "-q", "init", "-r", self.path("r-ferry")],
        }

    def backup(self, name, src, run=0, *flags):
        repo = self.path("r-" + name)
        if name == "borg":
            return ["borg", "create", "-C", "zstd,3",
                    "%s::run-%s" % (repo, run), src]
        program = self.ferry if name == "ferry" else name
        return [program, "-q", "backup", "-r", repo, *flags, src]

    def stored(self, name):
        total = 0
        for folder, _, files in os.walk(self.path("r-" + name)):
            total += sum(os.path.getsize(os.path.join(folder, f))
                         for f in files)
        return total

    def fresh(self, name):
        self.remove("r-" + name)
        self.remove("restic-cache")
        self.remove("borg-base")
        self.quietly(*self.tools()[name])

    def first(self, title, src, most):
        """A first backup by each; the last of the repositories stay."""
        sizes = {}

        def before(name, _run):
            self.fresh(name)

        def after(name, _run):
            sizes[name] = self.stored(name)
        names = list(self.tools())
        self.turns(title, {n: self.backup(n, src) for n in names},
                   [("restic", most), ("borg", 1)], before=before,
                   after=after, half="restic")
        for name in names:
            print("- stored by %s: %.1f MiB" % (name, sizes[name] / 2**20))
        self.verdict("%s: stored, ferry / restic" % title,
                     sizes["ferry"] / sizes["restic"], 1.02, "x")

    def restores(self, title, src, most):
        inside = src.lstrip("/")
        out = self.path("out")
        programs = {}
        for name in self.tools():
            repo = self.path("r-" + name)
            program = self.ferry if name == "ferry" else name
            programs[name] = [program, "-q", "restore", "-r", repo, "latest",
                              "--target", out]
        programs["borg"] = ["sh", "-c", "mkdir -p %s && cd %s && exec borg "
                            "extract %s::run-0" % (out, out,
                                                   self.path("r-borg"))]

        def after(name, _run):
            self.quietly("rsync", "-an", "--delete", src,
                         os.path.join(out, os.path.dirname(inside)) + "/")
            self.remove("out")
        self.turns(title, programs, [("restic", most), ("borg", 1)],
                   after=after, half="restic")

    def repo_source(self):
        src = self.path("text")
        size = self.scale(1 << 30)
        self.tool("mktree", "source", src, size)
        name = "%d MiB of source-like files" % (size >> 20)
        self.first("first backup of " + name, src, 1 / 2)
        self.turns("check --read-data of " + name, {
            "restic": ["restic", "-q", "check", "--read-data", "-r",
                       self.path("r-restic")],
            "borg": ["borg", "check", "--verify-data", self.path("r-borg")],
            "ferry": [self.ferry, "-q", "repo", "check", "--read-data", "-r",
                      self.path("r-ferry")],
        }, [("restic", 1 / 3), ("borg", 1)], half="restic")
        self.restores("restore of " + name, src, 1 / 3)
        shutil.rmtree(src)

    def repo_small(self):
        self.need_small()
        src = self.path("src")
        name = "%d small files" % self.scale(100000)
        self.first("first backup of " + name, src, 1 / 3)
        runs = [0]

        def again(tool):
            def command(_run):
                runs[0] += 1
                return self.backup(tool, src, runs[0])
            return command
        self.turns("unchanged backup of " + name,
                   {n: again(n) for n in self.tools()},
                   [("restic", 1 / 6), ("borg", 1)], half="restic")
        self.restores("restore of " + name, src, 1 / 3)

    def repo_big(self):
        src = self.path("big")
        size = self.scale(4 << 30)
        os.mkdir(src)
        self.tool("mktree", "noise", os.path.join(src, "file"), size)
        name = "one file of %d MiB that does not compress" % (size >> 20)
        self.first("first backup of " + name, src, 1 / 3)
        self.restores("restore of " + name, src, 1 / 3)
        shutil.rmtree(src)

    def repo_image(self):
        size = self.scale(2 << 30)
        image = self.path("image")
        self.tool("mktree", "noise", image, size)
        runs = [0]
        added, was = {}, {}
        names = ["restic", "ferry", "ferry-small"]
        tools = self.tools()
        # Cut where restic cuts, or chance decides who adds more.
        secret = self.path("secret")
        with open(secret, "w") as f:
            f.write(PASSWORD)
        tools["ferry"] += ["--copy-chunker-params", "--from-repo",
                           self.path("r-restic"), "--from-password-file",
                           secret]
        tools["ferry-small"] = [self.ferry, "-q", "init", "-r",
                                self.path("r-ferry-small")]
        for name in names:
            self.remove("r-" + name)
            self.quietly(*tools[name])

        def command(name):
            if name == "ferry-small":
                return [self.ferry, "-q", "backup", "-r",
                        self.path("r-ferry-small"), "--chunk-size", "small",
                        image]
            return self.backup(name, image)
        for name in names:
            self.quietly(*command(name))

        def before(name, run):
            if runs[0] <= run:
                runs[0] = run + 1
                self.tool("mktree", "edit", image, size // 4096 // 100,
                          run + 1)
            was[name] = self.stored(name)

        def after(name, _run):
            added[name] = self.stored(name) - was[name]
        title = "1%% edits in an image of %d MiB" % (size >> 20)
        self.turns(title, {n: command(n) for n in names}, [("restic", 1 / 2)],
                   before=before, after=after, judged=("ferry",))
        for name in names:
            print("- added by %s: %.1f MiB" % (name, added[name] / 2**20))
        self.verdict("%s: added, ferry / restic" % title,
                     added["ferry"] / added["restic"], 1.0, "x")
        self.verdict("%s: added, ferry --chunk-size small / restic" % title,
                     added["ferry-small"] / added["restic"], 0.25, "x")
        for name in names:
            self.remove("r-" + name)
        os.unlink(image)

    def repo_index(self):
        """A repository of 5,000,000 blobs, which are not there; memory."""
        blobs = self.scale(5000000)
        src = self.path("few")
        repo = self.path("r-ferry")
        os.mkdir(src)
        self.tool("mktree", "noise", os.path.join(src, "file"), 64 << 20)
        self.fresh("ferry")
        self.tool("mkindex", repo, PASSWORD, blobs)
        name = "with an index of %d blobs" % blobs
        self.turns("backup " + name, {"ferry": self.backup("ferry", src)}, [],
                   memory=400)
        self.turns("prune --dry-run " + name, {
            "ferry": [self.ferry, "-q", "prune", "--dry-run", "-r", repo],
        }, [], memory=400)
        self.remove("r-ferry")
        shutil.rmtree(src)

    def repo_prune(self):
        """Ten snapshots of a tree that changes by a fifth each time; five of
        them are forgotten."""
        src = self.path("grow")
        rnd = random.Random(1)
        files = self.scale(20000)
        names = list(self.tools())
        made = {}
        for name in names:
            self.fresh(name)
        os.mkdir(src)
        for step in range(10):
            for i in range(files):
                if step and rnd.random() > 0.2:
                    continue
                folder = os.path.join(src, "d%03d" % (i % 200))
                os.makedirs(folder, exist_ok=True)
                with open(os.path.join(folder, "f%d" % i), "wb") as f:
                    f.write(rnd.randbytes(rnd.randrange(65536)))
            for name in names:
                self.quietly(*self.backup(name, src, step))
        for name in names:
            repo = self.path("r-" + name)
            if name == "borg":
                self.quietly("borg", "prune", "--keep-last", "5", repo)
            else:
                program = self.ferry if name == "ferry" else name
                self.quietly(program, "-q", "forget", "-r", repo,
                             "--keep-last", "5")
            made[name] = self.path("kept-" + name)
            os.rename(repo, made[name])

        def before(name, _run):
            self.remove("r-" + name)
            self.quietly("cp", "-a", made[name], self.path("r-" + name))

        def after(name, run):
            if name == "ferry" and run == 0:
                self.quietly("restic", "-q", "check", "--read-data", "-r",
                             self.path("r-ferry"))
        self.turns("prune after forgetting 5 of 10 snapshots", {
            "restic": ["restic", "-q", "prune", "-r", self.path("r-restic")],
            "borg": ["borg", "compact", self.path("r-borg")],
            "ferry": [self.ferry, "-q", "prune", "-r", self.path("r-ferry")],
        }, [("restic", 1 / 5)], before=before, after=after, half="restic")
        for name in names:
            print("- left by %s: %.1f MiB" % (name,
                                              self.stored(name) / 2**20))
            self.remove("r-" + name)
            shutil.rmtree(made[name])
        shutil.rmtree(src)
