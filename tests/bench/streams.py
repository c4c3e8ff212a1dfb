#!/usr/bin/env python3
"""Measures what many open streams, a stream's chunk and a long request cost govd:
  memory  with 2,000 concurrent chat streams from a plain upstream that drips a chunk a second (at most 64 MiB)
  delay   that relaying adds to a chunk, median, against the same stream taken from the upstream itself (0.1 ms)
  CPU     of govd for a request of 120 KB in the messages dialect, passed as it is (0.3 ms)
Fails when a stream is not whole, when an answer is not 200, or when events and calls differ."""
import argparse
import asyncio
import json
import os
import pathlib
import platform
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
DRIP, TICK, LONG = "drip", "tick", "long"
TICK_SECONDS = 0.004
USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
MESSAGE = {"id": "msg_bench", "type": "message", "role": "assistant", "model": LONG, "stop_reason": "end_turn",
           "stop_sequence": None, "content": [{"type": "text", "text": "The second lamp left our warehouse on Friday."}],
           "usage": {"input_tokens": 30000, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
                     "output_tokens": 12}}


class Failure(Exception):
    pass


# --- the upstream, a process of its own

def chunk_event(**choice):
    data = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1763000000, "model": "m",
            "choices": [{"index": 0, "finish_reason": None, **choice}]}
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


class Upstream:
    def __init__(self):
        self.over = asyncio.Event()  # ends the streams that drip

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        self.over.set()
        await asyncio.to_thread(sys.stdin.read)  # until the bench goes

    async def connection(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = json.loads(await reader.readexactly(int(length[1])))
                if body.get("stream"):
                    await self.stream(body["model"], writer)
                else:
                    answer = json.dumps(MESSAGE).encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                                 + answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def stream(self, model, writer):
        def send(event):
            writer.write(b"%x\r\n%s\r\n" % (len(event), event))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        if model == DRIP:
            while not self.over.is_set():
                send(chunk_event(delta={"content": "drip "}))
                await asyncio.sleep(1)
        else:
            for _ in range(500):
                send(chunk_event(delta={"content": str(time.monotonic_ns())}))
                await asyncio.sleep(TICK_SECONDS)
        send(chunk_event(delta={}, finish_reason="stop"))
        send(b"data: " + json.dumps({"id": "chatcmpl-bench", "object": "chat.completion.chunk", "choices": [],
                                     "usage": USAGE}).encode() + b"\n\n")
        send(b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


# --- the client

def request(path, key, body):
    return (f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


def chat(model):
    return json.dumps({"model": model, "max_tokens": 256, "stream": True,
                       "messages": [{"role": "user", "content": "Where is my order?"}]}).encode()


async def events(reader):
    """The data of a stream's events, up to [DONE]."""
    status = await reader.readline()
    if b" 200 " not in status:
        raise Failure(f"a stream was answered with {status!r} {await reader.read(1000)!r}")
    while line := await reader.readline():
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            return
        yield line[6:]
    raise Failure("a stream ended without [DONE]")


# --- what is measured

def memory_mib(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def cpu_seconds(process):
    stat = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


async def measure_memory(bench, streams):
    idle = memory_mib(bench.process)
    gate, open_now, chunks = asyncio.Semaphore(64), 0, 0
    all_open = asyncio.Event()

    async def one():
        nonlocal open_now, chunks
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            writer.write(request("/v1/chat/completions", bench.key, chat("bench/" + DRIP)))
            received = events(reader)
            await anext(received)
        open_now += 1
        if open_now == streams:
            all_open.set()
        async for _ in received:
            chunks += 1
        writer.close()

    tasks = [asyncio.create_task(one()) for _ in range(streams)]
    opened = asyncio.create_task(all_open.wait())
    done, _ = await asyncio.wait([opened, *tasks], return_when=asyncio.FIRST_COMPLETED, timeout=120)
    if opened not in done:
        for task in done:
            task.result()
        raise Failure(f"{open_now} of {streams} streams are open after 120 s")
    before, begun, cpu, most = chunks, time.monotonic(), cpu_seconds(bench.process), 0
    while time.monotonic() - begun < 5:
        most = max(most, memory_mib(bench.process))
        await asyncio.sleep(0.25)
    seconds = time.monotonic() - begun
    rate, share = (chunks - before) / seconds, (cpu_seconds(bench.process) - cpu) / seconds
    bench.end_drip()
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    print(f"memory: {streams} concurrent streams, {rate:.0f} chunks/s: govd {most:.1f} MiB resident (target 64), "
          f"{idle:.1f} idle before, {memory_mib(bench.process):.1f} after; {(most - idle) * 1024 / streams:.1f} KiB a stream, "
          f"{share * 100:.0f}% of a core", flush=True)
    return streams


async def chunk_delays(port, key, model):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request("/v1/chat/completions", key, chat(model)))
    delays = []
    async for data in events(reader):
        now = time.monotonic_ns()
        choices = json.loads(data)["choices"]
        sent = choices[0]["delta"].get("content") if choices else None
        if sent:
            delays.append((now - int(sent)) / 1e6)
    writer.close()
    return delays


async def measure_delay(bench, rounds):
    direct, through = [], []
    for turn in range(rounds):
        ways = [(direct, bench.upstream_port, TICK), (through, bench.port, "bench/" + TICK)]
        for delays, port, model in ways if turn % 2 == 0 else reversed(ways):
            delays += (await chunk_delays(port, bench.key, model))[10:]
    added = statistics.median(through) - statistics.median(direct)
    print(f"delay: a chunk each {TICK_SECONDS * 1000:.0f} ms, {len(through)} through govd and {len(direct)} direct: median "
          f"{statistics.median(through):.3f} ms and {statistics.median(direct):.3f} ms, added {added:.3f} ms (target 0.1); "
          f"p99 {statistics.quantiles(through, n=100)[98]:.3f} ms and {statistics.quantiles(direct, n=100)[98]:.3f} ms",
          flush=True)
    return rounds


def long_body(size):
    """What a coding agent sends: a long system prompt, many tools, the files it has read."""
    prose = "Use the tools that are given. Read a file before you change it, and say \"why\" in a line.\n"
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": prose}}, "required": ["path"]}
    body = {"model": "claude/" + LONG, "max_tokens": 1024,
            "system": [{"type": "text", "text": prose * 150, "cache_control": {"type": "ephemeral"}}],
            "tools": [{"name": f"tool_{i}", "description": prose * 6, "input_schema": schema} for i in range(20)],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Mend the lamp."}]}]}
    while len(json.dumps(body)) < size:
        turn = len(body["messages"]) // 2
        body["messages"] += [
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"toolu_{turn}", "name": "tool_1", "input": {"path": "lamp.c"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{turn}",
                                          "content": "int lamp(int watts) {\n\treturn watts > 40 ? -1 : 0;\n}\n" * 40}]}]
    return json.dumps(body).encode()


async def measure_cpu(bench, calls):
    short = {"model": "claude/" + LONG, "max_tokens": 1024, "messages": [{"role": "user", "content": "Mend the lamp."}]}
    for body in (json.dumps(short).encode(), long_body(120_000)):
        async def connection(count):
            reader, writer = await asyncio.open_connection("127.0.0.1", bench.port)
            for _ in range(count):
                writer.write(request("/v1/messages", bench.key, body))
                head = await reader.readuntil(b"\r\n\r\n")
                answer = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
                if not head.startswith(b"HTTP/1.1 200") or json.loads(answer) != MESSAGE:
                    raise Failure(f"a long request was answered with {head!r} {answer[:500]!r}")
            writer.close()
        await connection(20)
        cpu, begun = cpu_seconds(bench.process), time.monotonic()
        await asyncio.gather(*(connection(calls // 4) for _ in range(4)))
        spent, seconds = cpu_seconds(bench.process) - cpu, time.monotonic() - begun
        print(f"CPU: {calls} messages calls of {len(body) / 1000:.1f} KB, 4 at once, {calls / seconds:.0f} calls/s: "
              f"{spent / calls * 1000:.3f} ms of govd's a call" + (" (target 0.3)" if len(body) > 100_000 else ""), flush=True)
    return 2 * (20 + calls // 4 * 4)


# --- the scene

class Bench:
    def __init__(self, programs):
        self.govd, self.govctl = programs / "daemon/govd", programs / "cli/govctl"
        for program in (self.govd, self.govctl):
            if not program.exists():
                raise Failure(f"{program} is missing; cmake --build --preset release builds it")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="govd-streams-"))
        self.socket = self.directory / "s"
        self.process = self.upstream = None

    def ctl(self, *words, stdin=None):
        run = subprocess.run([self.govctl, "--socket", self.socket, *words], input=stdin, capture_output=True, text=True,
                             check=False)
        if run.returncode:
            raise Failure(f"govctl {' '.join(map(str, words))} ended with {run.returncode}: {run.stderr.strip()}")
        return run.stdout

    def end_drip(self):
        self.upstream.stdin.write("over\n")
        self.upstream.stdin.flush()

    def start(self):
        self.upstream = subprocess.Popen([sys.executable, __file__, "--upstream"], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self.upstream_port = int(self.upstream.stdout.readline())
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", self.govd, "--state-dir", self.directory / "state", "--keys-dir",
             self.directory / "keys", "--socket", self.socket, "--listen", "127.0.0.1:0", "--log-file",
             self.directory / "log", "--log-level", "warn"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while subprocess.run([self.govctl, "--socket", self.socket, "status"], capture_output=True, check=False).returncode:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Failure("govd did not start:\n" + (self.directory / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)
        self.ctl("org", "create", "bench", "--slug", "bench")
        self.ctl("workspace", "create", "bench/main")
        self.ctl("group", "create", "bench/main/web")
        self.ctl("agent", "create", "bench/main/web/shop")
        for name, kind in [("bench", "openai"), ("claude", "anthropic")]:
            self.ctl("provider", "add", name, "--kind", kind, "--base-url", f"http://127.0.0.1:{self.upstream_port}/v1")
            self.ctl("credential", "add", "bench", name, "--stdin", stdin="sk-bench-upstream-credential\n")
            for model in (DRIP, TICK, LONG):
                self.ctl("pricing", "set", name, model, "--input", "0.000150", "--output", "0.000600")
        self.ctl("ledger", "purchase", "bench", "9000000000000")
        self.ctl("budget", "set", "bench/main/web/shop", "--period", "monthly", "--limit", "8000000000000")
        secret = self.directory / "key"
        self.ctl("key", "create", "bench/main/web/shop", "--name", "bench", "--secret-file", secret)
        self.key = secret.read_text().strip()
        self.port = int(json.loads(self.ctl("status", "-o", "json"))["gateway"]["url"].rsplit(":", 1)[1])

    def check_books(self, calls):
        """Every call is one event that succeeded, nothing is held, the chain verifies."""
        deadline = time.monotonic() + 30
        while json.loads(self.ctl("status", "-o", "json"))["inflight"] and time.monotonic() < deadline:
            time.sleep(0.05)
        self.ctl("ledger", "verify", "bench")
        balance = json.loads(self.ctl("ledger", "balance", "bench", "-o", "json"))
        succeeded = json.loads(self.ctl("usage", "history", "bench", "--status", "SUCCESS", "--all", "-o", "json"))["items"]
        print(f"books: {calls} calls answered, {len(succeeded)} SUCCESS, {balance['reserved']} credits held; ledger verify ok")
        if len(succeeded) != calls or balance["reserved"]:
            raise Failure("calls, events and holds do not agree")

    def close(self):
        for process in (self.process, self.upstream):
            if process is None:
                continue
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


async def measure(given, bench):
    calls = 0
    # Memory first: what the others leave behind is none of the streams'.
    if "memory" in given.only:
        calls += await measure_memory(bench, given.streams)
    if "delay" in given.only:
        calls += await measure_delay(bench, given.rounds)
    if "cpu" in given.only:
        calls += await measure_cpu(bench, given.calls)
    bench.check_books(calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2000, help="open at once (2000)")
    parser.add_argument("--rounds", type=int, default=4, help="streams of 500 chunks, each way, for the delay (4)")
    parser.add_argument("--calls", type=int, default=1000, help="requests of each length for the CPU (1000)")
    parser.add_argument("--only", default="memory delay cpu", help='"memory delay cpu"')
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    parser.add_argument("--upstream", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if given.upstream:
        asyncio.run(Upstream().serve())
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    bench = None
    try:
        if hard != resource.RLIM_INFINITY and hard < given.streams + 100:
            raise Failure(f"{given.streams} streams need as many descriptors; the limit is {hard}")
        bench = Bench(given.programs.resolve())
        load = os.getloadavg()[0]
        print(f"machine: {os.cpu_count()} cores, Linux {platform.release()}, load {load:.1f} before; upstream and client share "
              "the cores", flush=True)
        bench.start()
        asyncio.run(measure(given, bench))
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        if bench:
            bench.close()


main()
