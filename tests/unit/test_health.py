"""Health: three questions, three answers, over the standard service."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.worker import Worker
from murmuration_server.roles.health import LIVE, READY, STARTUP, STUCK_SECONDS, Health
from tests.support.contract_clock import SetClock


class Asked:
    def __init__(self) -> None:
        self.health = Health()
        self._server = self.health.server()
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = health_pb2_grpc.HealthStub(self._channel)

    def __call__(self) -> dict[str, bool]:
        serving = health_pb2.HealthCheckResponse.SERVING
        return {
            service: self._stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10).status == serving
            for service in (STARTUP, LIVE, READY)
        }

    def close(self) -> None:
        self._channel.close()
        self._server.stop(None).wait(10)


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.close()


def test_before_it_has_begun_it_is_alive_and_not_ready(asked: Asked) -> None:
    assert asked() == {STARTUP: False, LIVE: True, READY: False}


def test_begun_it_is_all_three_and_ending_it_is_not_ready(asked: Asked) -> None:
    asked.health.begun(())
    assert asked() == {STARTUP: True, LIVE: True, READY: True}
    asked.health.ending()
    assert asked() == {STARTUP: True, LIVE: True, READY: False}


def test_a_step_that_never_comes_back_is_not_alive(asked: Asked) -> None:
    clock = SetClock()
    begun, end = clock.event(), clock.event()

    class Stuck:
        def run_once(self, call: Call) -> bool:
            begun.set()
            end.wait(60)
            return False

    worker = Worker("stuck", Stuck(), clock, Metrics(), 10.0)
    try:
        assert begun.wait(10)
        asked.health.begun((worker,))
        asked.health.run_once(Call.background(clock))
        assert asked()[LIVE]
        clock.pass_time(STUCK_SECONDS + 1)
        asked.health.run_once(Call.background(clock))
        assert asked() == {STARTUP: True, LIVE: False, READY: True}
    finally:
        worker.ask_to_stop()
        end.set()
        worker.join(10)
