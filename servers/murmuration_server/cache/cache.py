"""Read-through over a cache store: one look-up for many entries, one load for a key, fills by lease and cas.

A fill takes a lease (adds LOADING with a nonce of its own), reads the store, and replaces that very LOADING by cas. A
writer deletes the entry after its store write, which voids the fill under way: its cas fails, and what it read is used
for its own answer only. (Model-checked: without lease, without cas, or with an overwrite in place of the delete, a
reader keeps seeing what was changed.)

For a call that takes what one replica has nothing is filled: what that lacks would be missing for everybody, and for
long after the others are back.

Values of kinds that never change, or may be late, are also kept in the process for a moment (`Kind.local_seconds`).
They cost neither a look-up nor a decoding. What this process itself changes it sees at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeGuard

from prometheus_client import Counter

from murmuration_server.cache.changes import Changes
from murmuration_server.cache.entries import AnyEntry, Entry, Kind, T
from murmuration_server.cache.local import LocalValues
from murmuration_server.cache.port import Cached, CacheKey, CacheStore, Replacement
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.ingredients import Ingredients
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.newest import Newest
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting

_VALUE, _LOADING = b"V", b"L"
_TAG_BYTES = 8
LOADING_SECONDS = 5.0
PARSED_KEPT = 20_000


class _Flight:
    """A load under way. Others take its result only if its cas succeeded: then nothing was changed while it read."""

    def __init__(self, done: Event) -> None:
        self.done = done
        self.filled = False
        self.value: Any = None


Wanted = tuple[Kind[Any], Collection[int]]
"""Values of one kind, by id."""


class _Asked(NamedTuple):
    """Of one kind: what was at hand, and what is to be looked up. `changes`: of `local`, for what is found."""

    kind: Kind[Any]
    found: dict[int, Any]
    missing: Collection[int]
    local: LocalValues | None
    changes: int


class Cache:
    """Answers what the store holds, sooner. A sick cache store is a miss."""

    def __init__(self, store: CacheStore, runtime: Runtime, metrics: Metrics, *, local: bool = True) -> None:
        """`local`: whether values that change may be kept in the process; not where others change them and nobody says
        so."""
        self._store, self._runtime, self._metrics = store, runtime, metrics
        self._keeps_local = local
        self.changes = Changes(runtime)
        """Of this process; all there are, with `local`."""
        self._lock = runtime.lock()
        self._flights: dict[CacheKey, _Flight] = {}
        self._parsed: Newest[CacheKey, tuple[bytes, Any]] = Newest(PARSED_KEPT)
        self._local: dict[str, LocalValues] = {}
        self._counters: dict[tuple[str, str], Counter] = {}

    def get(self, call: Call, kind: Kind[T], id_: int) -> T | None:
        found: T | None = self.get_each(call, kind, (id_,)).get(id_)
        return found

    def get_each(self, call: Call, kind: Kind[T], ids: Collection[int]) -> dict[int, T]:
        """Values of one kind, by id, of the entries that exist. Raises what a loader raises."""
        return self.get_each_of(call, [(kind, ids)])[0]

    def get_each_of(
        self, call: Call, wanted: Sequence[Wanted], if_cached: Sequence[Wanted] = ()
    ) -> list[dict[int, Any]]:
        """As `get_each`, for each of several kinds, in one look-up; of those in `if_cached`, which come last, only what
        need not be loaded."""
        asked = [self._at_hand(call, kind, ids) for kind, ids in (*wanted, *if_cached)]
        entries = [Entry(one.kind, id_) for one in asked for id_ in one.missing]
        if entries:
            values: dict[Kind[Any], dict[int, Any]] = {one.kind: {} for one in asked}
            not_loaded = {kind for kind, _ in if_cached}
            for entry, value in self.get_many(call, entries, not_loaded).items():
                values[entry.kind][entry.id] = value
            for one in asked:
                one.found.update(values[one.kind])
                if one.local is not None and not call.may_fall_back:
                    one.local.keep(values[one.kind], one.changes)
        return [one.found for one in asked]

    def _at_hand(self, call: Call, kind: Kind[Any], ids: Collection[int]) -> _Asked:
        if call.made_of is not None:
            call.made_of.add_cached(kind.name, ids)
        local = self._local_values(kind)
        found: dict[int, Any] = {}
        if local is None:
            return _Asked(kind, found, ids, None, 0)
        # The number of changes before the cache is asked.
        missing, changes = local.split(ids, found), local.changes()
        self._count(kind, "local", len(found))
        if found and call.made_of is not None and not kind.never_changes:
            call.made_of.all_tokens = False
        return _Asked(kind, found, missing, local, changes)

    def get_many(
        self, call: Call, entries: Sequence[AnyEntry], not_loaded: Collection[Kind[Any]] = ()
    ) -> dict[AnyEntry, Any]:
        """Values of the entries that exist, of several kinds in one look-up. `not_loaded`: kinds of which only what is
        cached is wanted. Raises what a loader raises."""
        made_of = call.made_of
        if made_of is not None:
            # What is loaded in place of the values is noted with them.
            call = call.noting(None)
        keys = {entry.key(): entry for entry in entries}
        found: dict[AnyEntry, Any] = {}
        missing: list[AnyEntry] = []
        held = self._store.get_many(call, list(keys))
        for key, entry in keys.items():
            cached = held.get(key)
            if _is_filled(cached):
                found[entry] = self._decode(key, entry, cached.value)
            elif entry.kind not in not_loaded:
                missing.append(entry)
                self._count(entry.kind, "miss", 1)
        if made_of is not None:
            _note(made_of, keys, held, all_found=not missing)
        for entry in found:
            self._count(entry.kind, "hit", 1)
        if missing and call.may_fall_back:
            found.update(self._read_store(call, missing))
        elif missing:
            self._load(call, missing, found)
        return found

    def held(self, call: Call, entries: Sequence[AnyEntry]) -> set[AnyEntry]:
        """Which of the entries the cache store has now; loads none."""
        held = self._store.get_many(call, [entry.key() for entry in entries])
        return {entry for entry in entries if _is_filled(held.get(entry.key()))}

    def delete(self, call: Call, kind: Kind[Any], id_: int) -> None:
        """After the store write and before its ack. Raises `Unavailable` where the entry may still be there."""
        try:
            self._store.delete(call, kind.key(id_))
        finally:
            self._changed(kind, id_)

    def overwrite(self, call: Call, kind: Kind[T], id_: int, value: T) -> None:
        """Only for what no later write can contradict, such as the marker of a deleted post."""
        try:
            self._store.set(call, kind.key(id_), self._sealed(kind.encode(value)), kind.ttl_seconds)
        finally:
            self._changed(kind, id_)

    def edit(self, call: Call, kind: Kind[T], id_: int, change: Any) -> None:
        """Replaces a value that is there by `change(value)`, or deletes the entry where that does not go through."""
        try:
            self._edit(call, kind, id_, change)
        finally:
            self._changed(kind, id_)

    def flush(self, call: Call) -> None:
        self._store.flush(call)
        for local in self._local.values():
            local.clear()
        self.changes.note_all()

    def _edit(self, call: Call, kind: Kind[T], id_: int, change: Any) -> None:
        key = kind.key(id_)
        cached = self._store.get_many(call, [key]).get(key)
        if _is_filled(cached):
            value = self._sealed(kind.encode(change(kind.decode(cached.value[1 + _TAG_BYTES :]))))
            if key in self._store.cas_many(call, {key: Replacement(value, cached.token, kind.ttl_seconds)}):
                return
        # Also where it is unknown whether that went through.
        self._store.delete(call, key)

    def _local_values(self, kind: Kind[Any]) -> LocalValues | None:
        if not kind.local_seconds or not (self._keeps_local or kind.never_changes):
            return None
        local = self._local.get(kind.name)
        if local is None:
            with self._lock:
                local = self._local.setdefault(kind.name, LocalValues(self._runtime, kind.local_seconds))
        return local

    def _changed(self, kind: Kind[Any], id_: int) -> None:
        local = self._local_values(kind)
        if local is not None:
            local.drop(id_)
        self.changes.note(kind.name, id_)

    def _load(self, call: Call, entries: list[AnyEntry], found: dict[AnyEntry, Any]) -> None:
        leading: dict[AnyEntry, _Flight] = {}
        joining: dict[AnyEntry, _Flight] = {}
        with self._lock:
            for entry in entries:
                flight = self._flights.get(entry.key())
                if flight is None:
                    flight = self._flights[entry.key()] = leading[entry] = _Flight(self._runtime.event())
                else:
                    joining[entry] = flight
        try:
            self._lead(call, leading, found)
        finally:
            self._close(leading)
            for flight in leading.values():
                flight.done.set()
        alone = []
        for entry, flight in joining.items():
            with waiting():
                is_done = flight.done.wait(call.remaining())
            if is_done and flight.filled:
                if flight.value is not None:
                    found[entry] = flight.value
            else:
                alone.append(entry)
        found.update(self._read_store(call, alone))

    def _close(self, flights: dict[AnyEntry, _Flight]) -> None:
        with self._lock:
            for entry, flight in flights.items():
                if self._flights.get(entry.key()) is flight:
                    del self._flights[entry.key()]

    def _lead(self, call: Call, flights: dict[AnyEntry, _Flight], found: dict[AnyEntry, Any]) -> None:
        if not flights:
            return
        loading = {entry.key(): self._loading() for entry in flights}
        leased = self._store.add_many(call, loading, LOADING_SECONDS)
        loaded = self._read_store(call, list(flights))
        found.update(loaded)
        # Nobody may join from here on: who joins has begun before the cas, so what it proves fresh is fresh for him.
        self._close(flights)
        wanted = {entry.key(): entry for entry in loaded if entry.key() in leased}
        held = self._store.get_many(call, list(wanted)) if wanted else {}
        fills = {
            key: Replacement(self._sealed(entry.kind.encode(loaded[entry])), held[key].token, entry.kind.ttl_seconds)
            for key, entry in wanted.items()
            if key in held and held[key].value == loading[key]
        }
        filled = self._store.cas_many(call, fills) if fills else frozenset()
        for key, entry in wanted.items():
            if key in filled:
                flights[entry].value, flights[entry].filled = loaded[entry], True

    def _loading(self) -> bytes:
        return _LOADING + self._runtime.random.randbytes(_TAG_BYTES)

    def _read_store(self, call: Call, entries: Sequence[AnyEntry]) -> dict[AnyEntry, Any]:
        by_kind: dict[Kind[Any], list[AnyEntry]] = {}
        for entry in entries:
            by_kind.setdefault(entry.kind, []).append(entry)
        loaded: dict[AnyEntry, Any] = {}
        for kind, wanted in by_kind.items():
            try:
                values = kind.load_many(call, [entry.id for entry in wanted])
            except MurmurationError:
                if not (kind.left_out and call.may_fall_back):
                    raise
                continue
            loaded.update({entry: values[entry.id] for entry in wanted if entry.id in values})
        return loaded

    def _decode(self, key: CacheKey, entry: AnyEntry, value: bytes) -> Any:
        if not entry.kind.keep_parsed:
            return entry.kind.decode(value[1 + _TAG_BYTES :])
        tag = value[1 : 1 + _TAG_BYTES]
        kept = self._parsed.get(key)
        if kept is not None and kept[0] == tag:
            return kept[1]
        parsed = entry.kind.decode(value[1 + _TAG_BYTES :])
        with self._lock:
            self._parsed.put(key, (tag, parsed))
        return parsed

    def _sealed(self, payload: bytes) -> bytes:
        return _VALUE + self._runtime.random.randbytes(_TAG_BYTES) + payload

    def _count(self, kind: Kind[Any], result: str, times: int) -> None:
        if times:
            counter = self._counters.get((kind.name, result))
            if counter is None:
                counter = self._counters[kind.name, result] = self._metrics.cache_requests.labels(kind.name, result)
            counter.inc(times)


def _note(
    made_of: Ingredients, keys: Mapping[CacheKey, AnyEntry], held: Mapping[CacheKey, Cached], *, all_found: bool
) -> None:
    made_of.all_tokens = made_of.all_tokens and all_found
    for key, entry in keys.items():
        made_of.add_cached(entry.kind.name, (entry.id,))
        cached = held.get(key)
        if cached is not None and not entry.kind.never_changes:
            made_of.add_token(key, cached.token, late=bool(entry.kind.local_seconds))


def _is_filled(cached: Cached | None) -> TypeGuard[Cached]:
    """It is there, and not the placeholder of a fill under way."""
    return cached is not None and cached.value[:1] == _VALUE
