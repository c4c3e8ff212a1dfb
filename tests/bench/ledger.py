#!/usr/bin/env python3
"""Measures what a long ledger costs, in one organization whose file is made longer step by step:
  start   from the program's start to its READY=1, the files not in the page cache (at most 100 ms at 10^6 rows)
  verify  `govd verify` of the stopped files (at most 10 s at 10^7 rows)
  calls   a call's time and govd's CPU for it at one connection (the same at 10^3 and 10^7 rows)
A row is a usage event or its ledger entry: a call makes two."""
import argparse
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time

from bench import Bench, Contender, MODEL, fixed_upstream, one_call, wrk
from scene import Failure, cpu_seconds, machine, memory_mib, record

HERE = pathlib.Path(__file__).resolve().parent
START_FROM, START_AT_MOST = 1_000_000, 100  # ms
VERIFY_AT, VERIFY_AT_MOST = 10_000_000, 10  # s


class Ledger(Bench):
    def rows(self):
        with self.books() as books:
            return sum(books.execute(f"SELECT max(seq) FROM {table}").fetchone()[0] for table in ("ledger", "usage_events"))

    def lengthen(self, generator, rows):
        calls = (rows - self.rows()) // 2
        if calls > 0:
            begun = time.monotonic()
            run = subprocess.run([generator, next((self.state / "orgs").glob("*.db")), str(calls)], capture_output=True,
                                 text=True, check=False)
            if run.returncode:
                raise Failure(f"bench_ledger_rows ended with {run.returncode}: {run.stderr.strip()}")
            print(f"{run.stdout.strip()}, {calls} calls of them made in {time.monotonic() - begun:.0f} s", flush=True)
            # Start-up sums from the newest anchor on, and a daemon that stops leaves one.
            self.start_govd()
            self.end_govd()

    def start_ms(self):
        """From exec to READY=1, of a govd that is ended again."""
        for file in (path for path in self.state.rglob("*") if path.is_file()):
            with open(file, "rb") as data:
                os.fsync(data.fileno())
                os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        path = str(self.runtime / "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(path)
            ready.settimeout(120)
            begun = time.monotonic()
            with subprocess.Popen([self.govd, "--state-dir", self.state, "--keys-dir", self.keys, "--socket", self.socket,
                                   "--listen", "127.0.0.1:0", "--log-file", self.log, "--log-level", "warn"],
                                  env=dict(os.environ, NOTIFY_SOCKET=path)) as process:
                try:
                    while b"READY=1" not in ready.recv(4096):
                        pass
                    return (time.monotonic() - begun) * 1000
                finally:
                    process.terminate()
                    os.unlink(path)

    def verify_seconds(self):
        begun = time.monotonic()
        run = subprocess.run([self.govd, "verify", "--state-dir", self.state, "--keys-dir", self.keys], capture_output=True,
                             text=True, check=False)
        if run.returncode:
            raise Failure(f"govd verify: {run.stdout}{run.stderr}")
        return time.monotonic() - begun


def measure_calls(given, ledger, key):
    """(median us of a call, us of govd's CPU for it)"""
    ledger.start_govd()
    govd = Contender("govd", f"http://127.0.0.1:{ledger.port}/v1", "bench/" + MODEL)
    one_call(govd, key)
    wrk(govd, 1, 1, key)
    before, reports = cpu_seconds(ledger.process), []
    for _ in range(given.rounds):
        reports.append(wrk(govd, 1, given.seconds, key))
    cpu = (cpu_seconds(ledger.process) - before) / sum(report["answered"] for report in reports) * 1e6
    print(f"  memory: {memory_mib(ledger.process):.1f} MiB resident")
    ledger.end_govd()
    if any(report["refused"] or report["broken"] for report in reports):
        raise Failure("answers that were not 200, or broken")
    return statistics.median(report["median_us"] for report in reports), cpu


def measure(given, ledger):
    print(f"machine: {machine()}")
    upstream = fixed_upstream(ledger)
    gateway, key = ledger.govern(upstream)
    one_call(Contender("govd", gateway, "bench/" + MODEL), key)
    ledger.end_govd()
    for rows in given.rows:
        ledger.lengthen(given.generator, rows)
        starts = [ledger.start_ms() for _ in range(given.starts)]
        start, verify = statistics.median(starts), ledger.verify_seconds()
        size = sum(path.stat().st_size for path in (ledger.state / "orgs").glob("*.db")) / (1 << 20)
        print(f"{rows} rows, {size:.0f} MiB: start {start:.0f} ms (median of {len(starts)}: "
              f"{', '.join(f'{ms:.0f}' for ms in starts)}), verify {verify:.2f} s")
        median, cpu = measure_calls(given, ledger, key)
        print(f"  a call at 1 connection: median {median / 1000:.3f} ms, {cpu:.0f} us of govd's CPU", flush=True)
        record(f"start at {rows} rows, not in the page cache", round(start), "ms",
               f"at most {START_AT_MOST}" if rows == START_FROM else None)
        record(f"verify of {rows} rows", round(verify, 2), "s", f"at most {VERIFY_AT_MOST}" if rows == VERIFY_AT else None)
        record(f"a call at 1 connection with {rows} rows, median", round(median / 1000, 3), "ms",
               "the same at each length")
        record(f"govd's CPU a call with {rows} rows", round(cpu, 1), "us", "the same at each length")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="1000 100000 1000000 10000000", help='"1000 100000 1000000 10000000"')
    parser.add_argument("--starts", type=int, default=5, help="of each length; the median counts (5)")
    parser.add_argument("--seconds", type=int, default=5, help="of each turn of calls (5)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of calls at each length (3)")
    parser.add_argument("--quick", action="store_true", help="short ledgers: shows that it works, measures nothing")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    parser.add_argument("--generator", type=pathlib.Path, help="bench_ledger_rows (of the same build)")
    given = parser.parse_args()
    given.generator = given.generator or given.programs / "tests/bench/bench_ledger_rows"
    if given.quick:
        given.rows, given.starts, given.seconds, given.rounds = "100 2000", 1, 1, 1
    given.rows = [int(word) for word in given.rows.split()]
    return given


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    ledger = None
    try:
        ledger = Ledger(given.programs.resolve(), given.keep)
        measure(given, ledger)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if ledger:
            ledger.close()


main()
