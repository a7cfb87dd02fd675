"""`murmurd up` is ready in about a second, and stops without failing a call or leaving a process behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client import Client
from murmuration_client.errors import MurmurationError
from tests.process.running import Api, Server, processes_of, until

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

CALLERS = 6


def test_it_says_where_it_serves_once_it_does(server: Server, client: Client) -> None:
    print(f"ready after {server.seconds_to_ready:.2f} s")
    assert server.events[0] == server.ready
    assert set(server.ready) >= {"event", "port", "metrics_ports", "pids"}
    assert set(processes_of(server.data)) >= set(server.pids.values())
    client.create_user("ready_at_once")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "Ctrl-C"])
def test_an_idle_server_stops_with_status_0(start: Start, number: int) -> None:
    server = start()
    assert server.stop(number) == 0
    assert server.events[-1] == {"event": "stopping"}
    assert "Traceback" not in server.stderr()


@dataclass
class Caller:
    """Posts without pause and without retries until the server is gone; notes how each call ended."""

    api: Api
    user_id: int
    acked: set[str] = field(default_factory=set)
    refused: dict[str, tuple[float, MurmurationError]] = field(default_factory=dict)

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            text = f"post {number} of {self.user_id}"
            begun = time.monotonic()
            try:
                self.api.call("tweets.CreateTweet", tweet_pb2.CreateTweetRequest(text=text), self.user_id)
                self.acked.add(text)
            except MurmurationError as error:
                self.refused[text] = begun, error
                if len(self.refused) > 20:
                    return


def test_sigterm_under_load_fails_no_call_that_reached_the_server(start: Start, connect: Connect) -> None:
    """A call is answered, or it is refused as UNAVAILABLE and was never run: what was refused is not stored."""
    server = start()
    data, client = server.data, connect(server)
    users = [client.create_user(f"caller{number}").user_id for number in range(CALLERS)]
    callers = [Caller(Api(server.target), user_id) for user_id in users]
    stop = threading.Event()
    threads = [threading.Thread(target=caller.run, args=(stop,)) for caller in callers]
    for thread in threads:
        thread.start()
    until("every caller to be at work", lambda: all(len(caller.acked) > 10 for caller in callers))
    at = time.monotonic()
    assert server.stop() == 0
    stop.set()
    for thread, caller in zip(threads, callers, strict=True):
        thread.join()
        caller.api.channel.close()
    for caller in callers:
        for begun, error in caller.refused.values():
            assert error.code is grpc.StatusCode.UNAVAILABLE, error
            # A call that began well before the signal had reached the server.
            assert begun > at - 0.2, f"{at - begun:.3f} s before the signal"
    again = connect(start(data))
    for caller in callers:
        stored = [tweet.text for tweet in again.iter_user_tweets(caller.user_id)]
        assert len(stored) == len(set(stored))
        assert set(stored) == caller.acked


def test_a_call_in_flight_at_sigterm_is_answered(start: Start, connect: Connect) -> None:
    """A streamed import, surely begun before and surely not ended: its later messages come after the drain began."""
    server = start()
    client = connect(server)
    draining = threading.Event()

    def messages() -> Iterator[admin_pb2.ImportGraphRequest]:
        yield admin_pb2.ImportGraphRequest(users=[admin_pb2.ImportedUser(handle="before")])
        draining.wait(30)
        yield admin_pb2.ImportGraphRequest(
            users=[admin_pb2.ImportedUser(handle="after")],
            follows=[admin_pb2.ImportedFollow(follower_handle="before", followee_handle="after")],
        )

    with Api(server.target) as api:
        answer = api.stubs.admin.ImportGraph.future(messages(), timeout=60)
        until("the first message to be worked on", lambda: _has_user(client, "before"))
        os.kill(server.process.pid, signal.SIGTERM)
        until("new calls to be refused", lambda: _is_refused(server))
        draining.set()
        imported = answer.result()
    assert (imported.users_created, imported.follows_created) == (2, 1)
    assert server.process.wait(30) == 0
    again = connect(start(server.data))
    assert list(again.iter_following(again.get_user("before").user_id)) == [again.get_user("after").user_id]


def _has_user(client: Client, handle: str) -> bool:
    try:
        return bool(client.get_user(handle))
    except MurmurationError:
        return False


def _is_refused(server: Server) -> bool:
    with Api(server.target) as api:
        try:
            api.call("admin.GetBacklog", admin_pb2.GetBacklogRequest())
        except MurmurationError as error:
            assert error.code is grpc.StatusCode.UNAVAILABLE, error
            return True
        return False


def test_children_end_by_themselves_when_the_supervisor_is_killed(start: Start, connect: Connect) -> None:
    server = start()
    author = connect(server).create_user("orphan")
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    assert processes_of(server.data) == []
    # And the folder can be used again.
    assert connect(start(server.data)).get_user("orphan").user_id == author.user_id
