"""A process that dies is begun again: acked posts stay, deliveries go on, a repeated request has one effect."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable

from murmuration_client import Client
from murmuration_client.errors import MurmurationError
from tests.process.running import Server, texts_at_home, until

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

POSTS = 300


def _pair(client: Client) -> tuple[Client, Client]:
    """An author and his follower."""
    author, reader = client.create_user("author"), client.create_user("reader")
    client.acting_as(reader.user_id).follow(author.user_id)
    return client.acting_as(author.user_id), client.acting_as(reader.user_id)


def test_a_killed_worker_is_restarted_and_deliveries_go_on(start: Start, connect: Connect) -> None:
    server = start()
    author, reader = _pair(connect(server))
    author.create_tweet("before the kill")
    until("the post before the kill", lambda: texts_at_home(reader) == ["before the kill"])
    dead = server.pids["worker"]
    server.kill("worker")
    author.create_tweet("while the worker was dead")
    assert server.restarted("worker") != dead
    author.create_tweet("after the kill")
    expected = ["after the kill", "while the worker was dead", "before the kill"]
    until("all three posts in the home", lambda: texts_at_home(reader) == expected)
    rows = "SELECT count(*) FROM home WHERE user_id = ?"
    until("all three posts stored in the home", lambda: server.count("homes", rows, reader.actor_id) == len(expected))
    # And both at once.
    server.kill("worker")
    server.kill("serving")
    server.restarted("serving")
    server.restarted("worker")
    until("a call to be answered again", lambda: _posts(author, "after both were killed"))
    expected.insert(0, "after both were killed")
    until("all four posts in the home", lambda: texts_at_home(reader) == expected)


def test_a_killed_serving_process_comes_back_on_its_port_with_all_it_acked(start: Start, connect: Connect) -> None:
    """A writer posts all the while. What fails he sends again under the same request_id, as a client should."""
    server = start()
    author, reader = _pair(connect(server))
    first_id = str(uuid.uuid4())
    first = author.create_tweet("the first", request_id=first_id)
    acked: dict[str, int] = {"the first": first.tweet_id}
    failed: list[MurmurationError] = []

    def write() -> None:
        for number in range(POSTS):
            request_id = str(uuid.uuid4())

            def attempt(text: str = f"post {number}", request_id: str = request_id) -> bool:
                try:
                    acked[text] = author.create_tweet(text, request_id=request_id).tweet_id
                    return True
                except MurmurationError as error:
                    failed.append(error)
                    return False

            until("the post to be taken", attempt)

    writer = threading.Thread(target=write)
    writer.start()
    until("some posts to be acked", lambda: len(acked) > POSTS // 5)
    dead = server.pids["serving"]
    server.kill("serving")
    assert server.restarted("serving") != dead
    writer.join()
    assert len(acked) == POSTS + 1
    # The client still knows only the old port.
    stored = {tweet.text: tweet.tweet_id for tweet in author.iter_user_tweets(author.actor_id or 0)}
    assert stored == acked
    assert len(list(author.iter_user_tweets(author.actor_id or 0))) == len(acked)
    assert author.create_tweet("the first", request_id=first_id) == first
    until("the follower's home to be complete", lambda: set(texts_at_home(reader)) == set(acked))
    print(f"{len(failed)} attempts failed while the process was away")


def _posts(author: Client, text: str) -> bool:
    try:
        return bool(author.create_tweet(text))
    except MurmurationError:
        return False
