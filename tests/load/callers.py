"""Callers that behave, a process of their own: each keeps a connection and asks a question of its own each `pause`
seconds. They go on until stdin ends, and then print one line of JSON: when each call began (CLOCK_MONOTONIC), how many
milliseconds it took, and what was wrong with it.
  callers.py PORT CALLERS PAUSE, the key in LOAD_KEY"""
import asyncio
import json
import os
import re
import sys
import time


class Callers:
    def __init__(self, port, key, pause):
        self.port, self.key, self.pause = port, key, pause
        self.over = False
        self.calls = []

    async def call(self, reader, writer, question):
        body = json.dumps({"model": "bench/steady", "max_tokens": 16,
                           "messages": [{"role": "user", "content": question}]}).encode()
        writer.write(f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self.key}\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        answer = await reader.readexactly(int(re.search(rb"(?i)content-length: (\d+)", head)[1]))
        if not head.startswith(b"HTTP/1.1 200 "):
            return f"{head[:40]!r} {answer[:300]!r}"
        said = json.loads(answer)["choices"][0]["message"]["content"]
        return None if said == question else f"asked {question!r}, got {said!r}"

    async def caller(self, number):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        turn = 0
        await asyncio.sleep(self.pause * number / 8)
        while not self.over:
            begun = time.monotonic()
            try:
                fault = await asyncio.wait_for(self.call(reader, writer, f"caller {number}, turn {turn}"), 60)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, ValueError, KeyError) as error:
                fault = f"{type(error).__name__}: {error}"
            now = time.monotonic()
            self.calls.append((begun, (now - begun) * 1000, fault))
            if fault:
                writer.close()
                await asyncio.sleep(self.pause)
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            turn += 1
            await asyncio.sleep(max(0, begun + self.pause - time.monotonic()))
        writer.close()

    async def run(self, count):
        tasks = [asyncio.create_task(self.caller(number)) for number in range(count)]
        await asyncio.to_thread(sys.stdin.read)
        self.over = True
        await asyncio.gather(*tasks)
        print(json.dumps(self.calls))


asyncio.run(Callers(int(sys.argv[1]), os.environ["LOAD_KEY"], float(sys.argv[3])).run(int(sys.argv[2])))
