#!/usr/bin/python3
"""A server that misbehaves as told, in front of one that does not.

    fault_front.py DIR PORT ADDRESS:PORT

Passes HTTP requests on to ADDRESS:PORT.  DIR/faults, read again when it was
replaced, has one JSON object a line; the first that fits a request is done to
it.  DIR/front.log has a line for each request: METHOD PATH STATUS FAULT "Range"
AUTH BYTES, where FAULT is the line of the one that was done, or 0, AUTH tells
whether there were credentials, BYTES how many of its body were passed on.
Prints `port=N`; port 0: one that is free.

Which requests, all of these:

    method, path    regular expressions; of the whole, of a part (raw)
    header          {name: regular expression} of the request
    skip, count     after so many that fit, and only for so many

What is done:

    status, headers, body   answered at once, after the request's body;
                    "early": true: before it, and the connection is closed
    redirect        a base URL, which Location has instead of ours (307, or
                    `status`)
    cut_up          the connection ends after so many bytes of the request
    lose            the request is done, but the answer never arrives
    cut_down        the connection ends after so many bytes of the answer
    reset           these three end with a reset
    length          this much is added to the answer's Content-Length
    corrupt         the byte at this place of the answer is another one
    replace         [regular expression, replacement] in the answer
    set             {name: value or null} in the answer's headers
    set_request     the same in the request's
    wait            seconds before the request is passed on, whatever becomes
                    of the client; hold: only if it is still there then
    delay           seconds before the answer
    round           seconds: it is passed on when no other has come for so
                    long, together with all that came before: so those that
                    wait for each other are told from those that do not.
                    DIR/rounds has a line for each: ROUND OTHERS METHOD PATH,
                    where OTHERS are those for the path that were under way
    pace            bytes of the answer a second
    endless         [begin, again]: a multistatus that does not end
"""
import collections
import json
import os
import re
import select
import socket
import struct
import sys
import threading
import time

CHUNK = 1 << 16


class Gone(Exception):
    """The connection is of no more use."""


class Rules:
    def __init__(self, path):
        self.path = path
        self.lock = threading.Lock()  # guards what follows
        self.seen = None
        self.rules = []

    def reload(self):
        try:
            st = os.stat(self.path)
            seen = st.st_ino, st.st_mtime_ns
        except FileNotFoundError:
            seen = None
        if seen == self.seen:
            return
        self.seen = seen
        self.rules = []
        if seen:
            with open(self.path) as f:
                for i, line in enumerate(f, 1):
                    if line.strip():
                        self.rules.append(dict(json.loads(line), line=i,
                                               hits=0))

    @staticmethod
    def fits(r, method, path, headers):
        return re.fullmatch(r.get("method", ".*"), method) and \
            re.search(r.get("path", ""), path) and \
            all(re.search(v, get(headers, k) or "")
                for k, v in r.get("header", {}).items())

    def find(self, method, path, headers):
        with self.lock:
            self.reload()
            for r in self.rules:
                if not self.fits(r, method, path, headers):
                    continue
                r["hits"] += 1
                n = r["hits"] - r.get("skip", 0)
                if 0 < n <= r.get("count", 1 << 60):
                    return r
        return {"line": 0}


class Rounds:
    """What comes at once goes at once, as the next round."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.moved = threading.Condition()  # guards what follows
        self.number = 0
        self.last = 0
        self.inside = collections.Counter()

    def enter(self, quiet, method, path):
        with self.moved:
            self.last = time.monotonic()
            mine = self.number
            line = "%d %d %s %s\n" % (mine + 1, self.inside[path], method, path)
            os.write(self.fd, line.encode("latin-1", "replace"))
            self.inside[path] += 1
            while self.number == mine:
                left = self.last + quiet - time.monotonic()
                if left <= 0:
                    self.number += 1
                    self.moved.notify_all()
                else:
                    self.moved.wait(left)

    def leave(self, path):
        with self.moved:
            self.inside[path] -= 1


def get(headers, name):
    for k, v in headers:
        if k.lower() == name.lower():
            return v
    return None


def change(headers, changes):
    out = [(k, v) for k, v in headers
           if k.lower() not in [c.lower() for c in changes]]
    return out + [(k, v) for k, v in changes.items() if v is not None]


def read_head(f):
    first = f.readline(CHUNK).decode("latin-1").rstrip("\r\n")
    if not first:
        raise Gone
    headers = []
    while True:
        line = f.readline(CHUNK).decode("latin-1")
        if not line.endswith("\n"):
            raise Gone
        line = line.rstrip("\r\n")
        if not line:
            return first, headers
        k, _, v = line.partition(":")
        headers.append((k, v.strip()))


def write_head(sock, first, headers):
    lines = [first] + ["%s: %s" % h for h in headers]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def body_of(f, headers, to_end):
    """Its bytes, as they come.  Gone, if there are fewer than announced."""
    if (get(headers, "Transfer-Encoding") or "").lower() == "chunked":
        while True:
            n = int(f.readline(100).split(b";")[0] or b"0", 16)
            left = n
            while left:
                data = f.read1(min(left, CHUNK))
                if not data:
                    raise Gone
                left -= len(data)
                yield data
            f.readline(100)
            if n == 0:
                return
    length = get(headers, "Content-Length")
    if length is None and to_end:
        while True:
            data = f.read1(CHUNK)
            if not data:
                return
            yield data
    left = int(length or 0)
    while left:
        data = f.read1(min(left, CHUNK))
        if not data:
            raise Gone
        left -= len(data)
        yield data


def first_bytes(pieces, most):
    for data in pieces:
        yield data[:most]
        most -= len(data)
        if most <= 0:
            return


class Connection:
    def __init__(self, front, sock):
        self.front = front
        self.sock = sock
        self.file = sock.makefile("rb", CHUNK)

    def run(self):
        try:
            while self.one():
                pass
        except (Gone, OSError, ValueError):
            pass
        finally:
            self.file.close()
            self.sock.close()

    def hang_up(self, r):
        if r.get("reset"):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        raise Gone

    def one(self):
        first, self.headers = read_head(self.file)
        self.method, self.path, _ = first.split(" ", 2)
        r = self.front.rules.find(self.method, self.path, self.headers)
        self.status = self.passed = 0
        try:
            return self.do(r)
        finally:
            self.front.log('%s %s %s %d "%s" %s %d\n' % (
                self.method, self.path, self.status, r["line"],
                get(self.headers, "Range") or "-",
                "auth" if get(self.headers, "Authorization") else "-",
                self.passed))

    def request_body(self):
        if (get(self.headers, "Expect") or "").lower() == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return body_of(self.file, self.headers, False)

    def do(self, r):
        if "round" not in r:
            return self.do_now(r)
        self.front.rounds.enter(r["round"], self.method, self.path)
        try:
            return self.do_now(r)
        finally:
            self.front.rounds.leave(self.path)

    def do_now(self, r):
        if "endless" in r:
            return self.endless(r)
        if "redirect" in r:
            r = dict(r, status=r.get("status", 307),
                     headers={"Location": r["redirect"] + self.path})
        if "status" in r:
            return self.answer_itself(r)
        if "cut_up" in r:
            try:
                self.forward(r, first_bytes(self.request_body(), r["cut_up"]))
            except Gone:
                pass
            self.hang_up(r)
        return self.forward(r, self.request_body())

    def answer_itself(self, r):
        if not r.get("early"):
            for _ in self.request_body():
                pass
        time.sleep(r.get("delay", 0))
        self.status = r["status"]
        body = r.get("body", "").encode()
        headers = list(r.get("headers", {}).items())
        headers.append(("Content-Length", str(len(body))))
        if r.get("early"):
            headers.append(("Connection", "close"))
        write_head(self.sock, "HTTP/1.1 %d Said So" % r["status"], headers)
        if self.method != "HEAD":
            self.sock.sendall(body)
        if r.get("early"):
            # What is still being sent is read, lest the answer be lost.
            self.sock.shutdown(socket.SHUT_WR)
            self.sock.settimeout(2)
            while self.sock.recv(CHUNK):
                pass
        return not r.get("early")

    def endless(self, r):
        for _ in self.request_body():
            pass
        self.status = 207
        begin, again = [t.encode() for t in r["endless"]]
        write_head(self.sock, "HTTP/1.1 207 Multi-Status", [
            ("Content-Type", "application/xml"), ("Connection", "close")])
        self.sock.sendall(begin)
        i = 0
        while i < 1 << 30:
            text = b"".join(again.replace(b"@", b"%d" % (i + k))
                            for k in range(100))
            i += 100
            self.sock.sendall(text)
        return False

    def forward(self, r, body):
        time.sleep(r.get("wait", 0))
        if "hold" in r:
            gone = select.poll()
            gone.register(self.sock, select.POLLRDHUP)
            if gone.poll(r["hold"] * 1000):
                raise Gone
        with socket.create_connection(self.front.target) as up:
            return self.exchange(r, body, up)

    def exchange(self, r, body, up):
        headers = change(self.headers, dict({"Expect": None, "Connection":
                                             "close"},
                                            **r.get("set_request", {})))
        write_head(up, "%s %s HTTP/1.1" % (self.method, self.path), headers)
        chunked = get(headers, "Transfer-Encoding")
        for data in body:
            self.passed += len(data)
            if chunked:
                data = b"%x\r\n%s\r\n" % (len(data), data)
            up.sendall(data)
        if "cut_up" in r:
            self.hang_up(r)  # the server sees the same end
        if chunked:
            up.sendall(b"0\r\n\r\n")
        with up.makefile("rb", CHUNK) as f:
            first, headers = read_head(f)
            while first.split(" ")[1] == "100":
                first, headers = read_head(f)
            self.status = int(first.split(" ")[1])
            none = self.method == "HEAD" or self.status in (204, 304)
            pieces = [] if none else body_of(f, headers, True)
            if r.get("lose"):
                for _ in pieces:
                    pass
                self.hang_up(r)
            time.sleep(r.get("delay", 0))
            return self.pass_on(r, first, headers, pieces, none)

    def pass_on(self, r, first, headers, pieces, none):
        if "replace" in r and not none:
            text = b"".join(pieces)
            was, new = [t.encode() for t in r["replace"]]
            text = re.sub(was, new, text, flags=re.S)
            headers = change(headers, {"Content-Length": str(len(text)),
                                       "Transfer-Encoding": None})
            pieces = [text]
        headers = change(headers, dict({"Connection": None,
                                        "Keep-Alive": None},
                                       **r.get("set", {})))
        length = get(headers, "Content-Length")
        if length is not None and "length" in r:
            headers = change(headers, {"Content-Length": str(
                int(length) + r["length"])})
        chunked = get(headers, "Transfer-Encoding")
        close = "length" in r or (length is None and not chunked and not none)
        if close:
            headers.append(("Connection", "close"))
        write_head(self.sock, first, headers)
        at = 0
        for data in pieces:
            if at <= r.get("corrupt", -1) < at + len(data):
                k = r["corrupt"] - at
                data = data[:k] + bytes([data[k] ^ 1]) + data[k + 1:]
            at += len(data)
            cut = at - r["cut_down"] if "cut_down" in r else -1
            if cut >= 0:
                data = data[:len(data) - cut]
            if "pace" in r:
                time.sleep(len(data) / r["pace"])
            if chunked and data:
                data = b"%x\r\n%s\r\n" % (len(data), data)
            self.sock.sendall(data)
            if cut >= 0:
                self.hang_up(r)
        if chunked and not none:
            self.sock.sendall(b"0\r\n\r\n")
        return not close and \
            (get(self.headers, "Connection") or "").lower() != "close"


class Front:
    def __init__(self, top, target):
        host, _, port = target.rpartition(":")
        self.target = host, int(port)
        self.rules = Rules(os.path.join(top, "faults"))
        self.rounds = Rounds(os.path.join(top, "rounds"))
        self.fd = os.open(os.path.join(top, "front.log"),
                          os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def log(self, line):
        os.write(self.fd, line.encode("latin-1", "replace"))


def main():
    front = Front(sys.argv[1], sys.argv[3])
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])),
                                    backlog=1024)
    print("port=%d" % listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(front, sock).run,
                         daemon=True).start()


main()
