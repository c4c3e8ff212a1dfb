#!/usr/bin/env python3
"""Measures what many open streams, a stream's chunk and a long request cost govd:
  memory  with 2,000 concurrent chat streams from a plain upstream that drips a chunk a second (at most 64 MiB)
  tls     the same from an upstream over TLS (at most 256 MiB)
  delay   that relaying adds to a chunk, median, against the same stream taken from the upstream itself (0.1 ms)
  CPU     of govd for a request of 120 KB in the messages dialect, passed as it is (0.3 ms)
Fails when a stream is not whole, when an answer is not 200, or when events and calls differ."""
import argparse
import asyncio
import json
import os
import pathlib
import re
import signal
import ssl
import statistics
import subprocess
import sys
import time

from scene import Failure, Scene, cpu_seconds, machine, memory_mib, raise_descriptor_limit, record

HERE = pathlib.Path(__file__).resolve().parent
DRIP, TICK, LONG = "drip", "tick", "long"
TICK_SECONDS = 0.004
USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}
MESSAGE = {"id": "msg_bench", "type": "message", "role": "assistant", "model": LONG, "stop_reason": "end_turn",
           "stop_sequence": None, "content": [{"type": "text", "text": "The second lamp left our warehouse on Friday."}],
           "usage": {"input_tokens": 30000, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0,
                     "output_tokens": 12}}


# --- the upstream, a process of its own

def chunk_event(**choice):
    data = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1763000000, "model": "m",
            "choices": [{"index": 0, "finish_reason": None, **choice}]}
    return b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"


class Upstream:
    def __init__(self, certificate):
        self.over = asyncio.Event()  # ends the streams that drip
        self.tls = None
        if certificate:
            self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.tls.load_cert_chain(certificate)

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=4096, ssl=self.tls)
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
    target = 256 if bench.certificate else 64
    way = "over TLS" if bench.certificate else "plain"
    record(f"govd idle, with a {way} provider", round(idle, 1), "MiB", "at most 15")
    record(f"govd with {streams} concurrent streams, {way}", round(most, 1), "MiB", f"at most {target}")
    print(f"memory: {streams} concurrent streams, {way}, {rate:.0f} chunks/s: govd {most:.1f} MiB resident (target {target}), "
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
    record("a stream's chunk comes later by, median", round(added, 3), "ms", "at most 0.1")
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
        record(f"govd's CPU for a messages call of {len(body) / 1000:.1f} KB", round(spent / calls * 1000, 3), "ms",
               "at most 0.3" if len(body) > 100_000 else None)
        print(f"CPU: {calls} messages calls of {len(body) / 1000:.1f} KB, 4 at once, {calls / seconds:.0f} calls/s: "
              f"{spent / calls * 1000:.3f} ms of govd's a call" + (" (target 0.3)" if len(body) > 100_000 else ""), flush=True)
    return 2 * (20 + calls // 4 * 4)


# --- the scene

class Bench(Scene):
    def begin(self, tls):
        self.certificate = self.make_certificate() if tls else ""
        self.upstream = self.start(sys.executable, __file__, f"--upstream={self.certificate}", stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True)
        self.upstream_port = int(self.upstream.stdout.readline())
        self.start_govd()
        self.make_shop()
        for name, kind in [("bench", "openai"), ("claude", "anthropic")]:
            scheme, flags = "http", []
            if tls:  # its own 2,000 handshakes take the upstream a while
                scheme, flags = "https", ["--ca-file", self.certificate, "--allow-private=on", "--connect-timeout", "60s"]
            self.add_provider(name, kind, f"{scheme}://127.0.0.1:{self.upstream_port}/v1", [DRIP, TICK, LONG], *flags)
        self.key = self.make_key()

    def make_certificate(self):
        """For 127.0.0.1, with its key, in one file."""
        path, key = self.directory / "certificate.pem", self.directory / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", path], check=True, capture_output=True)
        path.write_text(path.read_text() + key.read_text())
        return path

    def end_drip(self):
        self.upstream.stdin.write("over\n")
        self.upstream.stdin.flush()

    def check_books(self, calls):
        """Every call is one event that succeeded, nothing is held, the chain verifies."""
        self.stop_govd()
        with self.books() as books:
            succeeded = books.execute("SELECT count(*) FROM usage_events WHERE status = 'SUCCESS'").fetchone()[0]
            held = books.execute("SELECT count(*) FROM reservations").fetchone()[0]
        print(f"books: {calls} calls answered, {succeeded} SUCCESS, {held} holds left; ledger verify ok, govd verify ok")
        if succeeded != calls or held:
            raise Failure("calls, events and holds do not agree")


async def measure(given, bench):
    calls = 0
    # Memory first: what the others leave behind is none of the streams'.
    if "memory" in given.only or bench.certificate:
        calls += await measure_memory(bench, given.streams)
    if "delay" in given.only and not bench.certificate:
        calls += await measure_delay(bench, given.rounds)
    if "cpu" in given.only and not bench.certificate:
        calls += await measure_cpu(bench, given.calls)
    bench.check_books(calls)


def run(given, tls):
    bench = Bench(given.programs.resolve())
    try:
        bench.begin(tls)
        asyncio.run(measure(given, bench))
    finally:
        bench.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=2000, help="open at once (2000)")
    parser.add_argument("--rounds", type=int, default=4, help="streams of 500 chunks, each way, for the delay (4)")
    parser.add_argument("--calls", type=int, default=1000, help="requests of each length for the CPU (1000)")
    parser.add_argument("--only", default="memory tls delay cpu", help='"memory tls delay cpu"')
    parser.add_argument("--programs", type=pathlib.Path, default=HERE.parents[1] / "build/release",
                        help="the build whose govd and govctl are measured (build/release)")
    parser.add_argument("--upstream", help=argparse.SUPPRESS)
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        raise_descriptor_limit(given.streams + 100)
        if given.upstream is not None:
            asyncio.run(Upstream(given.upstream).serve())
            return
        print(f"machine: {machine()}, load {os.getloadavg()[0]:.1f} before; upstream and client share the cores", flush=True)
        parts = given.only.split()
        if set(parts) - {"tls"}:
            run(given, tls=False)
        if "tls" in parts:
            run(given, tls=True)
    except Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


main()
