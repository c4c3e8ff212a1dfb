#!/usr/bin/env python3
"""Abuses a real govd in every way of abuses.py, one after the other, while callers that behave go on, and fails when
  an abuse is not refused with its status, or its connection not closed
  a request that was hidden in another became a call: for govd's books, or for the provider behind it
  a caller that behaves got a wrong answer, or none
  memory or connections stay behind
The callers' p99 beside each abuse is printed (the aim: within twice that of the quiet before it), and asserts nothing:
abusers, govd, callers and the provider share the cores. The last line is the sum.
  tests/load/run.sh                  builds govd, and does all of it: some three minutes
  load_abuse.py --quick              few of everything, all abuses at once"""
import argparse
import asyncio
import dataclasses
import inspect
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "bench"))

import abuses  # noqa: E402
import upstream  # noqa: E402
from scene import Failure, Scene, machine, memory_mib, raise_descriptor_limit, record  # noqa: E402

ABUSES = {name: act for name, act in inspect.getmembers(abuses, inspect.iscoroutinefunction)
          if list(inspect.signature(act).parameters) == ["world"]}
FULL = {"connections": 10_000, "hold": 10, "slow": 500, "floods": 500, "bodies": 8, "upstream_floods": 60, "churn": 20_000,
        "rounds": 20, "quiet": 15}
QUICK = {"connections": 300, "hold": 2, "slow": 20, "floods": 12, "bodies": 1, "upstream_floods": 6, "churn": 200, "rounds": 2,
         "quiet": 2}
LIMIT = 10_000  # connections, govd's own
CALLERS, PAUSE = 8, 0.05


@dataclasses.dataclass
class World:
    port: int
    key: str
    process: subprocess.Popen
    counts: dict
    callers: int = CALLERS
    limit: int = LIMIT

    def __getattr__(self, name):
        return self.counts[name]


def ask_upstream(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def p99(calls):
    return statistics.quantiles([took for _, took, _ in calls], n=100)[98] if len(calls) > 1 else float("nan")


def within(calls, span):
    return [call for call in calls if span[0] <= call[0] <= span[1]]


def open_connections(scene, provider_port):
    """govd's own ends of connections, from callers and to the provider, that are open or half closed."""
    count = 0
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        ours = local.endswith(f":{scene.port:04X}") or remote.endswith(f":{provider_port:04X}")
        count += ours and state in ("01", "08")
    return count


def wait_for_connections(scene, provider_port, before):
    """What the abuses opened is closed again."""
    deadline = time.monotonic() + 10
    while (count := open_connections(scene, provider_port)) > before:
        if time.monotonic() > deadline:
            raise Failure(f"{count} connections are open; before the abuses it was {before}")
        time.sleep(0.1)


async def abuse(given, world):
    """What each abuse did, and when."""
    spans, did = {}, {}

    async def one(name):
        begun = time.monotonic()
        did[name] = await ABUSES[name](world)
        spans[name] = (begun, time.monotonic())
        print(f"{name}: {spans[name][1] - begun:.1f} s: " + ", ".join(f"{k} {v}" for k, v in did[name].items()), flush=True)
    if given.quick:
        await asyncio.gather(*(one(name) for name in given.only))
    else:
        for name in given.only:
            await one(name)
            await asyncio.sleep(2)
    return spans, did


def check_books(scene, right, did, asked):
    with scene.books() as books:
        events = dict(books.execute("SELECT price_model, count(*) FROM usage_events WHERE status = 'SUCCESS' GROUP BY 1"))
        smuggled = books.execute("SELECT count(*) FROM usage_events WHERE instr(model, 'smuggled')").fetchone()[0]
        held = books.execute("SELECT count(*) FROM reservations").fetchone()[0]
    smuggled = max(smuggled, asked.get("smuggled", 0))
    visible = did.get("smuggling_shapes", {}).get("calls", 0)
    for what, got, wanted in [("calls that were hidden in others", smuggled, 0), ("holds left", held, 0),
                              ("events of the callers' calls", events.get("steady", 0), right),
                              ("events of the calls in sight", events.get("visible", 0), visible),
                              ("calls in sight that reached the provider", asked.get("visible", 0), visible)]:
        abuses.expect(what, got, wanted)
    return smuggled


def start(scene):
    provider = scene.start(sys.executable, HERE / "upstream.py", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(provider.stdout.readline())
    scene.start_govd()
    scene.make_shop()
    scene.add_provider("bench", "openai", f"http://127.0.0.1:{port}/v1", ["steady", "visible", "smuggled", *upstream.FLOODS])
    return provider, port


def measure(given, scene):
    print(f"machine: {machine()}")
    provider, provider_port = start(scene)
    key = scene.make_key()
    callers = scene.start(sys.executable, HERE / "callers.py", scene.port, CALLERS, PAUSE, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, env=dict(os.environ, LOAD_KEY=key), text=True)
    world = World(scene.port, key, scene.process, given.counts)
    time.sleep(1)
    quiet = (time.monotonic(), time.monotonic() + world.quiet)
    time.sleep(world.quiet)
    kept = open_connections(scene, provider_port) + 64  # govd keeps so many to the provider, as calls needed at once
    os.nice(10)  # those who abuse have machines of their own elsewhere
    spans, did = asyncio.run(abuse(given, world))
    wait_for_connections(scene, provider_port, kept)
    memory = memory_mib(scene.process)
    calls = json.loads(callers.communicate()[0])
    wrong = [fault for _, _, fault in calls if fault]
    asked = ask_upstream(provider)["asked"]
    scene.stop_govd()
    smuggled = check_books(scene, len(calls) - len(wrong), did, asked)

    before = p99(within(calls, quiet))
    print(f"callers: p99 {before:.1f} ms of {len(within(calls, quiet))} calls before the abuses; govd {memory:.1f} MiB after them")
    record("callers' p99 without abuse", round(before, 2), "ms")
    for name, span in spans.items():
        mine = within(calls, span)
        beside = p99(mine)
        print(f"  beside {name}: p99 {beside:.1f} ms of {len(mine)} calls, {beside / before:.2f} times (aim: 2)")
        record(f"callers' p99 beside {name.replace('_', ' ')}", round(beside / before, 2), "times", "at most 2")
    for name, facts in did.items():
        for what, value in facts.items():
            record(f"{name.replace('_', ' ')}: {what.replace('_', ' ')}", value, "")
    if wrong:
        raise Failure(f"{len(wrong)} wrong answers to callers that behave, the first: {wrong[0]}")
    print(f"{len(did)} abuses, {world.connections} idle connections, {len(calls)} calls beside them, {len(wrong)} wrong, "
          f"{smuggled} smuggled")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few of everything, all abuses at once")
    parser.add_argument("--only", default=" ".join(ABUSES), help=f'"{" ".join(ABUSES)}"')
    for name, count in FULL.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, help=f"({count})")
    parser.add_argument("--keep", action="store_true", help="leave the files of the run")
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are tried (build/release)")
    given = parser.parse_args()
    given.only = given.only.split()
    if unknown := set(given.only) - set(ABUSES):
        parser.error("no such abuse: " + ", ".join(sorted(unknown)))
    given.counts = {name: usual if getattr(given, name) is None else getattr(given, name)
                    for name, usual in (QUICK if given.quick else FULL).items()}
    return given


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scene = None
    try:
        raise_descriptor_limit(given.counts["connections"] + 500)
        scene = Scene(given.programs.resolve(), given.keep)
        measure(given, scene)
    except Failure as failure:
        print(f"load: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if scene:
            scene.close()


if __name__ == "__main__":
    main()
