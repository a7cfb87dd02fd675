"""What all processes must agree on about cache nodes: who is a member, who is out, and under which generation.

Values that never change; each change makes another with the next version. What is read from a node belongs to the
generation that is part of every key there, so what was written under an earlier one is never seen again.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

MAX_NODES = 64


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


@dataclass(frozen=True)
class ClusterState:
    """`nodes`: the state of every member, of `reading` and of `also_written`; without any, nothing is cached.
    `revision`: of the configuration that named them, as its author counts."""

    version: int
    nodes: Mapping[str, NodeState]
    reading: tuple[str, ...]
    also_written: tuple[str, ...] = ()
    phase: Phase = field(default=Phase.STEADY)
    revision: int = 0

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
        self, members: Sequence[str], generation: Callable[[], int], revision: int = 0
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
            also_written=wanted,
            phase=Phase.BEGUN,
            revision=revision,
        )

    def advanced(self) -> ClusterState | None:
        """The next phase of a change of members; None where none is under way."""
        if self.phase is Phase.BEGUN:
            new, old = self.also_written, self.reading
            return replace(self, version=self.version + 1, reading=new, also_written=old, phase=Phase.SWAPPED)
        if self.phase is Phase.SWAPPED:
            nodes = {node: self.nodes[node] for node in self.reading}
            return replace(self, version=self.version + 1, nodes=nodes, also_written=(), phase=Phase.STEADY)
        return None

    def encode(self) -> str:
        document = {
            "version": self.version,
            "nodes": {name: [node.status, node.generation] for name, node in self.nodes.items()},
            "reading": self.reading,
            "also_written": self.also_written,
            "phase": self.phase,
            "revision": self.revision,
        }
        return json.dumps(document, sort_keys=True)

    def _with(self, node: str, state: NodeState) -> ClusterState:
        return replace(self, version=self.version + 1, nodes={**self.nodes, node: state})


def first_state(members: Sequence[str], generation: Callable[[], int], revision: int = 0) -> ClusterState:
    """All members in, each under a generation that was never used."""
    names = _members(members)
    return ClusterState(1, {node: NodeState(Status.IN, generation()) for node in names}, names, revision=revision)


def decode(text: str) -> ClusterState:
    document = json.loads(text)
    return ClusterState(
        document["version"],
        {name: NodeState(Status(node[0]), node[1]) for name, node in document["nodes"].items()},
        tuple(document["reading"]),
        tuple(document["also_written"]),
        Phase(document["phase"]),
        document.get("revision", 0),
    )


def _members(members: Sequence[str]) -> tuple[str, ...]:
    names = tuple(sorted(set(members)))
    if len(names) > MAX_NODES:
        raise ValueError(f"There are {len(names)} cache nodes; name at most {MAX_NODES}.")
    return names
