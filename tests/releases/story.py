"""A story told to the system of a release, in that release's own code: `python story.py files|stack FOLDER`, started by
keep.py in the release's tree. It stops in the middle of the work and writes into FOLDER what lies there then:

- model.json: what the reference model knows of it, and the page token of a walk under way;
- cache.json: the cache's entries, [ring id, name, hex digits];
- files: each store as SQL; stack: rows.json, the steps that made the tables and what is in these.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

from murmuration.v1 import tweet_pb2
from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.port import Cached, CacheKey
from murmuration_server.eventlog.envelope import REBUILDS
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.platform.call import Call
from tests.support.assembly import Assembly
from tests.support.engines import FileEngine, StackEngine
from tests.support.model import Model
from tests.support.world import World

PEOPLE = 6
LONGER_THAN_A_BUCKET = 90.0
"""Seconds; buckets of the outbox are then swept for the last time too."""
WALKER, PAGE = 3, 4

seen: dict[CacheKey, Any] = {}
"""Keys that were looked up: who fills an entry has looked for it before."""


def main(engine: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory() as data, noted(MemoryCache), noted(ClusterCache):
        system = Assembly(FileEngine(Path(data)) if engine == "files" else StackEngine(), small=False)
        world = World(system)
        walk = tell(world)
        leave_work(world, logged=engine == "files")
        look(world)
        write(folder / "model.json", told(world, walk))
        write(folder / "cache.json", cached(world))
        if engine == "stack":
            write(folder / "rows.json", rows())
        system.close()
        if engine == "files":
            for file in sorted(Path(data).glob("*.sqlite")):
                (folder / f"{file.stem}.sql").write_text(dumped(file), "utf-8")
            (folder / "cursor.key.hex").write_text((Path(data) / "cursor.key").read_bytes().hex() + "\n", "ascii")


def tell(world: World) -> dict[str, Any]:
    """People do what they can do, and all is delivered. Answers a walk that has shown its first page."""
    for _ in range(PEOPLE):
        world.create_user()
    a, b, c, d, e, f = world.users
    for user, other in ((a, b), (a, c), (a, d), (b, a), (b, d), (c, d), (c, e), (d, a), (d, b), (d, c), (d, e), (e, f)):
        world.follow(user, other, hide_reposts=(user, other) == (b, d))
    world.mute(d, e)
    world.block(f, a)
    world.system.client.admin.set_author_mode(c, tweet_pb2.DELIVERY_MODE_PULL)
    world.system.settle()
    first = {author: world.post(author, f"Good morning, it is I #day{author % 7}") for author in world.users}
    world.post(e, "Look at https://example.org/a, @u0 and @u5 🐦")
    world.system.settle()
    world.system.pass_time(LONGER_THAN_A_BUCKET)
    reply = world.post(b, "Good morning to you", reply_to=first[a])
    world.post(a, "And to you", reply_to=reply)
    world.repost(a, first[c])
    undone = world.repost(b, first[c])
    world.repost(d, reply)
    world.undo_repost(b, world.model.original(undone).id)
    gone = world.post(c, "I did not mean this")
    world.delete(gone)
    world.unfollow(a, d)
    world.follow(a, d)
    world.unfollow(d, b)
    world.unmute(d, e)
    world.mute(c, e)
    for number in range(PAGE):
        world.post(e, f"{number} is a number")
        world.post(c, f"{number} is one that is pulled")
    # A record that nobody can read, and another one of which somebody has said what shall become of it.
    for key in (1, 2):
        world.system.log.repeat(world.system.call(), [NewRecord(REBUILDS, key, 5, b"\xff%d" % key)])
    world.system.settle()
    letter, _ = world.system.client.admin.iter_dead_letters()
    world.system.client.admin.drop_dead_letters([letter.dead_letter_id])
    world.system.settle()
    page = world.system.user(world.users[WALKER]).home_page(PAGE)
    return {
        "user": world.users[WALKER],
        "token": page.next_page_token,
        "shown": [item.tweet.tweet_id for item in page.items],
    }


def leave_work(world: World, *, logged: bool) -> None:
    """More of it, of which some is in the outboxes, and with `logged` some on the log, when the release stops."""
    world.system.pass_time(LONGER_THAN_A_BUCKET)
    a, b, c, d, e, f = world.users

    def step(*names: str) -> None:
        for name in names:
            while world.system.step(name):
                pass

    def more(word: str) -> None:
        post = world.post(d, f"Posted {word}")
        world.post(c, f"Pulled {word}")
        world.post(b, f"Answered {word}", reply_to=post)
        world.repost(e, post)

    if logged:
        more("and planned")
        world.follow(f, d)
        step("relay-tweets", "fanout-planner")
        more("and on the log")
        world.delete(world.post(e, "Deleted and on the log"))
        world.system.client.admin.rebuild_timeline(a)
        step("relay-tweets", "relay-graph", "relay-timeline")
    more("and in the outbox")
    world.create_user()
    world.follow(b, e)
    world.unfollow(e, f)
    world.block(c, a)
    world.system.client.admin.rebuild_timeline(d)


def look(world: World) -> None:
    """Whatever can be cached is."""
    for user in world.users:
        world.check_now(user)
        world.system.user(user).relationships([other for other in world.users if other != user])


def told(world: World, walk: Mapping[str, Any]) -> dict[str, Any]:
    model: Model = world.model
    return {
        "now_ms": world.system.now_ms(),
        "users": world.users,
        "entries": [
            [entry.id, entry.author, entry.created_ms, entry.kind.value, entry.about, sorted(entry.mentions)]
            for entry in model.entries.values()
        ],
        "deleted": sorted(model.deleted),
        "follows": [[*pair, hidden] for pair, hidden in sorted(model.follows.items())],
        "blocks": sorted(model.blocks),
        "mutes": sorted(model.mutes),
        "walk": walk,
    }


class noted:
    """Notes in `seen` what is looked up in caches of a class."""

    def __init__(self, kind: Any) -> None:
        look_up = kind.get_many

        def get_many(cache: Any, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:
            seen.update(dict.fromkeys(keys, cache))
            return look_up(cache, call, keys)

        self._patch = mock.patch.object(kind, "get_many", get_many)

    def __enter__(self) -> None:
        self._patch.start()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def cached(world: World) -> list[list[Any]]:
    stores = {id(store): store for store in seen.values()}
    entries: dict[CacheKey, Cached] = {}
    for store in stores.values():
        entries.update(store.get_many(world.system.call(), list(seen)))
    return sorted([key.ring_id, key.name, held.value.hex()] for key, held in entries.items())


def dumped(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        [version] = connection.execute("PRAGMA user_version").fetchone()
        return "\n".join([*connection.iterdump(), f"PRAGMA user_version = {version};", ""])


def rows() -> dict[str, Any]:
    """`rows`: of each table, [columns as CQL's JSON has them, written at (microseconds), time to live (seconds)]; a row
    whose columns were written at different times comes once for each."""
    from murmuration_server.roles.cql import SCHEMAS
    from tests.support.real_cassandra import cql_session

    session = cql_session()
    tables = session.driver.cluster.metadata.keyspaces[session.settings.keyspace].tables
    return {
        "schemas": [[schema.service, schema.steps] for schema in SCHEMAS],
        "rows": {name: of_table(session.driver, name, table) for name, table in sorted(tables.items())},
    }


def of_table(driver: Any, name: str, table: Any) -> list[list[Any]]:
    keys = [column.name for column in table.primary_key]
    others = [column for column in table.columns if column not in keys]
    times = "".join(f", writetime({column}), ttl({column})" for column in others)
    wanted = [f"toJson({column})" for column in (*keys, *others)]
    found = []
    for row in driver.execute(f"SELECT {', '.join(wanted)}{times} FROM {name}"):
        values = dict(zip((*keys, *others), map(json.loads, row[: len(wanted)]), strict=True))
        written: dict[Any, dict[str, Any]] = {}
        for place, column in enumerate(others):
            if values[column] is not None:
                when = tuple(row[len(wanted) + 2 * place :][:2])
                written.setdefault(when, {})[column] = values[column]
        key = {column: values[column] for column in keys}
        found += [[key | columns, *when] for when, columns in written.items()] or [[key, None, None]]
    return sorted(found, key=json.dumps)


def write(path: Path, content: Any) -> None:
    """A line for each item of a list, as a difference shows them best."""
    text = json.dumps(content, ensure_ascii=False, indent=None)
    path.write_text(text.replace("], [", "],\n[").replace(": [[", ": [\n[") + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
