"""`murmurd up` is ready in about a second, and stops without failing a call or leaving a process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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
from tests.process.running import WAIT_SECONDS, Api, Server, processes_of, until
from tools.stack.process import free_port

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

CALLERS = 6
MOST_REFUSALS = 20
TWEETS_OF = "SELECT tweet_id FROM user_tweets WHERE author_id = ? ORDER BY tweet_id"


def test_it_says_where_it_serves_once_it_does(server: Server, client: Client) -> None:
    print(f"ready after {server.seconds_to_ready:.2f} s")
    assert server.events[0] == server.ready
    assert set(server.ready) >= {"event", "port", "metrics_ports", "pids"}
    assert set(processes_of(server.data)) >= set(server.pids.values())
    client.create_user("ready_at_once")


def test_ctrl_c_stops_an_idle_server_with_status_0(start: Start) -> None:
    server = start()
    assert server.stop(signal.SIGINT) == 0
    assert server.events[-1] == {"event": "stopping"}
    assert "Traceback" not in server.stderr()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_role_that_waits_for_its_database_says_so_and_can_be_stopped(number: int, processes: str) -> None:
    command = [sys.executable, "-m", "murmuration_server", "serve", "--role", "tweets", "--processes", processes]
    nowhere = {"MURMURATION_CQL__PORT": str(free_port()), "MURMURATION_SERVER__PORT": str(free_port())}
    with subprocess.Popen(command, env=os.environ | nowhere, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = next((line for line in process.stderr if "Waiting" in line), "")
            assert "No node of the database answers at 127.0.0.1" in said
            process.send_signal(number)
            process.communicate(timeout=WAIT_SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0


@dataclass
class Caller:
    """Posts without pause and without retries until the server is gone; notes how each call ended."""

    api: Api
    user_id: int
    acked: set[int] = field(default_factory=set)
    refused: list[tuple[float, MurmurationError]] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set() and len(self.refused) < MOST_REFUSALS:
            request, begun = tweet_pb2.CreateTweetRequest(text="hello"), time.monotonic()
            try:
                self.acked.add(self.api.call("tweets.CreateTweet", request, self.user_id).tweet.tweet_id)
            except MurmurationError as error:
                self.refused.append((begun, error))


def test_sigterm_under_load_fails_no_call_that_reached_the_server(start: Start, connect: Connect) -> None:
    """A call is answered, or it is refused as UNAVAILABLE and was never run: what was refused is not stored. A streamed
    import is surely in flight: its first message has been worked on, its last one comes after the drain has begun."""
    server = start()
    client = connect(server)
    users = [client.create_user(f"caller{number}").user_id for number in range(CALLERS)]
    callers = [Caller(Api(server.target), user_id) for user_id in users]
    stop, draining = threading.Event(), threading.Event()
    threads = [threading.Thread(target=caller.run, args=(stop,)) for caller in callers]
    with Api(server.target) as api:
        imported = api.stubs.admin.ImportGraph.future(_messages(draining), timeout=60)
        until("the import's first message to be worked on", lambda: _has_user(client, "before"))
        for thread in threads:
            thread.start()
        until("every caller to be at work", lambda: all(len(caller.acked) > 10 for caller in callers))
        at = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        until("new calls to be refused", lambda: _is_refused(server))
        draining.set()
        answer = imported.result()
    assert (answer.users_created, answer.follows_created) == (2, 1)
    assert server.stop() == 0
    stop.set()
    for thread, caller in zip(threads, callers, strict=True):
        thread.join()
        caller.api.channel.close()
    for caller in callers:
        for begun, error in caller.refused:
            assert error.code is grpc.StatusCode.UNAVAILABLE, error
            # A call that began well before the signal had reached the server.
            assert begun > at - 0.2, f"{at - begun:.3f} s before the signal"
        assert server.column("tweets", TWEETS_OF, caller.user_id) == sorted(caller.acked)
    assert server.column("graph", "SELECT count(*) FROM following WHERE standing") == [1]


def _messages(draining: threading.Event) -> Iterator[admin_pb2.ImportGraphRequest]:
    yield admin_pb2.ImportGraphRequest(users=[admin_pb2.ImportedUser(handle="before")])
    draining.wait(30)
    yield admin_pb2.ImportGraphRequest(
        users=[admin_pb2.ImportedUser(handle="after")],
        follows=[admin_pb2.ImportedFollow(follower_handle="before", followee_handle="after")],
    )


def _has_user(client: Client, handle: str) -> bool:
    try:
        return bool(client.get_user(handle))
    except MurmurationError:
        return False


def _is_refused(server: Server) -> bool:
    """Of a new connection, as of one that stands: UNAVAILABLE, which clients may try again elsewhere."""
    code = grpc.StatusCode.OK
    with Api(server.target) as api:
        try:
            api.call("admin.GetBacklog", admin_pb2.GetBacklogRequest())
        except MurmurationError as error:
            code = error.code
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
    return code is grpc.StatusCode.UNAVAILABLE


def test_children_end_by_themselves_when_the_supervisor_is_killed(start: Start, connect: Connect) -> None:
    server = start()
    author = connect(server).create_user("orphan")
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    assert processes_of(server.data) == []
    # And the folder can be used again.
    assert connect(start(server.data)).get_user("orphan").user_id == author.user_id
