#!/usr/bin/python3
"""Give a repository on this disk a key that opens at once.

    quick_key.py REPOSITORY PASSWORD <MASTERKEY

What `cat masterkey` printed is put into a new key file that scrypt asks
nearly no work for; the repository's other keys are removed.  Tests open a
repository hundreds of times, and half a second each would be most of their
time.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys

P = (1 << 130) - 5
CLAMP = 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF


def aes(mode, key, data, *more):
    return subprocess.run(
        ["openssl", "enc", "-e", "-nopad", "-nosalt", "-" + mode,
         "-K", key.hex(), *more],
        input=data, stdout=subprocess.PIPE, check=True).stdout


def tag(k, r, nonce, data):
    """Poly1305-AES."""
    r = int.from_bytes(r, "little") & CLAMP
    sum = 0
    for i in range(0, len(data), 16):
        block = data[i:i + 16] + b"\1"
        sum = (sum + int.from_bytes(block, "little")) * r % P
    sum += int.from_bytes(aes("aes-128-ecb", k, nonce), "little")
    return (sum & ((1 << 128) - 1)).to_bytes(16, "little")


def main():
    top, password = sys.argv[1:]
    master = json.dumps(json.load(sys.stdin)).encode()
    salt, nonce = os.urandom(64), os.urandom(16)
    key = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1,
                         dklen=64)
    sealed = aes("aes-256-ctr", key[:32], master, "-iv", nonce.hex())
    sealed = nonce + sealed + tag(key[32:48], key[48:], nonce, sealed)
    text = json.dumps({
        "created": "2026-01-01T00:00:00Z", "username": "test",
        "hostname": "test", "kdf": "scrypt", "N": 1024, "r": 8, "p": 1,
        "salt": base64.b64encode(salt).decode(),
        "data": base64.b64encode(sealed).decode(),
    }).encode()
    name = hashlib.sha256(text).hexdigest()
    with open(top + "/keys/" + name, "wb") as f:
        f.write(text)
    for other in os.listdir(top + "/keys"):
        if other != name:
            os.unlink(top + "/keys/" + other)


main()
