"""With nobody to take events from the outbox, writes are refused at the quota, at once, and lost by nobody."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from typing import TypeVar

import grpc
import pytest

from murmuration_client import Client
from murmuration_client.errors import MurmurationError, Overloaded
from tests.process.running import Server, settled, texts_at_home, until

T = TypeVar("T")
Start = Callable[..., Server]
Connect = Callable[[Server], Client]

QUOTA = 40
WRITTEN_BEFORE = 3
"""Writes of the last second, which may still be counted as waiting."""


def test_a_full_outbox_refuses_writes_and_recovers(start: Start, connect: Connect) -> None:
    server = start(outbox__quota_rows=QUOTA)
    client = connect(server)
    author = client.acting_as(client.create_user("author").user_id)
    reader = client.acting_as(client.create_user("reader").user_id)
    reader.follow(author.actor_id or 0)
    until("nothing to wait", lambda: settled(server, client))

    os.kill(server.pids["worker"], signal.SIGSTOP)
    acked: list[str] = []
    refused, request_id = None, ""
    for number in range(QUOTA * 2):
        request_id = str(uuid.uuid4())
        try:
            author.create_tweet(f"post {number}", request_id=request_id)
            acked.append(f"post {number}")
        except Overloaded as error:
            refused = error
            break
    assert refused is not None, "nothing was refused"
    assert (refused.reason, refused.code) == ("OUTBOX_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert refused.retry_after is not None
    assert refused.retry_after > 0
    # The count is taken anew each second, and may then miss the one write that is under way.
    assert QUOTA - WRITTEN_BEFORE <= len(acked) <= QUOTA + 1
    with pytest.raises(Overloaded):
        client.create_user("nobody")
    with pytest.raises(Overloaded):
        author.follow(reader.actor_id or 0)
    # Reading goes on, and what was refused is nowhere.
    assert sorted(texts_at_home(author)) == sorted(acked)
    assert sorted(tweet.text for tweet in client.iter_user_tweets(author.actor_id or 0)) == sorted(acked)

    os.kill(server.pids["worker"], signal.SIGCONT)
    late = f"post {len(acked)}"
    _taken(lambda: author.create_tweet(late, request_id=request_id))
    acked.append(late)
    until("the follower's home to be complete", lambda: set(texts_at_home(reader)) == set(acked))
    rows = "SELECT count(*) FROM home WHERE user_id = ?"
    until("each post to be delivered", lambda: server.count("homes", rows, reader.actor_id) == len(acked))
    assert _taken(lambda: author.follow(reader.actor_id or 0)).following


def _taken(write: Callable[[], T]) -> T:
    """Once the writers have noticed that the outbox empties."""
    answers: list[T] = []

    def attempt() -> bool:
        try:
            answers.append(write())
        except MurmurationError as error:
            if error.reason != "OUTBOX_FULL":
                raise
        return bool(answers)

    until("the write to be taken", attempt)
    return answers[0]
