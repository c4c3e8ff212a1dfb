"""The provider behind govd, a process of its own: says the question again, and in the models of FLOODS answers far too
much. Its first line is its port; at each line on stdin it says what it was asked for, by model."""
import asyncio
import collections
import json
import re
import sys

PIECE = b"x" * 65536
MOST = 256 << 20  # bytes of a flood


def answer_to(question):
    return {"id": "chatcmpl-load", "object": "chat.completion", "created": 1763000000, "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": question}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}}


def event_stream():
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Flood:
    """How an answer begins, and what is then sent until govd closes or MOST bytes have gone."""

    def __init__(self, start, piece):
        self.start, self.piece = start, piece


FLOODS = {
    "event-of-one-line": Flood(event_stream() + chunk(b'data: {"choices":[{"delta":{"content":"'), chunk(PIECE)),
    "event-of-many-lines": Flood(event_stream(), chunk(b"data: more\n" * 6000)),
    "chunk-without-end": Flood(event_stream() + b"fffffffffff\r\ndata: ", PIECE),
    "head-without-end": Flood(b"HTTP/1.1 200 OK\r\nX-Filler: ", PIECE),
    "fields-without-end": Flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: more\r\n" * 4000),
    "body-without-end": Flood(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
                              b'{"choices":[{"message":{"content":"', PIECE),
}


class Upstream:
    def __init__(self):
        self.asked = collections.Counter()
        self.flooded = 0  # the most bytes that one flood got rid of

    async def serve(self):
        server = await asyncio.start_server(self.connection, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"asked": self.asked, "flooded": self.flooded}), flush=True)

    async def connection(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                body = json.loads(await reader.readexactly(int(length[1])))
                model = body["model"]
                self.asked[model] += 1
                if model in FLOODS:
                    await self.flood(FLOODS[model], writer)
                    return
                answer = json.dumps(answer_to(body["messages"][-1]["content"])).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
                             + answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def flood(self, flood, writer):
        sent = len(flood.start)
        writer.write(flood.start)
        try:
            while sent < MOST:
                writer.write(flood.piece)
                await writer.drain()
                sent += len(flood.piece)
        finally:
            self.flooded = max(self.flooded, sent)


if __name__ == "__main__":
    asyncio.run(Upstream().serve())
