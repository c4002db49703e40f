#!/usr/bin/python3
"""Send a program a signal in the midst of its work, and say how it ended.

    interrupt.py SIGNAL WHEN PROGRAM ARGUMENT...

WHEN is a number of seconds, or FOLDER:N: as soon as there are N files below
that folder.  Prints its exit status (negative: killed) and `quick` if it took
less than twenty seconds from the signal on: it is a moment where nothing else
runs.  (A shell's background jobs ignore SIGINT.)
"""
import os
import signal
import subprocess
import sys
import time


def waits_for(number, p):
    """ferry blocks the signals that it waits for, when it is ready."""
    with open("/proc/%d/status" % p.pid) as f:
        mask = next(x for x in f if x.startswith("SigBlk:")).split()[1]
    return int(mask, 16) >> (number - 1) & 1


def await_ready(number, p):
    end = time.monotonic() + 60
    while p.poll() is None and not waits_for(number, p):
        if time.monotonic() > end:
            break
        time.sleep(0.005)


def files_below(folder):
    return sum(len(files) for _, _, files in os.walk(folder))


def await_moment(when, p):
    folder, colon, n = when.rpartition(":")
    if not colon:
        time.sleep(float(when))
    while colon and p.poll() is None and files_below(folder) < int(n):
        time.sleep(0.002)


p = subprocess.Popen(sys.argv[3:], stderr=subprocess.PIPE,
                     stdout=subprocess.DEVNULL)
await_ready(getattr(signal, sys.argv[1]), p)
await_moment(sys.argv[2], p)
start = time.monotonic()
p.send_signal(getattr(signal, sys.argv[1]))
err = p.communicate(timeout=60)[1]
took = time.monotonic() - start
sys.stderr.buffer.write(err)
print(p.returncode, "quick" if took < 20 else "after %.2f s" % took)
