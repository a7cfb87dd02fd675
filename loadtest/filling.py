"""Fills a system before the load: the graph by import, first posts, and then nothing waits to be delivered."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from loadtest.graphs import SocialGraph
from loadtest.workload import Workload
from murmuration_client import Client

FIRST_STREAM = -1
"""Of the workload; load takes those from 0."""
THREADS = 6
POLL_SECONDS = 0.05
DELIVERY_SECONDS = 300.0
PAGE_SIZE = 20
SAMPLED_PAGES = 50

Advance = Callable[[int], None]


class TooSlow(Exception):
    """Something that should have happened by now has not."""


def import_graph(client: Client, graph: SocialGraph, advance: Advance) -> None:
    """advance: called with accounts and follows sent so far. Safe to run twice."""
    client.admin.import_graph(
        graph.named_users(), graph.named_follows(), progress=lambda users, follows: advance(users + follows)
    )


def first_posts(client: Client, workload: Workload, count: int, advance: Advance) -> None:
    """So that homes are not empty when the load begins."""
    stream = workload.stream(FIRST_STREAM)
    drawn = [(stream.author(), stream.post_text()) for _ in range(count)]
    authors = sorted({author for author, _ in drawn})
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda author: client.get_user(workload.graph.handles[author]).user_id, authors)
        ids = dict(zip(authors, found, strict=True))
        posts = pool.map(lambda post: client.acting_as(ids[post[0]]).create_tweet(post[1]), drawn)
        for number, _ in enumerate(posts, start=1):
            advance(number)


def await_delivered(client: Client) -> None:
    """Raises TooSlow."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    while True:
        backlog = client.admin.get_backlog()
        waiting = backlog.outbox_rows + sum(lane.records for lane in backlog.lanes)
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise TooSlow(f"{waiting} events still wait to be delivered after {DELIVERY_SECONDS:g} s.")
        time.sleep(POLL_SECONDS)


def usual_page(client: Client, workload: Workload) -> bytes:
    """A first page of a home as the system answers it: of many readers' the one of middle size."""
    stream = workload.stream(FIRST_STREAM)
    handles = [workload.graph.handles[stream.reader()] for _ in range(SAMPLED_PAGES)]
    readers = [client.get_user(handle).user_id for handle in handles]
    pages = sorted((client.acting_as(reader).home_page(PAGE_SIZE).SerializeToString() for reader in readers), key=len)
    return pages[len(pages) // 2]
