"""What the measuring programs share: a real govd with an org, money and a key, in directories that go when it closes,
what /proc knows of it, and the line that a figure leaves for tests/results.py."""
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time

AGENT = "bench/main/web/shop"


class Failure(Exception):
    pass


def record(what, value, unit, target=None):
    """A figure for tests/results.py, which names the file; nothing without it. `target` is text: "at most 64"."""
    path = os.environ.get("GOVCTL_RESULTS")
    if path:
        with open(path, "a", encoding="utf-8") as out:
            out.write(json.dumps({"what": what, "value": value, "unit": unit, "target": target}) + "\n")


def machine():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def wait_for(what, ready, process, log, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if ready():
            return
        time.sleep(0.02)
    tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
    raise Failure(f"{what} did not start:\n{tail}")


def raise_descriptor_limit(needed):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Failure(f"{needed} descriptors are needed; the limit is {hard}")


# --- what /proc knows of a process

def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def seconds_of(stat):
    fields = stat.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    return seconds_of(pathlib.Path(f"/proc/{process.pid}/stat").read_text())


def thread_seconds(process):
    """CPU seconds by the name of the thread."""
    spent = {}
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        try:
            stat = (task / "stat").read_text()
        except OSError:
            continue  # it has ended
        name = stat[stat.index("(") + 1:stat.rindex(")")]
        spent[name] = spent.get(name, 0) + seconds_of(stat)
    return spent


# --- the scene

class Scene:
    def __init__(self, programs, keep=False):
        self.govd, self.govctl = programs / "daemon/govd", programs / "cli/govctl"
        for program in (self.govd, self.govctl):
            if not program.exists():
                raise Failure(f"{program} is not built; tests/bench/run.sh builds it")
        # Beside the build and not in /tmp, which may be memory: what is measured has to reach a disk.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=programs))
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="govctl-bench."))  # a socket's path is short
        self.socket, self.log = self.runtime / "govd.sock", self.directory / "govd.log"
        self.state, self.keys = self.directory / "state", self.directory / "keys"
        self.keep = keep
        self.processes = []
        self.process = None

    def start(self, *command, **options):
        # Whatever becomes of this script, its children end with it.
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                   "stderr": open(self.directory / "stderr.log", "ab"), **options}
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)], **options)
        self.processes.append(process)
        return process

    def ctl(self, *words, stdin=None):
        run = subprocess.run([self.govctl, "--socket", self.socket, *words], input=stdin, capture_output=True, text=True,
                             check=False)
        if run.returncode:
            raise Failure(f"govctl {' '.join(map(str, words))} ended with {run.returncode}: {run.stderr.strip()}")
        return run.stdout

    def ctl_json(self, *words):
        return json.loads(self.ctl(*words, "-o", "json"))

    def start_govd(self, *flags):
        self.process = self.start(self.govd, "--state-dir", self.state, "--keys-dir", self.keys, "--socket", self.socket,
                                  "--listen", "127.0.0.1:0", "--log-file", self.log, "--log-level", "warn", *flags)

        def answers():
            return subprocess.run([self.govctl, "--socket", self.socket, "status"], capture_output=True,
                                  check=False).returncode == 0
        wait_for("govd", answers, self.process, self.log)
        self.port = int(self.ctl_json("status")["gateway"]["url"].rsplit(":", 1)[1])
        return self.process

    def make_shop(self):
        """An org down to its agent, with money and a budget that every call is checked against and none meets."""
        self.ctl("org", "create", "bench", "--slug", "bench")
        self.ctl("workspace", "create", "bench/main")
        self.ctl("group", "create", "bench/main/web")
        self.ctl("agent", "create", AGENT)
        self.ctl("ledger", "purchase", "bench", "9000000000000")
        self.ctl("budget", "set", AGENT, "--period", "monthly", "--limit", "8000000000000")

    def add_provider(self, name, kind, url, models, *flags):
        self.ctl("provider", "add", name, "--kind", kind, "--base-url", url, *flags)
        self.ctl("credential", "add", "bench", name, "--stdin", stdin="sk-bench-upstream-credential\n")
        for model in models:
            self.ctl("pricing", "set", name, model, "--input", "0.000150", "--output", "0.000600")

    def make_key(self):
        secret = self.directory / "key"
        self.ctl("key", "create", AGENT, "--name", "bench", "--secret-file", secret)
        return secret.read_text().strip()

    def stop_govd(self):
        """After the calls in flight; the chain verifies, serving and stopped."""
        deadline = time.monotonic() + 30
        while self.ctl_json("status")["inflight"] and time.monotonic() < deadline:
            time.sleep(0.05)
        self.ctl("ledger", "verify", "bench")
        self.end_govd()
        verify = subprocess.run([self.govd, "verify", "--state-dir", self.state, "--keys-dir", self.keys],
                                capture_output=True, text=True, check=False)
        if verify.returncode:
            raise Failure(f"govd verify on the stopped files: {verify.stdout}{verify.stderr}")

    def end_govd(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        if code:
            raise Failure(f"govd ended with {code} at SIGTERM")

    def books(self):
        """The stopped daemon's org file, read only."""
        return sqlite3.connect(f"file:{next((self.state / 'orgs').glob('*.db'))}?mode=ro", uri=True)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.runtime, ignore_errors=True)
        if self.keep:
            print(f"kept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)
