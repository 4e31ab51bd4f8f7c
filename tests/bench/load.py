"""A lean HTTP client: raw requests over kept connections, closed loop or at a fixed rate of arrivals.

    python -m tests.bench.load '{"port": 8083, "kind": "distinct", "clients": 16, "seconds": 5, "first": 1, "rut": 1}'

Prints one line of JSON: what was answered how often, how long it took, and the processor time of this client.
"""

import asyncio
import json
import resource
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

LENGTH = b"\r\ncontent-length:"
# At a fixed rate, so many connections at most; who finds none free waits, and his waiting counts.
CONNECTIONS = 512
# What is still under way when the time is up is waited for so long.
DRAIN_SECONDS = 10


def requests(spec: dict[str, Any]) -> Iterator[bytes]:
    """Raw requests without end: each for a seat of its own, all for one seat, or a page."""
    head = f"Host: 127.0.0.1:{spec['port']}\r\nAccept: */*\r\n".encode()
    if path := spec.get("path"):
        etag = f"If-None-Match: {spec['etag']}\r\n" if spec.get("etag") else ""
        whole = f"GET {path} HTTP/1.1\r\n{etag}Accept-Encoding: gzip\r\n".encode() + head + b"\r\n"
        while True:
            yield whole
    seat, step, rut = spec["first"], int(spec["kind"] == "distinct"), spec["rut"]
    while True:
        body = b'{"seat_id": %d, "user_id": %d}' % (seat, rut)
        kind = b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        yield b"POST /api/reserve HTTP/1.1\r\n" + head + kind + body
        seat, rut = seat + step, rut + 1


class Connection(asyncio.Protocol):
    """One request at a time; tells the run when its answer is complete."""

    def __init__(self, run: "Run") -> None:
        self.run, self.buffer, self.began, self.closes = run, b"", 0.0, False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, request: bytes, began: float) -> None:
        self.began = began
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        status, head = head[9:12], head.lower()
        _before, has_length, rest = head.partition(LENGTH)
        length = int(rest.partition(b"\r\n")[0]) if has_length and status != b"304" else 0
        if len(body) >= length:
            self.buffer = b""
            # A server closes a connection after so many requests, and says so.
            self.closes = b"\r\nconnection: close" in head
            self.run.answered(self, status.decode(), time.perf_counter() - self.began)

    def connection_lost(self, error: Exception | None) -> None:
        self.run.lost(self)


class Run:
    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec, self.requests = spec, requests(spec)
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.by_status: dict[str, list[float]] = {}
        self.opening: set[asyncio.Task[None]] = set()
        self.idle: deque[Connection] = deque()
        self.waiting: deque[float] = deque()
        self.under_way, self.ends = 0, 0.0

    async def connect(self) -> None:
        _transport, made = await asyncio.get_running_loop().create_connection(
            lambda: Connection(self), "127.0.0.1", self.spec["port"]
        )
        self.free(made)

    def free(self, connection: Connection) -> None:
        """Somebody waits for it, or the loop goes on, or it is idle."""
        now = time.perf_counter()
        if self.waiting:
            self.start(connection, self.waiting.popleft())
        elif not self.spec.get("rate") and now < self.ends:
            self.start(connection, now)
        else:
            self.idle.append(connection)

    def start(self, connection: Connection, began: float) -> None:
        self.under_way += 1
        connection.send(next(self.requests), began)

    def answered(self, connection: Connection, status: str, took: float) -> None:
        self.under_way -= 1
        self.statuses[status] += 1
        self.seconds.append(took)
        self.by_status.setdefault(status, []).append(took)
        if connection.closes:
            connection.transport.close()
            opening = asyncio.ensure_future(self.connect())
            self.opening.add(opening)
            opening.add_done_callback(self.opening.discard)
        else:
            self.free(connection)

    def lost(self, connection: Connection) -> None:
        if connection in self.idle:
            self.idle.remove(connection)
        elif not connection.closes:
            self.under_way -= 1
            self.statuses["lost"] += 1

    async def measure(self) -> dict[str, Any]:
        rate = self.spec.get("rate")
        for _number in range(CONNECTIONS if rate else self.spec["clients"]):
            await self.connect()
        began, used = time.perf_counter(), time.process_time()
        self.ends = began + self.spec["seconds"]
        if rate:
            await self._arrivals(began, rate)
        else:
            for connection in [self.idle.popleft() for _number in range(len(self.idle))]:
                self.start(connection, time.perf_counter())
            await asyncio.sleep(self.spec["seconds"])
        done = len(self.seconds)
        took, used = time.perf_counter() - began, time.process_time() - used
        until = time.perf_counter() + DRAIN_SECONDS
        while self.under_way and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        self.statuses["unanswered"] += self.under_way + len(self.waiting)
        by_status = {status: {"per_second": len(times) / took, **at(times)} for status, times in self.by_status.items()}
        return {
            "per_second": done / took, "statuses": +self.statuses, "by_status": by_status, "cpu": used / took,
            "memory_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, **at(self.seconds),
        }  # fmt: skip

    async def _arrivals(self, began: float, rate: float) -> None:
        """A request at each due moment, whatever became of those before; lateness of this loop counts as waiting."""
        number = 0
        while (now := time.perf_counter()) < self.ends:
            while (due := began + number / rate) <= now:
                number += 1
                if self.idle:
                    self.start(self.idle.popleft(), due)
                else:
                    self.waiting.append(due)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))


def at(seconds: list[float]) -> dict[str, float]:
    """Median, 95 and 99 of a hundred, in milliseconds."""
    times = sorted(seconds)
    return {f"p{p}": 1000 * times[min(len(times) - 1, len(times) * p // 100)] if times else 0.0 for p in (50, 95, 99)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(Run(json.loads(sys.argv[1])).measure())))
