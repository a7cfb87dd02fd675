"""The generator counts what a real gRPC server answers, and what it refuses."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from benchmarks import load
from benchmarks.failures import LoadFailed
from benchmarks.http2 import ConnectionBroken
from benchmarks.load import Generator, Plan, Request, run_plan

REPLY = bytes(range(256)) * 200
SLOW_SECONDS = 0.05


class _Server(grpc.GenericRpcHandler):
    """`/t/Echo` answers REPLY, `/t/Refuse` aborts, `/t/Slow` waits; remembers what came."""

    def __init__(self) -> None:
        self.seen: list[tuple[bytes, str, float]] = []
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        name = details.method.rpartition("/")[2]

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            metadata = dict(context.invocation_metadata())
            with self._lock:
                self.seen.append((request, str(metadata.get("murmuration-actor-id")), context.time_remaining() or 0))
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                if name == "Refuse":
                    context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "no")
                if name == "Slow":
                    time.sleep(SLOW_SECONDS)
                return REPLY
            finally:
                with self._lock:
                    self.under_way -= 1

        return grpc.unary_unary_rpc_method_handler(answer)


@contextmanager
def serving(handler: _Server) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"127.0.0.1:{port}"
    server.stop(0).wait()


@pytest.fixture
def served() -> Iterator[tuple[_Server, str]]:
    handler = _Server()
    with serving(handler) as target:
        yield handler, target


def test_each_request_is_made_once_and_whole(served: tuple[_Server, str]) -> None:
    handler, target = served
    payloads = [f"request {number}".encode() * 50 for number in range(200)]
    tally = run_plan(Plan(target, [Request("/t/Echo", 7, payload) for payload in payloads], 30.0, once=True))
    assert sorted(payload for payload, _, _ in handler.seen) == sorted(payloads)
    assert {actor for _, actor, _ in handler.seen} == {"7"}
    assert all(0 < remaining <= 10 for _, _, remaining in handler.seen)
    assert tally.calls == 200
    assert tally.received_bytes >= 200 * len(REPLY)
    assert tally.must_be_clean() is tally


def test_connections_go_to_several_targets_in_turns(served: tuple[_Server, str]) -> None:
    handler, target = served
    other = _Server()
    with serving(other) as second:
        run_plan(Plan(f"{target},{second}", [Request("/t/Echo", 0, b"")] * 8, 30.0, 8, 4, once=True))
    assert len(handler.seen) == len(other.seen) == 4


def test_making_all_takes_no_part_for_the_whole(served: tuple[_Server, str], monkeypatch: pytest.MonkeyPatch) -> None:
    handler, target = served
    requests = [Request("/t/Slow", 0, b"")] * 20
    with Generator() as generator:
        assert generator.make_all(target, requests).calls == 20 == len(handler.seen)
        monkeypatch.setattr(load, "ALL_SECONDS", SLOW_SECONDS)
        with pytest.raises(LoadFailed, match=r"only \d+ of 20 calls"):
            generator.make_all(target, requests, in_flight=1, connections=1)


def test_a_loop_goes_round_until_its_time_is_over(served: tuple[_Server, str]) -> None:
    handler, target = served
    tally = run_plan(Plan(target, [Request("/t/Echo", 0, b"x")], 0.3, warm_seconds=0.0))
    assert tally.calls == len(handler.seen) > 1
    assert tally.seconds >= 0.3
    assert tally.per_second == pytest.approx(tally.calls / tally.seconds)
    assert tally.cpu_seconds > 0
    assert {actor for _, actor, _ in handler.seen} == {"None"}


def test_warming_up_is_not_counted(served: tuple[_Server, str]) -> None:
    handler, target = served
    tally = run_plan(Plan(target, [Request("/t/Echo", 0, b"x")], 0.2, warm_seconds=0.2))
    assert tally.calls < len(handler.seen)


def test_refusals_are_counted_by_status_and_make_the_figures_void(served: tuple[_Server, str]) -> None:
    _, target = served
    tally = run_plan(Plan(target, [Request(f"/t/{name}", 0, b"") for name in ("Echo", "Refuse")] * 5, 30.0, once=True))
    assert (tally.calls, tally.failures) == (5, {"8": 5})
    with pytest.raises(LoadFailed, match="5 calls failed"):
        tally.must_be_clean()


def test_a_loop_keeps_to_its_calls_at_a_time(served: tuple[_Server, str]) -> None:
    handler, target = served
    run_plan(Plan(target, [Request("/t/Slow", 0, b"")] * 30, 30.0, in_flight=3, connections=1, once=True))
    assert handler.most_under_way == 3


def test_latency_of_a_paced_load_counts_from_when_a_call_should_have_begun(served: tuple[_Server, str]) -> None:
    """Twice as many calls as one at a time allows: each waits longer than the one before."""
    _, target = served
    requests = [Request("/t/Slow", 0, b"")] * 10
    plan = Plan(target, requests, 10.0, 1, 1, per_second=2 / SLOW_SECONDS, warm_seconds=0.0, once=True)
    latencies = run_plan(plan).latencies
    assert len(latencies) == 10
    assert latencies[-1] > 4 * SLOW_SECONDS
    assert latencies == sorted(latencies)


def test_a_paced_load_keeps_its_pace(served: tuple[_Server, str]) -> None:
    _, target = served
    tally = run_plan(Plan(target, [Request("/t/Echo", 0, b"")], 0.5, per_second=100.0, warm_seconds=0.0))
    assert 40 <= tally.calls <= 51


def test_a_server_that_goes_away_is_not_taken_for_a_slow_one() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((_Server(),))
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    threading.Timer(0.2, server.stop, (0,)).start()
    with pytest.raises((ConnectionBroken, OSError, LoadFailed)):
        run_plan(Plan(target, [Request("/t/Echo", 0, b"")], 20.0, warm_seconds=0.0)).must_be_clean()
