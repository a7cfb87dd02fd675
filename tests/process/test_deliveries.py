"""Large deliveries: they hold nobody up, and one that is cut off goes on at the page it had reached."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from murmuration_client import Client
from murmuration_server.graph.relations import NOT_BACKFILLED
from tests.process.running import Server, handles, settled, texts_at_home, until, value

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

DELIVERIES, LARGE_LANE = "murmuration_deliveries_total", "deliveries-large"
ROWS = "SELECT count(*) FROM home WHERE tweet_id = ?"
MARKED = f"SELECT count(*) FROM following WHERE backfilled < {NOT_BACKFILLED}"
"""Until then a backfill may write what a delivery should."""

FOLLOWERS = 3_000
CROWD = 28_459
"""As many as the largest author of the demo has."""


def _followed(server: Server, client: Client, followers: int) -> Client:
    """An author with so many imported followers, once nothing of the import waits any more."""
    crowd = list(handles("f", followers))
    people = [("celebrity", ""), *((handle, "") for handle in crowd)]
    client.admin.import_graph(people, ((handle, "celebrity") for handle in crowd))
    until("every follow to be marked as backfilled", lambda: server.count("graph", MARKED) == followers)
    return client.acting_as(client.get_user("celebrity").user_id)


def test_a_delivery_cut_off_by_a_kill_resumes_at_its_page(start: Start, connect: Connect) -> None:
    """Rows and resume point are one write, so the two processes together write each follower's row exactly once: not
    one row more than there are followers. (All shards here have more than one page; a job of one page has no resume
    point and may be done twice.)"""
    server = start(fanout__page_size=5, fanout__large_followers=10, graph__followers_per_shard=1_000)
    client = connect(server)
    author = _followed(server, client, FOLLOWERS)
    tweet_id = author.create_tweet("to all").tweet_id
    until("a third of the deliveries", lambda: server.count("homes", ROWS, tweet_id) > FOLLOWERS * 0.3)
    counted = value(server.metrics("worker"), DELIVERIES, lane=LARGE_LANE)
    # Stopped first, so that what it has written can be read; a stopped process can be killed.
    os.kill(server.pids["worker"], signal.SIGSTOP)
    before = server.count("homes", ROWS, tweet_id)
    server.kill("worker")
    assert 0 < counted <= before < FOLLOWERS, (counted, before)
    server.restarted("worker")
    until("all deliveries", lambda: server.count("homes", ROWS, tweet_id) == FOLLOWERS)
    until("the rest to be worked off", lambda: settled(server, client))
    after = value(server.metrics("worker"), DELIVERIES, lane=LARGE_LANE)
    print(f"{before} rows before the kill ({counted:.0f} when last asked), {after:.0f} after")
    assert after == FOLLOWERS - before
    assert counted + after <= FOLLOWERS
    followers = list(client.iter_followers(author.actor_id or 0))
    assert len(followers) == FOLLOWERS
    with ThreadPoolExecutor(4) as pool:
        homes = pool.map(lambda user_id: texts_at_home(client.acting_as(user_id)), followers[:: FOLLOWERS // 100])
        assert all(home == ["to all"] for home in homes)


def test_small_authors_posts_arrive_while_a_large_delivery_runs(start: Start, connect: Connect) -> None:
    server = start(fanout__page_size=20)
    client = connect(server)
    celebrity = _followed(server, client, CROWD)
    small, reader = client.create_user("small"), client.get_user("f0")
    client.acting_as(reader.user_id).follow(small.user_id)
    until("the follow to be marked as well", lambda: server.count("graph", MARKED) == CROWD + 1)
    large_id = celebrity.create_tweet("to all").tweet_id
    until("the large delivery to be under way", lambda: server.count("homes", ROWS, large_id) > 0)
    small_id = client.acting_as(small.user_id).create_tweet("to one").tweet_id
    # The row itself, which a worker wrote: no way of reading may stand in for it.
    until("the small author's delivery", lambda: server.count("homes", ROWS, small_id) == 1)
    written = server.count("homes", ROWS, large_id)
    assert "to one" in texts_at_home(client.acting_as(reader.user_id))
    assert 0 < written < CROWD
    print(f"arrived after {written} of {CROWD} large deliveries")
    until("the large delivery", lambda: server.count("homes", ROWS, large_id) == CROWD)
    assert value(server.metrics("worker"), DELIVERIES, lane=LARGE_LANE) == CROWD
