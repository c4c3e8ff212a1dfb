#!/usr/bin/env python3
"""Measures govctl's own time: typical commands against a govd with a small organization, turn by turn, each from the
program's start to its end (at most 15 ms)."""
import argparse
import pathlib
import signal
import statistics
import subprocess
import sys
import time

from scene import AGENT, Failure, Scene, machine, record

HERE = pathlib.Path(__file__).resolve().parent
AT_MOST = 15  # ms
COMMANDS = [["--version"], ["help"], ["status"], ["status", "-o", "json"], ["org", "list"], ["agent", "list", "bench/main/web"],
            ["key", "list", AGENT], ["budget", "list"], ["budget", "explain", AGENT], ["policy", "get", "bench"],
            ["policy", "effective", AGENT], ["ledger", "balance", "bench"], ["ledger", "statement", "bench"],
            ["usage", "history", "bench"], ["usage", "top", "bench"], ["pricing", "list"], ["provider", "list"],
            ["export", "bench"], ["env", "--agent", AGENT, "--shell", "bash"]]


def measure(given, scene):
    print(f"machine: {machine()}")
    scene.start_govd()
    scene.make_shop()
    scene.make_key()
    scene.ctl("policy", "set", "bench", "--allow-models", "mock*")
    spent = {" ".join(words): [] for words in COMMANDS}
    for turn in range(given.turns + 1):
        for words in COMMANDS:
            begun = time.perf_counter()
            run = subprocess.run([scene.govctl, "--socket", scene.socket, *words], stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, check=False)
            took = (time.perf_counter() - begun) * 1000
            if run.returncode:
                raise Failure(f"govctl {' '.join(words)} ended with {run.returncode}: {run.stderr.strip()}")
            if turn:  # the first one brings the files into memory
                spent[" ".join(words)].append(took)
    started = []
    for _ in range(given.turns):
        begun = time.perf_counter()
        subprocess.run(["/bin/true"], check=True, capture_output=True)
        started.append((time.perf_counter() - begun) * 1000)
    print(f"each {given.turns} times; a program that does nothing takes {statistics.median(started):.2f} ms")
    for command, took in spent.items():
        p90 = statistics.quantiles(took, n=10)[8]
        print(f"govctl {command:<40} median {statistics.median(took):6.2f} ms, p90 {p90:6.2f} ms")
        record(f"govctl {command}, median", round(statistics.median(took), 2), "ms", f"at most {AT_MOST}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=50, help="of each command; the median counts (50)")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scene = None
    try:
        scene = Scene(given.programs.resolve())
        measure(given, scene)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if scene:
            scene.close()


main()
