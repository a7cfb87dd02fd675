"""How one knows that what a kept page was made of has not changed since: from this process's own changes where no other
one serves, else from the entries in the cache, which whoever changes something voids before his ack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from murmuration_server.cache.changes import Changes
from murmuration_server.cache.port import CacheStore, Watched
from murmuration_server.platform.call import Call
from murmuration_server.platform.ingredients import Ingredients, Reading, read_alike
from murmuration_server.timeline.store import HomeStore

Begun = TypeVar("Begun")
Proof = TypeVar("Proof")


class Validator(Protocol[Begun, Proof]):
    def begin(self, call: Call) -> Begun:
        """To be asked before a page is read."""
        ...

    def proof(self, begun: Begun, made_of: Ingredients) -> Proof | None:
        """What goes with the page. None where nothing would say that it is no longer right."""
        ...

    def holds_at_hand(self, call: Call, proof: Proof) -> bool:
        """Whether nothing has changed, as far as can be said without waiting for anything."""
        ...

    def holds(self, call: Call, proof: Proof) -> bool:
        """Whether nothing has changed."""
        ...


@dataclass(slots=True)
class OwnChanges:
    """`changes`, `homes`: as of when the page was known to be right. `values`: the cached ones it is made of."""

    changes: int
    homes: object
    values: Sequence[tuple[str, int]] = ()
    readings: Sequence[tuple[Reading, Any]] = ()


class ChangesValidator:
    """Right only where one process serves: it knows of every change of what it has cached. Rows of homes the worker
    writes: as long as the file is the same so are they, else they are read again."""

    def __init__(self, changes: Changes, homes: HomeStore) -> None:
        self._changes, self._homes = changes, homes

    def begin(self, call: Call) -> OwnChanges:
        return OwnChanges(self._changes.count(), self._homes.version(call))

    def proof(self, begun: OwnChanges, made_of: Ingredients) -> OwnChanges:
        # A tuple, since a set takes twice as much.
        begun.values, begun.readings = tuple(made_of.cached), made_of.readings
        return begun

    def holds_at_hand(self, call: Call, proof: OwnChanges) -> bool:
        return self._values_are_alike(proof) and proof.homes == self._homes.version(call)

    def holds(self, call: Call, proof: OwnChanges) -> bool:
        if not self._values_are_alike(proof):
            return False
        # Before the rows are read: what is written meanwhile makes another version.
        homes = self._homes.version(call)
        if not read_alike(call, proof.readings):
            return False
        proof.homes = homes
        return True

    def _values_are_alike(self, proof: OwnChanges) -> bool:
        changes = self._changes.count()
        if changes != proof.changes:
            if not self._changes.none_since(proof.changes, proof.values):
                return False
            proof.changes = changes
        return True


@dataclass(slots=True)
class Entries:
    """`prompt`: those that are asked about each time; `all` when some may be late by now, at `late_at`."""

    prompt: Watched
    all: Watched
    late_at: float
    readings: Sequence[tuple[Reading, Any]]


class EntriesValidator:
    """Beside other processes: by the tokens of the cache's entries. Whoever changes what an entry holds deletes or
    replaces it before his ack, on whatever process, and no token is given twice.

    `late_ms`: so late a page may be with posts that others have deleted, and with counts. What its reader has done
    himself is seen at once, in his own recent posts and relations, whose entries are asked about each time.
    """

    def __init__(self, cache: CacheStore, late_ms: int) -> None:
        self._cache, self._late_seconds = cache, late_ms / 1000

    def begin(self, call: Call) -> float:
        return call.runtime.monotonic()

    def proof(self, begun: float, made_of: Ingredients) -> Entries | None:
        if not made_of.all_tokens:
            return None
        prompt = self._cache.watch(made_of.tokens)
        every = self._cache.watch({**made_of.tokens, **made_of.late_tokens})
        return Entries(prompt, every, begun + self._late_seconds, made_of.readings)

    def holds_at_hand(self, call: Call, proof: Entries) -> bool:  # noqa: ARG002
        return False

    def holds(self, call: Call, proof: Entries) -> bool:
        now = call.runtime.monotonic()
        is_late = now >= proof.late_at
        watched = proof.all if is_late else proof.prompt
        if not (watched.unchanged(call) and read_alike(call, proof.readings)):
            return False
        if is_late:
            proof.late_at = now + self._late_seconds
        return True
