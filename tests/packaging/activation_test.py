#!/usr/bin/env python3
"""govd with sockets that systemd hands over, as the units do: it serves on them, says where, and leaves them alone."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

govctl, govd = sys.argv[1:3]
home = pathlib.Path(tempfile.mkdtemp(prefix="govd-activation-", dir="/tmp"))


def listening(family, address):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address)
    made.listen(16)
    return made


def start(sockets):
    """As systemd does it: the sockets are the descriptors from 3 on, and the variables name the process."""
    child = os.fork()
    if child:
        return child
    copies = [os.dup(each.fileno()) for each in sockets]
    top = max(copies) + 1
    high = [os.dup2(copy, top + at) for at, copy in enumerate(copies)]
    for at, descriptor in enumerate(high):
        os.dup2(descriptor, 3 + at, inheritable=True)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(sockets)))
    log = os.open(home / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execv(govd, [govd, "--state-dir", str(home / "state"), "--keys-dir", str(home / "keys")])


def status():
    done = subprocess.run([govctl, "--socket", str(home / "s"), "status", "-o", "json"], capture_output=True, text=True,
                          timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def main():
    control = listening(socket.AF_UNIX, str(home / "s"))
    gateway = listening(socket.AF_INET, ("127.0.0.1", 0))
    port = gateway.getsockname()[1]
    for _ in range(2):  # who asks while it starts waits for the answer, and a restart takes the same sockets
        child = start([control, gateway])
        try:
            assert status()["gateway"]["url"] == f"http://127.0.0.1:{port}", status()
            assert status()["pid"] == child
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10)
            except urllib.error.HTTPError as refusal:
                assert refusal.code == 401, refusal.code
        finally:
            os.kill(child, signal.SIGTERM)
            _, end = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(end) == 0, (home / "log").read_text()
        assert (home / "s").exists(), "the socket is systemd's to remove"
    print("activation: twice on the same sockets")


try:
    main()
finally:
    shutil.rmtree(home)
