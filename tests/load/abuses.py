"""What is done to the gateway, each a coroutine that returns what it did, for the line, and raises Failure when an
answer was not the right one. All of them speak raw bytes over connections from several addresses of this machine."""
import asyncio
import contextlib
import json
import re
import socket
import struct
import time

import smuggling
import upstream
from scene import Failure, memory_mib

SOURCES = 8  # addresses: one of them has 28,000 ports
HEADER_LIMIT, BODY_LIMIT = 32 << 10, 32 << 20
AT_ONCE = 64


class Client:
    """One raw connection."""
    made = 0

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port):
        Client.made += 1
        source = f"127.0.0.{2 + Client.made % SOURCES}"
        client = cls()
        client.reader, client.writer = await asyncio.wait_for(
            asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), limit=1 << 20), 30)
        try:
            yield client
        finally:
            client.writer.transport.abort()

    def send(self, data):
        self.writer.write(data)

    async def send_while_open(self, piece, most):
        """Until govd answers or closes, or `most` bytes have gone."""
        sent = 0
        answered = asyncio.create_task(self.reader.read(1))
        with contextlib.suppress(OSError):
            while sent < most and not answered.done():
                self.writer.write(piece)
                await self.writer.drain()
                sent += len(piece)
        with contextlib.suppress(ConnectionError):
            self.first = await asyncio.wait_for(answered, 90)
        return sent

    first = b""

    async def answer(self, seconds=30):
        """(status, body) of the next answer; (0, b"") when there is none."""
        try:
            head = self.first + await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), seconds)
            self.first = b""
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            if re.search(rb"(?i)\r\ntransfer-encoding: chunked", head):
                body = await asyncio.wait_for(self.rest(), seconds)
            else:
                body = await asyncio.wait_for(self.reader.readexactly(int(length[1])), seconds)
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0, b""
        except asyncio.TimeoutError:
            raise Failure(f"no answer within {seconds} s") from None
        return int(head.split(b" ", 2)[1]), body

    async def rest(self):
        """Everything up to the end of the connection, or b"" and False at a reset."""
        got = b""
        with contextlib.suppress(ConnectionError):
            while data := await self.reader.read(65536):
                got += data
        return got

    async def closed(self, seconds=10):
        """Whether govd closes, without a further byte."""
        try:
            return await asyncio.wait_for(self.rest(), seconds) == b""
        except asyncio.TimeoutError:
            return False


def expect(what, got, wanted):
    if got != wanted:
        raise Failure(f"{what}: {got}, and not {wanted}")


async def each(numbers, act, at_once=AT_ONCE):
    """act(n) for each number, some at once."""
    gate = asyncio.Semaphore(at_once)

    async def one(number):
        async with gate:
            return await act(number)
    tasks = [asyncio.create_task(one(number)) for number in numbers]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Refusals:
    """Of floods: govd listens for two seconds more, and then resets who is still sending; the reset may overtake the
    answer."""

    def __init__(self):
        self.answered = self.reset = 0

    def add(self, what, got, wanted):
        if got == 0:
            self.reset += 1
        else:
            expect(what, got, wanted)
            self.answered += 1

    def facts(self):
        if not self.answered:
            raise Failure("no flood was answered before it was reset")
        return {"answered": self.answered, "reset_before_the_answer": self.reset}


def head(key, *fields, path="/v1/chat/completions", method="POST"):
    return (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\n" + "".join(field + "\r\n" for field in fields)).encode()


async def idle(world):
    """Connections that say nothing. Above the limit they are told so; those within are served when they ask."""
    count, extra = world.connections, 50
    before = memory_mib(world.process)
    async with contextlib.AsyncExitStack() as stack:
        clients = []

        async def one(_):
            clients.append(await stack.enter_async_context(Client.open(world.port)))
        await each(range(count + extra), one)
        answers = {asyncio.create_task(client.answer(None)): client for client in clients}
        done, waiting = await asyncio.wait(answers, timeout=world.hold)
        grown = memory_mib(world.process) - before
        over = max(0, count + extra + world.callers - world.limit)
        expect("connections over the limit that were told so", [task.result()[0] for task in done], [503] * over)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        for client in [answers[task] for task in waiting][::max(1, count // 100)]:
            client.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            expect("an idle connection that asks", (await client.answer())[0], 200)
    return {"connections": count, "refused_over_the_limit": over, "kib_each": round(grown * 1024 / count, 1)}


async def slow_header(world):
    """A head that comes a line at a time without end: 408."""
    async def one(_):
        async with Client.open(world.port) as client:
            client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")

            async def drip():
                while True:
                    await asyncio.sleep(1)
                    client.send(b"X-Filler: y\r\n")
            dripping = asyncio.create_task(drip())
            try:
                expect("a head that drips", (await client.answer(60))[0], 408)
                dripping.cancel()
                expect("its connection is closed", await client.closed(), True)
            finally:
                dripping.cancel()
    begun = time.monotonic()
    await each(range(world.slow), one, world.slow)
    return {"slow_headers": world.slow, "let_go_after_s": round(time.monotonic() - begun, 1)}


async def slow_body(world):
    """A body that drips: a byte a second, however long it was announced."""
    async def one(number):
        async with Client.open(world.port) as client:
            if number % 2:
                client.send(head(world.key, "Content-Length: 100000") + b"\r\n{")
            else:
                client.send(head(world.key, "Transfer-Encoding: chunked") + b"\r\n1\r\n{\r\n")

            async def drip():
                while True:
                    await asyncio.sleep(1)
                    client.send(b" " if number % 2 else b"1\r\n \r\n")
            dripping = asyncio.create_task(drip())
            try:
                expect("a body that drips", (await client.answer(120))[0], 408)
                dripping.cancel()
                expect("its connection is closed", await client.closed(), True)
            finally:
                dripping.cancel()
    begun = time.monotonic()
    await each(range(world.slow), one, world.slow)
    return {"slow_bodies": world.slow, "let_go_after_s": round(time.monotonic() - begun, 1)}


async def header_flood(world):
    """Heads over 32 KiB, of one line, of many, and without end: 431."""
    kinds = [(head(world.key) + b"X-Filler: " + b"a" * (HEADER_LIMIT + 1) + b"\r\n\r\n", 0),
             (head(world.key) + b"X-Filler: y\r\n" * 4000 + b"\r\n", 0),
             (head(world.key), 64 << 20)]
    most, refusals = 0, Refusals()

    async def one(number):
        nonlocal most
        start, endless = kinds[number % len(kinds)]
        async with Client.open(world.port) as client:
            client.send(start)
            if endless:
                most = max(most, await client.send_while_open(b"X-Filler: " + b"a" * 4096, endless))
            refusals.add("a head over the limit", (await client.answer())[0], 431)
            expect("its connection is closed", await client.closed(), True)
    await each(range(world.floods), one)
    return {"heads": world.floods, **refusals.facts(), "kib_sent_of_an_endless_one": most >> 10}


async def body_flood(world):
    """Bodies over 32 MiB, announced or in chunks without end: 413. Without a key none is read at all: 401."""
    before = memory_mib(world.process)
    stop = asyncio.Event()
    grown = 0.0
    over, endless_ones, keyless = Refusals(), Refusals(), Refusals()

    async def watch():
        nonlocal grown
        while not stop.is_set():
            grown = max(grown, memory_mib(world.process) - before)
            await asyncio.sleep(0.05)

    async def announced(_):
        async with Client.open(world.port) as client:
            client.send(head(world.key, f"Content-Length: {BODY_LIMIT + 1}") + b"\r\n")
            await client.send_while_open(upstream.PIECE, BODY_LIMIT)
            over.add("a body announced over the limit", (await client.answer())[0], 413)
            expect("its connection is closed", await client.closed(), True)

    async def endless(_):
        async with Client.open(world.port) as client:
            client.send(head(world.key, "Transfer-Encoding: chunked") + b"\r\n")
            sent = await client.send_while_open(upstream.chunk(upstream.PIECE), 4 * BODY_LIMIT)
            endless_ones.add("a body in chunks without end", (await client.answer())[0], 413)
            expect("its connection is closed", await client.closed(), True)
            return sent

    async def without_key(_):
        async with Client.open(world.port) as client:
            client.send(head("cpk_none", f"Content-Length: {BODY_LIMIT - 1}") + b"\r\n")
            sent = await client.send_while_open(upstream.PIECE, BODY_LIMIT)
            keyless.add("a body without a key", (await client.answer())[0], 401)
            return sent
    watching = asyncio.create_task(watch())
    await each(range(world.floods), announced)
    await each(range(world.floods), without_key)
    sent = await each(range(world.bodies), endless, 4)
    stop.set()
    await watching
    facts = {}
    for name, refusals in (("announced", over), ("without_a_key", keyless), ("endless", endless_ones)):
        facts |= {f"{name}_{what}": count for what, count in refusals.facts().items()}
    return {**facts, "mib_sent_of_one": max(sent) >> 20, "mib_grown": round(grown, 1)}


async def upstream_flood(world):
    """Answers far over every limit from a provider: a fault for the caller, never a whole answer, and bounded memory."""
    before = memory_mib(world.process)
    grown = 0.0

    async def one(number):
        nonlocal grown
        model = list(upstream.FLOODS)[number % len(upstream.FLOODS)]
        stream = model.startswith(("event", "chunk"))
        body = json.dumps({"model": "bench/" + model, "max_tokens": 16, "stream": stream,
                           "messages": [{"role": "user", "content": "?"}]}).encode()
        async with Client.open(world.port) as client:
            client.send(head(world.key, f"Content-Length: {len(body)}", "Connection: close") + b"\r\n" + body)
            got = asyncio.create_task(client.rest())
            while not got.done():
                await asyncio.wait([got], timeout=0.1)
                grown = max(grown, memory_mib(world.process) - before)
            answer = got.result()
        if stream:
            expect(f"{model}: a stream with an error in it", b'"error"' in answer or b" 502 " in answer[:20], True)
            expect(f"{model}: a stream without its end", b"[DONE]" not in answer, True)
        else:
            expect(f"{model}: the status", answer.split(b" ", 2)[1:2], [b"502"])
    await each(range(world.upstream_floods), one, 4)
    return {"answers": world.upstream_floods, "mib_grown": round(grown, 1)}


async def churn(world):
    """Connections that come and go: without a word, in the middle of a head, by a reset, and after one request."""
    async def one(number):
        async with Client.open(world.port) as client:
            kind = number % 4
            if kind == 1:
                client.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost")
                await client.writer.drain()
            elif kind == 2:
                client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                                  struct.pack("ii", 1, 0))
                client.send(head(world.key, "Content-Length: 10") + b"\r\n{")
                await client.writer.drain()
            elif kind == 3:
                client.send(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                expect("a request on a new connection", (await client.answer())[0], 200)
    begun = time.monotonic()
    await each(range(world.churn), one)
    return {"connections": world.churn, "each_second": round(world.churn / (time.monotonic() - begun))}


async def smuggling_shapes(world):
    """Every shape of smuggling.py: its status, as many answers as requests, and a closed connection where it must be."""
    shapes = smuggling.shapes(world.key)
    faults = []

    async def one(number):
        shape = shapes[number % len(shapes)]
        async with Client.open(world.port) as client:
            if number // len(shapes) % 2:  # cut in two, somewhere
                cut = (number * 7919) % len(shape.request)
                client.send(shape.request[:cut])
                await client.writer.drain()
                await asyncio.sleep(0.002)
                client.send(shape.request[cut:])
            else:
                client.send(shape.request)
            statuses = [(await client.answer(5))[0] for _ in range(shape.answers)]
            if statuses != [shape.status] * shape.answers:
                faults.append(f"{shape.name}: {statuses}, and not {shape.answers} x {shape.status}")
            elif shape.closed and not await client.closed(5):
                faults.append(f"{shape.name}: more came, or the connection stays open")
            elif not shape.closed:  # it serves on, and nothing but the answer to this comes
                client.send(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                status, body = await client.answer(5)
                if status != 200 or b"chatcmpl" in body or not await client.closed(5):
                    faults.append(f"{shape.name}: the next request on the connection got {status}")
    await each(range(len(shapes) * world.rounds), one, 16)
    if faults:
        raise Failure("\n  ".join(["smuggling:", *sorted(set(faults))]))
    visible = sum(shape.answers for shape in shapes if shape.status == 200 and b'"bench/visible"' in shape.request)
    return {"shapes": len(shapes), "requests": len(shapes) * world.rounds, "calls": visible * world.rounds}
