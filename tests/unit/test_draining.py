"""Two servers behind one round-robin client are rolled again and again under load, and no call fails."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from murmuration.v1 import user_pb2, user_pb2_grpc
from murmuration_client import Client, MurmurationError
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.server import PUSHBACK_METADATA, Dispatcher
from murmuration_server.roles.process import COME_BACK_SECONDS, bind, door, open_for, refuse_what_comes
from tests.process.running import until
from tools.stack.process import free_port

USERS = user_pb2.DESCRIPTOR.services_by_name["UserService"]
SETTINGS = ServerSettings()
HOST = "127.0.0.1"
ROLLS, CALLERS, BETWEEN = 10, 4, 20
WORK_SECONDS = 0.002
"""What a call takes: some are always under way, and some on their way."""


class Users:
    def GetUser(self, call: Call, request: Any) -> user_pb2.GetUserResponse:
        call.runtime.sleep(WORK_SECONDS)
        return user_pb2.GetUserResponse(user=user_pb2.User(user_id=request.user_id))

    CreateUser = BatchGetUsers = GetUser


class Process:
    """What serves of one, in a process of the test's. `start` after `stop` comes back on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        self.runtime, metrics, self._closing = ThreadRuntime(), Metrics(), ExitStack()
        self.dispatcher = Dispatcher(self.runtime, metrics, SETTINGS)
        self.dispatcher.bind(USERS, Users())
        public = door("reception", self.dispatcher, SETTINGS.threads, SETTINGS, self.runtime, metrics)
        bind(public.server, HOST, self.port)
        open_for(self._closing, public.server, SETTINGS.drain_seconds)

    def stop(self) -> None:
        refuse_what_comes(self.dispatcher, self.runtime)
        self._closing.close()


def test_no_call_fails_while_servers_are_rolled() -> None:
    processes = [Process(), Process()]
    answered, failed, over = [0] * CALLERS, list[str](), threading.Event()
    target = f"ipv4:{','.join(f'{HOST}:{process.port}' for process in processes)}"

    def call_on(number: int, client: Client) -> None:
        while not over.is_set():
            try:
                client.get_user(1)
                answered[number] += 1
            except MurmurationError as error:
                failed.append(f"{error.code.name}: {error}")

    with Client(target, timeout=10) as client:
        callers = [threading.Thread(target=call_on, args=(number, client)) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        for process in processes * ROLLS:
            wanted = sum(answered) + BETWEEN
            until("calls to be answered", lambda: sum(answered) >= wanted)  # noqa: B023
            process.stop()
            process.start()
        over.set()
        for caller in callers:
            caller.join()
    for process in processes:
        process.stop()
    assert failed == []


def test_who_is_refused_is_told_when_to_come_back() -> None:
    process = Process()
    process.dispatcher.drain(COME_BACK_SECONDS)
    options = [("grpc.enable_retries", 0)]
    with (
        grpc.insecure_channel(f"{HOST}:{process.port}", options) as channel,
        pytest.raises(grpc.RpcError) as refused,
    ):
        user_pb2_grpc.UserServiceStub(channel).GetUser(user_pb2.GetUserRequest(user_id=1), timeout=10)
    process.stop()
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert dict(refused.value.trailing_metadata())[PUSHBACK_METADATA] == f"{COME_BACK_SECONDS * 1000:.0f}"
