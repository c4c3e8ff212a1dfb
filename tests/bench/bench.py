#!/usr/bin/env python3
"""Measures govd beside nginx: wrk -> contender -> the same upstream, turn by turn, with 1, 32 and 256 connections.
Fails when an answer is not 200, when usage events and answered calls differ, or when the ledger does not verify."""
import argparse
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
MODEL = "chat-1"
ANSWER = {
    "id": "chatcmpl-9x2vQmA7bench", "object": "chat.completion", "created": 1763000000, "model": MODEL,
    "choices": [{"index": 0, "logprobs": None, "finish_reason": "stop", "message": {
        "role": "assistant", "refusal": None,
        "content": "Thank you for writing. Order 48-1172 was sent in two parcels and the second lamp left our warehouse "
                   "on Friday; it should reach you within two working days. Shall I open a ticket so that we can "
                   "change it for the grey model, should it not arrive?"}}],
    "usage": {"prompt_tokens": 214, "completion_tokens": 61, "total_tokens": 275,
              "prompt_tokens_details": {"cached_tokens": 0}, "completion_tokens_details": {"reasoning_tokens": 0}},
    "system_fingerprint": "fp_bench"}


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


def accepts(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Bench:
    """All that is started and written, gone when it closes."""

    def __init__(self, programs, keep):
        self.govd, self.govctl = programs / "daemon/govd", programs / "cli/govctl"
        for program in (self.govd, self.govctl):
            if not program.exists():
                raise Failure(f"{program} is not built; tests/bench/run.sh builds it")
        # Beside the build and not in /tmp, which may be memory: what is measured has to reach a disk.
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir=programs))
        self.runtime = pathlib.Path(tempfile.mkdtemp(prefix="govctl-bench."))  # a socket's path is short
        self.socket = self.runtime / "govd.sock"
        self.keep = keep
        self.processes = []

    def start(self, *command):
        # Whatever becomes of this script, its children end with it.
        process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=open(self.directory / "stderr.log", "ab"))
        self.processes.append(process)
        return process

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

    def nginx(self, name, workers, http):
        port, home = free_port(), self.directory / name
        home.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        temporary = "\n".join(f"  {kind}_temp_path {home}/{kind};"
                              for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        configuration = home / "nginx.conf"
        configuration.write_text(f"""daemon off; {user}
worker_processes {workers};
pid {home}/pid;
error_log {home}/error.log;
worker_rlimit_nofile 8192;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_buffer_size 64k;
{temporary}
{http.replace("@PORT@", str(port))}
}}
""")
        program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not program:
            raise Failure("nginx is not installed; packaging/install-deps.sh test installs it")
        process = self.start(program, "-e", home / "error.log", "-p", home, "-c", configuration)
        wait_for(f"nginx ({name})", lambda: accepts(port), process, home / "error.log")
        return f"http://127.0.0.1:{port}/v1"

    def ctl(self, *words, stdin=None):
        run = subprocess.run([self.govctl, "--socket", self.socket, *words], input=stdin, capture_output=True, text=True,
                             check=False)
        if run.returncode:
            raise Failure(f"govctl {' '.join(map(str, words))} ended with {run.returncode}: {run.stderr.strip()}")
        return run.stdout

    def start_govd(self, upstream):
        """Sets up org, rules, money and key; returns (process, gateway URL, key)."""
        self.state, self.keys, log = self.directory / "state", self.directory / "keys", self.directory / "govd.log"
        process = self.start(self.govd, "--state-dir", self.state, "--keys-dir", self.keys, "--socket", self.socket,
                             "--listen", "127.0.0.1:0", "--log-file", log, "--log-level", "warn")

        def answers():
            return subprocess.run([self.govctl, "--socket", self.socket, "status"], capture_output=True,
                                  check=False).returncode == 0
        wait_for("govd", answers, process, log)
        self.ctl("org", "create", "bench", "--slug", "bench")
        self.ctl("workspace", "create", "bench/main")
        self.ctl("group", "create", "bench/main/web")
        self.ctl("agent", "create", "bench/main/web/shop")
        self.ctl("provider", "add", "bench", "--kind", "openai", "--base-url", upstream)
        self.ctl("credential", "add", "bench", "bench", "--stdin", stdin="sk-bench-upstream-credential\n")
        self.ctl("pricing", "set", "bench", MODEL, "--input", "0.000150", "--output", "0.000600")
        self.ctl("ledger", "purchase", "bench", "9000000000000")
        # Rules and budgets that every call is checked against and none meets.
        self.ctl("policy", "set", "bench", "--allow-models", MODEL, "--max-output-tokens", "4096")
        for path in ("bench", "bench/main", "bench/main/web", "bench/main/web/shop"):
            self.ctl("budget", "set", path, "--period", "monthly", "--limit", "8000000000000")
        secret = self.directory / "key"
        self.ctl("key", "create", "bench/main/web/shop", "--name", "bench", "--secret-file", secret)
        gateway = json.loads(self.ctl("status", "-o", "json"))["gateway"]["url"]
        return process, gateway + "/v1", secret.read_text().strip()


@dataclasses.dataclass
class Contender:
    name: str
    url: str
    model: str
    runs: dict = dataclasses.field(default_factory=dict)  # connections -> what wrk reported, a round each

    def figure(self, connections, name):
        return statistics.median(run[name] for run in self.runs[connections])

    def rate(self, connections):
        return statistics.median(run["answered"] / run["seconds"] for run in self.runs[connections])


def wrk(contender, connections, seconds, key):
    threads = min(connections, 2, os.cpu_count())
    environment = dict(os.environ, BENCH_KEY=key, BENCH_MODEL=contender.model)
    run = subprocess.run(["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s",
                          HERE / "post.lua", contender.url + "/chat/completions"],
                         env=environment, capture_output=True, text=True, check=False)
    line = next((line for line in run.stdout.splitlines() if line.startswith("{")), None)
    if run.returncode or line is None:
        raise Failure(f"wrk against {contender.name} ended with {run.returncode}: {run.stdout}{run.stderr}")
    return json.loads(line)


def fsync_us(directory, times=200):
    """Median and p99 of appending 4 KiB and waiting for the disk, there where govd commits."""
    path, spent = directory / "fsync.probe", []
    with open(path, "wb", buffering=0) as probe:
        for _ in range(times):
            probe.write(os.urandom(4096))
            before = time.perf_counter()
            os.fdatasync(probe.fileno())
            spent.append((time.perf_counter() - before) * 1e6)
    path.unlink()
    return statistics.median(spent), statistics.quantiles(spent, n=100)[98]


def one_call(contender, key):
    """The first call: it must come back as the upstream said it."""
    request = urllib.request.Request(contender.url + "/chat/completions", method="POST", data=json.dumps(
        {"model": contender.model, "max_tokens": 128, "messages": [{"role": "user", "content": "hello"}]}).encode(),
        headers={"Authorization": "Bearer " + key, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            content = json.load(answer)["choices"][0]["message"]["content"]
    except (OSError, ValueError, KeyError) as error:
        body = error.read().decode(errors="replace") if hasattr(error, "read") else ""
        raise Failure(f"the first call through {contender.name} failed: {error} {body}") from error
    if content != ANSWER["choices"][0]["message"]["content"]:
        raise Failure(f"{contender.name} changed the answer")


def machine():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release()}"


def print_table(contenders, levels):
    print(f"\n{'connections':>11}  {'through':<18}{'calls/s':>10}{'median ms':>11}{'p99 ms':>9}{'not 200':>9}{'broken':>8}")
    for connections in levels:
        for contender in contenders:
            runs = contender.runs[connections]
            print(f"{connections:>11}  {contender.name:<18}{contender.rate(connections):>10.0f}"
                  f"{contender.figure(connections, 'median_us') / 1000:>11.3f}"
                  f"{contender.figure(connections, 'p99_us') / 1000:>9.3f}"
                  f"{sum(run['refused'] for run in runs):>9}{sum(run['broken'] for run in runs):>8}")


def check_books(bench, process, answered, cut_at_most):
    """Every answered call is one event, one entry, and no hold is left; the chain verifies, serving and stopped."""
    deadline = time.monotonic() + 30
    while json.loads(bench.ctl("status", "-o", "json"))["inflight"] and time.monotonic() < deadline:
        time.sleep(0.05)
    bench.ctl("ledger", "verify", "bench")
    process.send_signal(signal.SIGTERM)
    code = process.wait(timeout=60)
    if code:
        raise Failure(f"govd ended with {code} at SIGTERM")
    verify = subprocess.run([bench.govd, "verify", "--state-dir", bench.state, "--keys-dir", bench.keys],
                            capture_output=True, text=True, check=False)
    if verify.returncode:
        raise Failure(f"govd verify on the stopped files: {verify.stdout}{verify.stderr}")
    file = next((bench.state / "orgs").glob("*.db"))
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as books:
        def count(sql):
            return books.execute(sql).fetchone()[0]
        events = count("SELECT count(*) FROM usage_events")
        succeeded = count("SELECT count(*) FROM usage_events WHERE status = 'SUCCESS'")
        charged = count("SELECT count(*) FROM ledger WHERE type = 'USAGE_DEDUCTION'")
        held = count("SELECT count(*) FROM reservations")
    print(f"\nbooks: {answered} calls answered, {events} usage events ({succeeded} SUCCESS), {charged} charges, "
          f"{held} holds left; ledger verify ok, govd verify ok")
    if not answered <= events <= answered + cut_at_most:
        raise Failure(f"{events} usage events for {answered} answered calls and at most {cut_at_most} cut ones")
    if not answered <= succeeded or not answered <= charged <= events or held:
        raise Failure("answered calls, charges and holds do not agree")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of each turn (5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender; the median counts (3)")
    parser.add_argument("--connections", default="1 32 256", help='"1 32 256"')
    parser.add_argument("--quick", action="store_true", help="one turn of a second: shows that it works, measures nothing")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run")
    parser.add_argument("--profile", action="store_true",
                        help="afterwards perf record govd at the most connections, into build/govd.perf")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    given = parser.parse_args()
    given.levels = [int(word) for word in given.connections.split()]
    if given.quick:
        given.seconds, given.rounds, given.levels = 1, 1, [1, 32]
    return given


def profile(given, govd, process, key):
    if not shutil.which("perf"):
        print("profile: perf is not installed (Debian: linux-perf)")
        return {"answered": 0}
    target = given.programs.resolve().parent / "govd.perf"
    with subprocess.Popen(["perf", "record", "-q", "-g", "-p", str(process.pid), "-o", target]) as recording:
        report = wrk(govd, given.levels[-1], given.seconds, key)
        recording.send_signal(signal.SIGINT)
    print(f"profile: perf report -i {target}")
    return report


def measure(given, bench):
    print(f"machine: {machine()}")
    answer = json.dumps(ANSWER, separators=(",", ":"))
    upstream = bench.nginx("upstream", "auto", f"""  server {{
    listen 127.0.0.1:@PORT@ backlog=4096;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}""")
    passing = f"""  upstream u {{ server {upstream.split('/')[2]}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:@PORT@ backlog=4096;
    location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}"""
    process, gateway, key = bench.start_govd(upstream)
    rivals = [Contender("nginx, 1 worker", bench.nginx("pass-1", 1, passing), MODEL)]
    if os.cpu_count() > 1:
        rivals.append(Contender(f"nginx, {os.cpu_count()} workers", bench.nginx("pass-n", "auto", passing), MODEL))
    direct = Contender("(no proxy)", upstream, MODEL)
    govd = Contender("govd", gateway, "bench/" + MODEL)
    contenders = [direct, *rivals, govd]
    for contender in contenders:
        one_call(contender, key)
    median, p99 = fsync_us(bench.state)
    print(f"disk: 4 KiB append + fdatasync in the state directory: median {median / 1000:.3f} ms, p99 {p99 / 1000:.3f} ms")
    print(f"each turn {given.seconds} s, {given.rounds} of each, alternating; upstream and wrk share the cores",
          flush=True)

    for connections in given.levels:
        for turn in range(given.rounds):
            for contender in contenders if turn % 2 == 0 else reversed(contenders):
                report = wrk(contender, connections, given.seconds, key)
                contender.runs.setdefault(connections, []).append(report)
    print_table(contenders, given.levels)

    print()
    for connections in given.levels:
        best = max(rivals, key=lambda rival: rival.rate(connections))
        print(f"{connections:>3} connections: govd / nginx = {govd.rate(connections) / best.rate(connections):.2f} "
              f"({best.name})")
    if 1 in given.levels:
        mine = govd.figure(1, "median_us")
        print(f"added at 1 connection, median: {(mine - direct.figure(1, 'median_us')) / 1000:.3f} ms "
              f"(two commits of {median / 1000:.3f} ms in it); by nginx "
              f"{(min(rival.figure(1, 'median_us') for rival in rivals) - direct.figure(1, 'median_us')) / 1000:.3f} ms")

    reports = [report for runs in govd.runs.values() for report in runs]
    cut = sum(connections * given.rounds for connections in given.levels)
    if given.profile:
        reports.append(profile(given, govd, process, key))
        cut += given.levels[-1]
    check_books(bench, process, 1 + sum(report["answered"] for report in reports), cut)
    faults = [f"{contender.name} at {connections}" for contender in contenders
              for connections, runs in contender.runs.items() for run in runs if run["refused"] or run["broken"]]
    if faults:
        raise Failure("answers that were not 200, or broken: " + ", ".join(sorted(set(faults))))


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = None
    try:
        bench = Bench(given.programs.resolve(), given.keep)
        measure(given, bench)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if bench:
            bench.close()


main()
