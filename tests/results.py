#!/usr/bin/env python3
"""tests/RESULTS.md says what was measured and when; it is printed from tests/results.jsonl, one line a run, the newest
run of each name. No figure in either is typed by hand.
  results.py run NAME -- COMMAND…   runs COMMAND, keeps its command line, time, exit code, last line, and each figure that
                                    it recorded (GOVCTL_RESULTS names the file for them; tests/bench/scene.py writes it),
                                    then writes RESULTS.md anew; ends as COMMAND ended, and keeps nothing of a failure
  results.py collect [NAME…]        the same with each command of COMMANDS, or those that are named; hours
  results.py write                  prints RESULTS.md anew
The lint tests/lint/figures.py says whether RESULTS.md is what results.jsonl says."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
import tempfile
import time

HEAD = """# Results

What was measured, when and by which command. Each section is the newest run of its name; `tests/results.py run NAME --
COMMAND…` adds one and prints this page. The line in a box is the last one that the command printed.
"""

# The full counts, by the name of their section. The crash programs are built with the sanitizers.
COMMANDS = {
    "bench: calls": "tests/bench/run.sh calls",
    "bench: commands": "tests/bench/run.sh commands",
    "bench: ledger": "tests/bench/run.sh ledger",
    "bench: streams": "tests/bench/run.sh streams",
    "crash: failpoints": "build/asan/tests/crash/crash_failpoints --seeds 25 --seed 1",
    "crash: faults": "env GOVD=build/release/daemon/govd build/asan/tests/crash/crash_faults --runs 200 --disconnects 10000 --seed 1",
    "crash: kill": "env GOVD=build/release/daemon/govd build/asan/tests/crash/crash_kill --runs 10000 --seed 1",
    "crash: model": "build/asan/tests/crash/crash_model --runs 1000000 --seed 1",
    "crash: power loss": "build/asan/tests/crash/crash_power_loss --runs 100000 --seed 1",
    "crash: tamper": "build/asan/tests/crash/crash_tamper --runs 10000 --seed 1",
    "fuzz": "tests/fuzz/run.sh 300",
    "load": "tests/load/run.sh",
}


def machine():
    model = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return f"{os.cpu_count()} cores, {model}, {memory} GiB, Linux {platform.release()}"


def figure(recorded):
    value = recorded["value"]
    return f"{value:,}".replace(",", " ").strip() + f" {recorded['unit']}" * bool(recorded["unit"])


class Book:
    """The runs that are kept in a tree, and the page that shows them."""

    def __init__(self, root):
        self.root = root
        self.data, self.page = root / "tests/results.jsonl", root / "tests/RESULTS.md"

    def runs(self):
        if not self.data.exists():
            return []
        return [json.loads(line) for line in self.data.read_text(encoding="utf-8").splitlines()]

    def text(self):
        out = [HEAD]
        for run in self.runs():
            out += [f"## {run['name']}", "", f"`{run['command']}`", "",
                    f"{run['began']}, {run['seconds']:.0f} s, at {run['commit']}; {run['machine']}", ""]
            if run["figures"]:
                out += ["| figure | value | aim |", "|---|---|---|"]
                out += [f"| {each['what']} | {figure(each)} | {each['target'] or ''} |" for each in run["figures"]]
                out.append("")
            if run["last_line"]:
                out += ["```", run["last_line"], "```", ""]
        return "\n".join(out)

    def fresh(self):
        return self.page.exists() and self.page.read_text(encoding="utf-8") == self.text()

    def keep(self, run):
        kept = [each for each in self.runs() if each["name"] != run["name"]] + [run]
        kept.sort(key=lambda each: each["name"])
        self.data.write_text("".join(json.dumps(each) + "\n" for each in kept), encoding="utf-8")
        self.write()

    def write(self):
        self.page.write_text(self.text(), encoding="utf-8")

    def commit(self):
        run = subprocess.run(["git", "-C", self.root, "describe", "--always", "--dirty", "--abbrev=10"], capture_output=True,
                             text=True, check=False)
        return run.stdout.strip() or "an unknown commit"

    def here(self, text):
        """Without the path of this machine's checkout."""
        return text.replace(str(self.root) + "/", "").replace(str(self.root), ".")


def run_command(book, name, words):
    began, start = datetime.datetime.now(datetime.timezone.utc), time.monotonic()
    at, last = book.commit(), ""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as figures:
        with subprocess.Popen(words, cwd=book.root, stdout=subprocess.PIPE, text=True, errors="replace",
                              env=dict(os.environ, GOVCTL_RESULTS=figures.name)) as process:
            for line in process.stdout:
                print(line, end="", flush=True)
                last = line.strip() or last
        recorded = [json.loads(line) for line in figures.read().splitlines()]
    if process.returncode:
        print(f"results: the command ended with {process.returncode}; nothing is kept", file=sys.stderr)
        return process.returncode
    book.keep({"name": name, "command": book.here(shlex.join(words)), "began": began.strftime("%Y-%m-%d %H:%M UTC"),
               "seconds": round(time.monotonic() - start, 1), "commit": at, "machine": machine(),
               "last_line": book.here(last), "figures": recorded})
    return 0


def main():
    words, command = sys.argv[1:], []
    if "--" in words:
        at = words.index("--")
        words, command = words[:at], words[at + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "collect", "write"])
    parser.add_argument("names", nargs="*", metavar="NAME")
    given = parser.parse_args(words)
    if (given.what == "run") != bool(command) or len(given.names) != 1 and given.what == "run":
        parser.error("run takes NAME -- COMMAND…")
    if given.what == "collect" and (unknown := set(given.names) - set(COMMANDS)):
        parser.error("no such name: " + ", ".join(sorted(unknown)) + "; there are " + ", ".join(COMMANDS))
    book = Book(pathlib.Path(__file__).resolve().parents[1])
    if given.what == "run":
        return run_command(book, given.names[0], command)
    if given.what == "collect":
        failed = [name for name in given.names or COMMANDS if run_command(book, name, shlex.split(COMMANDS[name]))]
        if failed:
            print("results: failed: " + ", ".join(failed), file=sys.stderr)
        return 1 if failed else 0
    book.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
