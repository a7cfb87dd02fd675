"""Ways to other processes: which channel a method takes, in turns, and again where one process refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import grpc
import pytest

from murmuration.internal.v1 import graph_pb2, graph_pb2_grpc, user_pb2, user_pb2_grpc
from murmuration_server.platform.call import Call
from murmuration_server.platform.channels import RoutedChannel, open_channel
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.errors import MurmurationError, Unavailable
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.server import Dispatcher, grpc_server
from murmuration_server.platform.stubs import invoke

SETTINGS = ServerSettings()
RUNTIME = ThreadRuntime()
READS = user_pb2.DESCRIPTOR.services_by_name["UserReadService"]
CALLS = 40


class Users:
    """A process; counts what reaches it, and refuses where it is told to."""

    def __init__(self) -> None:
        self.calls, self.refuses = 0, False
        self.dispatcher = Dispatcher(RUNTIME, Metrics(), SETTINGS)
        self.dispatcher.bind(READS, self)

    def BatchGetUserRecords(self, call: Call, request: Any) -> user_pb2.BatchGetUserRecordsResponse:
        self.calls += 1
        if self.refuses:
            raise Unavailable("this process")
        return user_pb2.BatchGetUserRecordsResponse()

    def ResolveHandles(self, call: Call, request: Any) -> Any:
        raise NotImplementedError

    SampleUserIds = ResolveHandles


@contextmanager
def two_processes(*, retried: bool) -> Iterator[tuple[Users, Users, user_pb2_grpc.UserReadServiceStub]]:
    with ExitStack() as closing:
        both, ports = (Users(), Users()), []
        for users in both:
            server = grpc_server(users.dispatcher, SETTINGS, Reception(RUNTIME, Metrics(), SETTINGS, 4))
            ports.append(server.add_insecure_port("127.0.0.1:0"))
            server.start()
            closing.callback(lambda server=server: server.stop(None).wait(10))  # type: ignore[misc]
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        channel = closing.enter_context(open_channel(target, SETTINGS, retried=retried))
        grpc.channel_ready_future(channel).result(10)
        yield *both, user_pb2_grpc.UserReadServiceStub(channel)


def ask(stub: user_pb2_grpc.UserReadServiceStub) -> None:
    call = Call.background(RUNTIME)
    invoke(call, stub.BatchGetUserRecords, user_pb2.BatchGetUserRecordsRequest(user_ids=[1]))


def test_processes_are_called_in_turns() -> None:
    with two_processes(retried=True) as (one, other, stub):
        deadline = RUNTIME.monotonic() + 10
        while not (one.calls and other.calls) and RUNTIME.monotonic() < deadline:
            ask(stub)
        one.calls = other.calls = 0
        for _ in range(CALLS):
            ask(stub)
        assert one.calls == other.calls == CALLS / 2


def test_what_one_process_refuses_another_answers() -> None:
    with two_processes(retried=True) as (one, other, stub):
        one.refuses = True
        for _ in range(CALLS):
            ask(stub)
        assert other.calls >= CALLS


def test_what_may_not_be_made_twice_is_refused_at_once() -> None:
    with two_processes(retried=False) as (one, other, stub):
        one.refuses = other.refuses = True
        with pytest.raises(MurmurationError) as caught:
            ask(stub)
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE
        assert one.calls + other.calls == 1


def test_each_service_has_its_own_way() -> None:
    near, far = Users(), Users()
    ways = {
        READS.full_name: InProcessChannel(near.dispatcher),
        "murmuration.v1.Other": InProcessChannel(far.dispatcher),
    }
    ask(user_pb2_grpc.UserReadServiceStub(RoutedChannel(ways)))
    assert (near.calls, far.calls) == (1, 0)


def test_a_stub_of_a_service_without_a_way_can_be_made_and_not_used() -> None:
    stub = graph_pb2_grpc.GraphReadServiceStub(RoutedChannel({}))
    with pytest.raises(TypeError, match="GetRelations is not among the calls"):
        invoke(Call.background(RUNTIME), stub.GetRelations, graph_pb2.GetRelationsRequest(user_id=1))
