#!/usr/bin/python3
"""Run a program in a terminal of its own and print all that it wrote there.

    terminal.py COLUMNS SECONDS PROGRAM ARGUMENT...

After half of SECONDS the terminal is made half as wide, and the program told.
Each line of $TERMINAL_TYPES is typed when what was printed ends in ": "; "^C"
alone is that key.  Exits as the program did.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

columns, seconds = int(sys.argv[1]), float(sys.argv[2])


def resize(fd, n):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("4H", 24, n, 0, 0))


pid, fd = pty.fork()
if pid == 0:
    resize(0, columns)
    os.environ["TERM"] = "xterm-256color"
    os.execvp(sys.argv[3], sys.argv[3:])
typed = os.environ.get("TERMINAL_TYPES", "").splitlines()
printed = b""
start = time.monotonic()
resized = False
while time.monotonic() - start < 600:
    if not resized and time.monotonic() - start > seconds / 2:
        resized = True
        while select.select([fd], [], [], 0)[0]:  # what was written until now
            try:
                os.write(1, os.read(fd, 65536))
            except OSError:
                break
        os.write(1, b"\n<resized>\n")
        resize(fd, columns // 2)
        os.kill(pid, signal.SIGWINCH)
    if select.select([fd], [], [], 0.05)[0]:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break  # EIO: the other end is closed
        if not data:
            break
        os.write(1, data)
        printed += data
    elif typed and printed.endswith(b": "):
        line = typed.pop(0)
        printed = b""
        os.write(fd, b"\x03" if line == "^C" else line.encode() + b"\n")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
