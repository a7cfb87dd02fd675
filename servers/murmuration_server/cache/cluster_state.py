"""What all processes must agree on about cache nodes: who is a member, who is out, and under which generation.

Values that never change; each change makes another with the next version. What is read from a node belongs to the
generation that is part of every key there, so what was written under an earlier one is never seen again.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

MAX_NODES = 64
MAX_RINGS = 16
REMEMBERED_MS = 24 * 3600 * 1000
"""How long a ring is remembered that is no longer in use: far longer than any entry lasts, which is an hour, and than
clocks are wrong."""


class Phase(enum.StrEnum):
    """Of a change of members. Between two phases lies a lease: nobody is two phases apart from anybody."""

    STEADY = "steady"
    BEGUN = "begun"
    """`reading` are the old members; what is written goes to the new owner as well."""
    SWAPPED = "swapped"
    """`reading` are the new members; what is written goes to the old owner as well."""


class Status(enum.StrEnum):
    """Of a node. OUT becomes BACK under the next generation, and BACK becomes IN a lease later."""

    IN = "in"
    OUT = "out"
    """Neither read nor written."""
    BACK = "back"
    """Written, not read: some process may still hold that it is out, and write past it."""


@dataclass(frozen=True, slots=True)
class NodeState:
    status: Status
    generation: int

    @property
    def is_in(self) -> bool:
        return self.status is Status.IN

    @property
    def failed_generation(self) -> int:
        """The one that was taken out, of a node that is not in."""
        return self.generation - (self.status is Status.BACK)


class Membership(NamedTuple):
    """Nodes that share the ids among them. `since`: the version of the state in which they were named, 0 for the first
    that is remembered; `from_ms`: when, by the clock of whoever changed it."""

    nodes: tuple[str, ...]
    since: int = 0
    from_ms: int = 0


History = tuple[Membership, ...]
"""The oldest first; the last is in use. An id may come back to a node that had it before and was a member all the time:
what that node still holds of it is from then."""


@dataclass(frozen=True)
class ClusterState:
    """`nodes`: the state of every member, of `reading` and of `also_written`; without any, nothing is cached.
    `read_by`: which nodes are read; `written_by`: where what is written goes as well, while members change. `revision`:
    of the configuration that named them, as its author counts."""

    version: int
    nodes: Mapping[str, NodeState]
    read_by: History
    written_by: History = ()
    phase: Phase = field(default=Phase.STEADY)
    revision: int = 0

    @property
    def reading(self) -> tuple[str, ...]:
        return self.read_by[-1].nodes

    @property
    def also_written(self) -> tuple[str, ...]:
        return self.written_by[-1].nodes if self.written_by else ()

    def taken_out(self, node: str, generation: int) -> ClusterState | None:
        """None where it is not written at that generation any more: somebody else has changed it."""
        held = self.nodes.get(node)
        if held is None or held.status is Status.OUT or held.generation != generation:
            return None
        return self._with(node, NodeState(Status.OUT, generation))

    def brought_back(self, node: str, generation: int) -> ClusterState | None:
        """To be written, under the next generation; None where it is not out at that one."""
        if self.nodes.get(node) != NodeState(Status.OUT, generation):
            return None
        return self._with(node, NodeState(Status.BACK, generation + 1))

    def readmitted(self, node: str, generation: int) -> ClusterState | None:
        """To be read as well; None where it is not back at that generation."""
        if self.nodes.get(node) != NodeState(Status.BACK, generation):
            return None
        return self._with(node, NodeState(Status.IN, generation))

    def changing_to(
        self, members: Sequence[str], generation: Callable[[], int], now_ms: int, revision: int = 0
    ) -> ClusterState | None:
        """A change of members begun; None where one is under way, or there is nothing to change. A revision is noted,
        and never goes back.

        `generation` makes one that was never used: a node that comes back may still hold what it held.
        """
        if self.phase is not Phase.STEADY:
            return None
        revision = max(revision, self.revision)
        if set(members) == set(self.reading):
            noted = replace(self, version=self.version + 1, revision=revision)
            return noted if revision > self.revision else None
        wanted = _members(members)
        nodes = {
            **self.nodes,
            **{node: NodeState(Status.IN, generation()) for node in wanted if node not in self.nodes},
        }
        return replace(
            self,
            version=self.version + 1,
            nodes=nodes,
            written_by=(*_remembered(self.read_by, now_ms), Membership(wanted, self.version + 1, now_ms)),
            phase=Phase.BEGUN,
            revision=revision,
        )

    def advanced(self) -> ClusterState | None:
        """The next phase of a change of members; None where none is under way."""
        if self.phase is Phase.BEGUN:
            new, old = self.written_by, self.read_by
            return replace(self, version=self.version + 1, read_by=new, written_by=old, phase=Phase.SWAPPED)
        if self.phase is Phase.SWAPPED:
            nodes = {node: self.nodes[node] for node in self.reading}
            return replace(self, version=self.version + 1, nodes=nodes, written_by=(), phase=Phase.STEADY)
        return None

    def encode(self) -> str:
        document = {
            "version": self.version,
            "nodes": {name: [node.status, node.generation] for name, node in self.nodes.items()},
            # These two are all that 0.1.0 knows of them.
            "reading": self.reading,
            "also_written": self.also_written,
            "read_by": self.read_by,
            "written_by": self.written_by,
            "phase": self.phase,
            "revision": self.revision,
        }
        return json.dumps(document, sort_keys=True)

    def _with(self, node: str, state: NodeState) -> ClusterState:
        return replace(self, version=self.version + 1, nodes={**self.nodes, node: state})


def first_state(members: Sequence[str], generation: Callable[[], int], revision: int = 0) -> ClusterState:
    """All members in, each under a generation that was never used."""
    names = _members(members)
    nodes = {node: NodeState(Status.IN, generation()) for node in names}
    return ClusterState(1, nodes, (Membership(names),), revision=revision)


def decode(text: str) -> ClusterState:
    document = json.loads(text)
    changing = document["phase"] != Phase.STEADY
    return ClusterState(
        document["version"],
        {name: NodeState(Status(node[0]), node[1]) for name, node in document["nodes"].items()},
        _history(document.get("read_by") or [[document["reading"]]]),
        _history(document.get("written_by") or ([[document["also_written"]]] if changing else [])),
        Phase(document["phase"]),
        document.get("revision", 0),
    )


def _history(rings: Sequence[Sequence[Any]]) -> History:
    return tuple(Membership(tuple(nodes), *when) for nodes, *when in rings)


def _remembered(history: History, now_ms: int) -> History:
    """Without what is so old that nothing is left of it. What still stands in front then is the first; more than
    `MAX_RINGS` are cut, which loses what is cached, and never shows what was."""
    kept = list(history)
    while len(kept) > 1 and kept[1].from_ms + REMEMBERED_MS <= now_ms:
        kept[:2] = [kept[1]._replace(since=0)]
    return tuple(kept[-MAX_RINGS + 1 :])


def _members(members: Sequence[str]) -> tuple[str, ...]:
    names = tuple(sorted(set(members)))
    if len(names) > MAX_NODES:
        raise ValueError(f"There are {len(names)} cache nodes; name at most {MAX_NODES}.")
    return names
