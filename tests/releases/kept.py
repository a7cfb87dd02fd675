"""What is kept of a release, put where this tree finds it; and the world that goes on from there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.port import Cached, CacheKey, CacheStore
from murmuration_server.platform.call import Call
from tests.releases.history import KEPT
from tests.support.assembly import Assembly
from tests.support.model import Entry, Kind
from tests.support.world import World

CACHED_SECONDS = 600.0


@dataclass(frozen=True)
class Kept:
    """Of one version, on one engine: files or stack."""

    version: str
    engine: str

    @property
    def folder(self) -> Path:
        return KEPT / self.version / self.engine

    def read(self, name: str) -> Any:
        return json.loads((self.folder / name).read_text("utf-8"))

    def cached(self) -> dict[CacheKey, bytes]:
        return {CacheKey(ring_id, name): bytes.fromhex(value) for ring_id, name, value in self.read("cache.json")}

    def payloads(self) -> set[str]:
        """The kinds of events of that release, by their fields in its envelope."""
        image = FileDescriptorSet.FromString((KEPT / self.version / "protos.binpb").read_bytes())
        [events] = [file for file in image.file if file.package == "murmuration.events.v1"]
        [envelope] = [message for message in events.message_type if message.name == "Envelope"]
        return {field.name for field in envelope.field if field.HasField("oneof_index")}

    def fill(self, cache: CacheStore, call: Call) -> None:
        cached = self.cached()
        assert cache.add_many(call, cached, CACHED_SECONDS) == cached.keys()

    def restore_files(self, data: Path) -> None:
        """A data folder, as that release left it."""
        data.mkdir()
        for script in self.folder.glob("*.sql"):
            with closing(sqlite3.connect(data / f"{script.stem}.sqlite")) as connection:
                connection.executescript(script.read_text("utf-8"))
        (data / "cursor.key").write_bytes(bytes.fromhex((self.folder / "cursor.key.hex").read_text("ascii")))

    def world(self, system: Assembly) -> World:
        """The same people, at the moment at which the release stopped."""
        told, world = self.read("model.json"), World(system)
        world.users, model = told["users"], world.model
        for id_, author, created_ms, kind, about, mentions in told["entries"]:
            model.add(Entry(id_, author, created_ms, Kind(kind), about, frozenset(mentions)))
        model.deleted.update(told["deleted"])
        for user, other, hidden in told["follows"]:
            model.follow(user, other, hidden)
        model.blocks.update(map(tuple, told["blocks"]))
        model.mutes.update(map(tuple, told["mutes"]))
        world.pass_time((told["now_ms"] - system.now_ms()) / 1000)
        return world


class Lookups:
    """Notes, while it is entered, what is looked up in the cache, and what of that is as the release left it."""

    def __init__(self, kept: Mapping[CacheKey, bytes]) -> None:
        self._kept = kept
        self.asked: set[CacheKey] = set()
        self.used: set[CacheKey] = set()
        self._patches = ExitStack()

    def __enter__(self) -> Lookups:
        for store in (MemoryCache, ClusterCache):
            self._patches.enter_context(mock.patch.object(store, "get_many", self._noting(store.get_many)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def _noting(self, look_up: Any) -> Any:
        def get_many(store: CacheStore, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:
            found: Mapping[CacheKey, Cached] = look_up(store, call, keys)
            self.asked.update(keys)
            self.used.update(key for key, cached in found.items() if self._kept.get(key) == cached.value)
            return found

        return get_many
