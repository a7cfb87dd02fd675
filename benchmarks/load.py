"""Load from a process of its own: so many calls at a time, or so many a second."""

from __future__ import annotations

import multiprocessing
import select
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from types import TracebackType

from benchmarks.failures import LoadFailed
from benchmarks.http2 import Connection, call_frames, header_block

TIMEOUT_SECONDS = 10
ALL_SECONDS = 600.0
SERVER_SECONDS = TIMEOUT_SECONDS + 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """A call: path `/package.Service/Method`, who acts (0: nobody), the serialized request."""

    path: str
    actor: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Ends when `seconds` are over or, with `once`, when each request was made, if that is earlier; calls
    under way are then awaited and counted, and so is their time.

    `target`: host:port; with several, comma-separated, connections go to them in turns. `in_flight`: calls under way at
    a time, over all connections. With `per_second` calls have fixed times at which they should begin, and latency
    counts from those; `in_flight` is then the most under way, so that a server that cannot keep up is not buried: calls
    begin later, and those that did not begin in time are not made. `warm_seconds`: run before, not counted.
    """

    target: str
    requests: Sequence[Request]
    seconds: float = 2.0
    in_flight: int = 32
    connections: int = 4
    per_second: float = 0.0
    warm_seconds: float = 0.3
    once: bool = False


@dataclass(slots=True)
class Tally:
    """What came of it. `latencies`: seconds, of calls that were answered well, in order of their ends. `cpu_seconds`:
    what the generator itself used. `failures`: grpc-status to how many."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    received_bytes: int = 0

    @property
    def calls(self) -> int:
        return len(self.latencies)

    @property
    def per_second(self) -> float:
        return self.calls / self.seconds

    @property
    def ceiling(self) -> float:
        """Calls a second that this generator could make with the whole of one core."""
        return self.calls / self.cpu_seconds if self.cpu_seconds else 0.0

    def must_be_clean(self) -> Tally:
        """Itself; raises LoadFailed where a call failed, since then the figures mean nothing."""
        if self.failures:
            raise LoadFailed(f"{sum(self.failures.values())} calls failed (grpc-status: number): {self.failures}")
        return self


class Generator:
    """A process that makes load. Use as a context manager; `run` waits, `begin` does not."""

    def __init__(self) -> None:
        # Spawned: a fork would carry this process's gRPC threads into the child.
        self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))

    def __enter__(self) -> Generator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()

    def begin(self, plan: Plan) -> Future[Tally]:
        return self._pool.submit(run_plan, plan)

    def run(self, plan: Plan) -> Tally:
        return self.begin(plan).result().must_be_clean()

    def make_all(self, target: str, requests: Sequence[Request], in_flight: int = 32, connections: int = 4) -> Tally:
        """Makes each request once. Raises LoadFailed where one failed, or where they were too many for ALL_SECONDS."""
        tally = self.run(Plan(target, requests, ALL_SECONDS, in_flight, connections, once=True))
        if tally.calls < len(requests):
            raise LoadFailed(f"In {ALL_SECONDS:g} s only {tally.calls} of {len(requests)} calls were made.")
        return tally


def run_plan(plan: Plan) -> Tally:
    """In the generator's process: warms up, then measures."""
    if not plan.once and plan.warm_seconds:
        _Run(plan, plan.warm_seconds).run()
    return _Run(plan, plan.seconds).run()


class _Run:
    def __init__(self, plan: Plan, seconds: float) -> None:
        self._plan, self._seconds = plan, seconds
        places = [target.rpartition(":") for target in plan.target.split(",")]
        turns = islice(cycle(places), plan.connections)
        self._connections = [Connection(host, int(port)) for host, _, port in turns]
        self._by_file = {connection.socket.fileno(): connection for connection in self._connections}
        self._begun: dict[Connection, dict[int, float]] = {connection: {} for connection in self._connections}
        self._calls = self._frames(plan)
        self._tally = Tally()
        self._out_of_calls = False

    def run(self) -> Tally:
        poller = select.epoll()
        for number in self._by_file:
            poller.register(number, select.EPOLLIN)
        cpu, began = time.process_time(), time.perf_counter()
        try:
            self._drive(poller, began, began + self._seconds)
        finally:
            poller.close()
            for connection in self._connections:
                connection.close()
        self._tally.seconds = time.perf_counter() - began
        self._tally.cpu_seconds = time.process_time() - cpu
        return self._tally

    def _drive(self, poller: select.epoll, began: float, until: float) -> None:
        paced = self._plan.per_second > 0
        started = 0
        if not paced:
            share = max(1, self._plan.in_flight // len(self._connections))
            for connection in self._connections:
                self._start(connection, [time.perf_counter()] * share)
        while True:
            now = time.perf_counter()
            if paced and now < until:
                started = self._start_due(began, now, started)
            if (now >= until or self._out_of_calls) and not any(self._begun.values()):
                return
            if now > until + SERVER_SECONDS:
                raise LoadFailed("The server left calls without an answer after their deadline.")
            due = began + started / self._plan.per_second - now if paced else 1.0
            if paced and due <= 0:
                due = 1.0  # As many as may be are under way: only an answer lets the next begin.
            for number, _ in poller.poll(max(0.0, min(1.0, due))):
                connection = self._by_file[number]
                ended = self._take(connection)
                now = time.perf_counter()
                if ended and not paced and now < until:
                    self._start(connection, [now] * ended)

    def _start_due(self, began: float, now: float, started: int) -> int:
        """Begins what should have begun by now, each with the time at which it should have."""
        due = int((now - began) * self._plan.per_second) + 1
        due = min(due, started + self._plan.in_flight - sum(map(len, self._begun.values())))
        for number in range(started, due):
            connection = self._connections[number % len(self._connections)]
            self._start(connection, [began + number / self._plan.per_second])
        return due

    def _start(self, connection: Connection, times: Sequence[float]) -> None:
        calls = []
        for _ in times:
            call = next(self._calls, None)
            if call is None:
                self._out_of_calls = True
                break
            calls.append(call)
        if calls:
            self._begun[connection].update(zip(connection.send(calls), times, strict=False))

    def _take(self, connection: Connection) -> int:
        """Reads what has come. Answers how many calls ended."""
        ended, begun, tally = 0, self._begun[connection], self._tally
        for stream, status, length in connection.receive():
            if not status:
                tally.received_bytes += length
                continue
            ended += 1
            started = begun.pop(stream)
            if status == "0":
                tally.latencies.append(time.perf_counter() - started)
            else:
                tally.failures[status] = tally.failures.get(status, 0) + 1
        return ended

    def _frames(self, plan: Plan) -> Iterator[tuple[bytes, bytes]]:
        """Frames of the calls in turn: once through, or round and round."""
        authority = plan.target.partition(",")[0]
        blocks: dict[tuple[str, int], bytes] = {}
        ready: deque[tuple[bytes, bytes]] = deque()
        for request in plan.requests:
            key = request.path, request.actor
            if key not in blocks:
                metadata = [("murmuration-actor-id", str(request.actor))] if request.actor else []
                blocks[key] = header_block(request.path, authority, metadata, TIMEOUT_SECONDS)
            ready.append(call_frames(blocks[key], request.payload))
        while ready:
            call = ready.popleft()
            if not plan.once:
                ready.append(call)
            yield call
