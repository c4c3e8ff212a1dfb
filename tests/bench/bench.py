#!/usr/bin/env python3
"""Measures govd beside nginx and Portkey's gateway: wrk -> contender -> the same upstream, turn by turn, with 1, 32 and
256 connections; and what CPU a call costs govd, by thread. Portkey comes from npm, and is left out where that fails.
Fails when an answer is not 200, when usage events and answered calls differ, or when the ledger does not verify."""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

import portkey
from scene import Failure, Scene, accepts, free_port, machine, record, thread_seconds, wait_for

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


class Bench(Scene):
    """govd and nginx, side by side."""

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

    def govern(self, upstream):
        """Sets up org, rules, money and key; returns (gateway URL, key)."""
        self.start_govd()
        self.make_shop()
        self.add_provider("bench", "openai", upstream, [MODEL])
        # Rules and budgets that every call is checked against and none meets.
        self.ctl("policy", "set", "bench", "--allow-models", MODEL, "--max-output-tokens", "4096")
        for path in ("bench", "bench/main", "bench/main/web"):
            self.ctl("budget", "set", path, "--period", "monthly", "--limit", "8000000000000")
        return f"http://127.0.0.1:{self.port}/v1", self.make_key()


@dataclasses.dataclass
class Contender:
    name: str
    url: str
    model: str
    headers: dict = dataclasses.field(default_factory=dict)
    runs: dict = dataclasses.field(default_factory=dict)  # connections -> what wrk reported, a round each

    def figure(self, connections, name):
        return statistics.median(run[name] for run in self.runs[connections])

    def rate(self, connections):
        return statistics.median(run["answered"] / run["seconds"] for run in self.runs[connections])


def wrk(contender, connections, seconds, key):
    threads = min(connections, 2, os.cpu_count())
    environment = dict(os.environ, BENCH_KEY=key, BENCH_MODEL=contender.model,
                       BENCH_HEADERS="\n".join(f"{name}: {value}" for name, value in contender.headers.items()))
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
        headers={"Authorization": "Bearer " + key, "Content-Type": "application/json", **contender.headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            content = json.load(answer)["choices"][0]["message"]["content"]
    except (OSError, ValueError, KeyError) as error:
        body = error.read().decode(errors="replace") if hasattr(error, "read") else ""
        raise Failure(f"the first call through {contender.name} failed: {error} {body}") from error
    if content != ANSWER["choices"][0]["message"]["content"]:
        raise Failure(f"{contender.name} changed the answer")


def print_table(contenders, levels):
    print(f"\n{'connections':>11}  {'through':<18}{'calls/s':>10}{'median ms':>11}{'p99 ms':>9}{'not 200':>9}{'broken':>8}")
    for connections in levels:
        for contender in contenders:
            runs = contender.runs[connections]
            print(f"{connections:>11}  {contender.name:<18}{contender.rate(connections):>10.0f}"
                  f"{contender.figure(connections, 'median_us') / 1000:>11.3f}"
                  f"{contender.figure(connections, 'p99_us') / 1000:>9.3f}"
              f"{sum(run['refused'] for run in runs):>9}{sum(run['broken'] for run in runs):>8}")
            at = f"at {connections} connections, {contender.name}"
            record(f"calls/s {at}", round(contender.rate(connections)), "calls/s")
            for what, name in (("median", "median_us"), ("p99", "p99_us")):
                record(f"{what} {at}", round(contender.figure(connections, name) / 1000, 3), "ms")


def check_books(bench, answered, cut_at_most):
    """Every answered call is one event, one entry, and no hold is left; the chain verifies, serving and stopped."""
    bench.stop_govd()
    with bench.books() as books:
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
    parser.add_argument("--without-portkey", action="store_true", help="measure nginx and govd alone")
    parser.add_argument("--quick", action="store_true", help="one turn of a second: shows that it works, measures nothing")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run")
    parser.add_argument("--profile", action="store_true",
                        help="afterwards perf record govd at the most connections, into build/govd.perf")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    given = parser.parse_args()
    given.levels = [int(word) for word in given.connections.split()]
    if given.quick:
        given.seconds, given.rounds, given.levels, given.without_portkey = 1, 1, [1, 32], True
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


def fixed_upstream(bench):
    """nginx with one answer for everything: its URL."""
    answer = json.dumps(ANSWER, separators=(",", ":"))
    return bench.nginx("upstream", "auto", f"""  server {{
    listen 127.0.0.1:@PORT@ backlog=4096;
    location / {{ default_type application/json; return 200 '{answer}'; }}
  }}""")


def line_up(given, bench):
    """Directly, the rivals that govd is held against, govd, all of them; and the key."""
    upstream = fixed_upstream(bench)
    passing = f"""  upstream u {{ server {upstream.split('/')[2]}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:@PORT@ backlog=4096;
    location / {{ proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}"""
    gateway, key = bench.govern(upstream)
    rivals = [Contender("nginx, 1 worker", bench.nginx("pass-1", 1, passing), MODEL)]
    if os.cpu_count() > 1:
        rivals.append(Contender(f"nginx, {os.cpu_count()} workers", bench.nginx("pass-n", "auto", passing), MODEL))
    direct = Contender("(no proxy)", upstream, MODEL)
    govd = Contender("govd", gateway, "bench/" + MODEL)
    contenders = [direct, *rivals, govd]
    without = "not asked for" if given.without_portkey else portkey.installed()
    if without:
        print(f"Portkey's gateway is left out: {without}")
    else:
        contenders.append(Contender("Portkey", portkey.start(bench), MODEL, portkey.headers(upstream)))
    for contender in contenders:
        one_call(contender, key)
    return direct, rivals, govd, contenders, key


class Cpu:
    """What govd's threads spend in its own turns."""

    def __init__(self, process):
        self.process = process
        self.spent = {}  # connections -> thread -> seconds
        self.calls = {}

    def turn(self, connections, run):
        before = thread_seconds(self.process)
        report = run()
        spent = self.spent.setdefault(connections, {})
        for name, seconds in thread_seconds(self.process).items():
            spent[name] = spent.get(name, 0) + seconds - before.get(name, 0)
        self.calls[connections] = self.calls.get(connections, 0) + report["answered"]
        return report

    def print(self):
        for connections, spent in self.spent.items():
            each = {name: seconds / self.calls[connections] * 1e6 for name, seconds in spent.items()}
            print(f"CPU of govd a call at {connections} connections: {sum(each.values()):.0f} us: " + ", ".join(
                f"{name} {us:.1f}" for name, us in sorted(each.items(), key=lambda item: -item[1]) if us >= 0.05))
            record(f"govd's CPU a call at {connections} connections", round(sum(each.values()), 1), "us")


def print_ratios(given, direct, rivals, govd, fsync_median):
    for connections in given.levels:
        best = max(rivals, key=lambda rival: rival.rate(connections))
        ratio = govd.rate(connections) / best.rate(connections)
        print(f"{connections:>3} connections: govd / nginx = {ratio:.2f} ({best.name})")
        record(f"govd / nginx at {connections} connections", round(ratio, 3), "times", "at least 0.6")
    if 1 in given.levels:
        added = (govd.figure(1, "median_us") - direct.figure(1, "median_us")) / 1000
        print(f"added at 1 connection, median: {added:.3f} ms (two commits of {fsync_median / 1000:.3f} ms in it); by nginx "
              f"{(min(rival.figure(1, 'median_us') for rival in rivals) - direct.figure(1, 'median_us')) / 1000:.3f} ms")
        record("added by govd at 1 connection, median", round(added, 3), "ms",
               f"at most 0.3 and two commits of {fsync_median / 1000:.3f}")


def measure(given, bench):
    print(f"machine: {machine()}")
    direct, rivals, govd, contenders, key = line_up(given, bench)
    median, p99 = fsync_us(bench.state)
    print(f"disk: 4 KiB append + fdatasync in the state directory: median {median / 1000:.3f} ms, p99 {p99 / 1000:.3f} ms")
    record("4 KiB append and fdatasync, median", round(median / 1000, 3), "ms")
    print(f"each turn {given.seconds} s, {given.rounds} of each, alternating; upstream and wrk share the cores",
          flush=True)

    cpu = Cpu(bench.process)
    for connections in given.levels:
        for turn in range(given.rounds):
            for contender in contenders if turn % 2 == 0 else reversed(contenders):
                def run(contender=contender, connections=connections):
                    return wrk(contender, connections, given.seconds, key)
                report = cpu.turn(connections, run) if contender is govd else run()
                contender.runs.setdefault(connections, []).append(report)
    print_table(contenders, given.levels)
    print()
    print_ratios(given, direct, rivals, govd, median)
    cpu.print()

    reports = [report for runs in govd.runs.values() for report in runs]
    cut = sum(connections * given.rounds for connections in given.levels)
    if given.profile:
        reports.append(profile(given, govd, bench.process, key))
        cut += given.levels[-1]
    check_books(bench, 1 + sum(report["answered"] for report in reports), cut)
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


if __name__ == "__main__":
    main()
