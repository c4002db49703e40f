#!/usr/bin/python3
"""Send a program a signal after some time, and say how it ended.

    interrupt.py SIGNAL SECONDS PROGRAM ARGUMENT...

Prints its exit status (negative: killed) and `quick` if it took less than a
second from the signal on.  (A shell's background jobs ignore SIGINT.)
"""
import signal
import subprocess
import sys
import time

p = subprocess.Popen(sys.argv[3:], stderr=subprocess.PIPE,
                     stdout=subprocess.DEVNULL)
time.sleep(float(sys.argv[2]))
start = time.monotonic()
p.send_signal(getattr(signal, sys.argv[1]))
err = p.communicate(timeout=60)[1]
took = time.monotonic() - start
sys.stderr.buffer.write(err)
print(p.returncode, "quick" if took < 1 else "after %.2f s" % took)
