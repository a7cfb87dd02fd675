"""Watches of a home on a real system: many post at once, processes are killed, nothing is lost or shown twice."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import Client, MurmurationError
from murmuration_client.aio import AsyncClient
from tests.process.running import Server, until

Start = Callable[..., Server]
Connect = Callable[[Server], Client]
Item = timeline_pb2.HomeTimelineItem

AUTHORS = 4
POSTS_EACH = 60
PATIENCE_SECONDS = 60.0
END = "the end"


def test_watches_see_each_post_once_though_processes_die(start: Start, connect: Connect) -> None:
    server = start()
    client = connect(server)
    reader = client.create_user("reader").user_id
    authors = [client.create_user(f"author{number}").user_id for number in range(AUTHORS)]
    for author in authors:
        client.acting_as(reader).follow(author)
    # One author's posts are pulled, so that both ways of delivery are watched.
    client.admin.set_author_mode(authors[-1], tweet_pb2.DELIVERY_MODE_PULL)
    before = client.acting_as(authors[0]).create_tweet("before the watches")
    client.wait_visible(before, reader_id=reader)

    with ThreadPoolExecutor(3 + AUTHORS) as pool:
        watches = [
            pool.submit(watch, server.target, reader, before.tweet_id),
            pool.submit(lambda: asyncio.run(watch_with_asyncio(server.target, reader, before.tweet_id))),
            pool.submit(watch_in_pieces, server.target, reader, before.tweet_id),
        ]
        writers = [pool.submit(write, client.acting_as(author)) for author in authors]
        for role, posts in (("worker", 30), ("serving", 60)):
            until(f"{posts} posts in the home", lambda posts=posts: len(at_home(client, reader)) > posts)  # type: ignore[misc]
            server.kill(role)
            server.restarted(role)
        posted = {tweet_id for writer in writers for tweet_id in writer.result()}
        until("all posts in the home", lambda: posted <= at_home(client, reader))
        posted.add(client.acting_as(authors[0]).create_tweet(END).tweet_id)
        for seen in (each.result() for each in watches):
            assert len(seen) == len(set(seen)), "shown twice"
            assert set(seen) == posted


def write(author: Client) -> list[int]:
    """Posts, each under one request_id until it is taken; answers the ids."""

    def attempt(text: str, request_id: str) -> int | None:
        try:
            return author.create_tweet(text, request_id=request_id).tweet_id
        except MurmurationError:
            return None

    taken = []
    for number in range(POSTS_EACH):
        request_id = str(uuid.uuid4())
        taken.append(until("a post to be taken", lambda: attempt(f"post {number}", request_id)))  # noqa: B023
    return taken


def at_home(client: Client, reader: int) -> set[int]:
    try:
        return {item.tweet.tweet_id for item in client.acting_as(reader).home()}
    except MurmurationError:
        return set()


def watch(target: str, reader: int, since: int) -> list[int]:
    with Client(target, actor_id=reader) as client:
        return until_the_end(client.watch_home(since_tweet_id=since, patience=PATIENCE_SECONDS))


async def watch_with_asyncio(target: str, reader: int, since: int) -> list[int]:
    seen = []
    async with AsyncClient(target, actor_id=reader) as client:
        async for item in client.watch_home(since_tweet_id=since, patience=PATIENCE_SECONDS):
            seen.append(item.tweet.tweet_id)
            if item.tweet.text == END:
                break
    return seen


def watch_in_pieces(target: str, reader: int, since: int) -> list[int]:
    """Ends after every ten items and goes on with a new watch without a gap; what comes again is left out."""
    seen: dict[int, str] = {}
    with Client(target, actor_id=reader) as client:
        while END not in seen.values():
            piece = client.watch_home(since_tweet_id=since, patience=PATIENCE_SECONDS)
            fresh = (item for item in piece if item.tweet.tweet_id not in seen)
            for item in islice(fresh, 10):
                seen[item.tweet.tweet_id] = item.tweet.text
                if item.tweet.text == END:
                    break
            since = piece.settled_id
    return list(seen)


def until_the_end(watched: Iterable[Item]) -> list[int]:
    seen = []
    for item in watched:
        seen.append(item.tweet.tweet_id)
        if item.tweet.text == END:
            break
    return seen
