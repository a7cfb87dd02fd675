"""What network policies let through, as Kubernetes reads them: a pod that a policy selects may do what any such policy
says, and nothing else; a pod that none selects may do everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from tests.k8s.rendering import Object, of_kind, selects

INGRESS, EGRESS = "Ingress", "Egress"

Port = tuple[str, int]
Way = tuple[str, str, Port]
"""(from, to, port of the latter)."""


@dataclass(frozen=True)
class Actor:
    """A pod, ours or somebody else's."""

    name: str
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    namespace_labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    def of_namespace(self) -> Mapping[str, str]:
        return {"kubernetes.io/metadata.name": self.namespace, **self.namespace_labels}


class Policies:
    def __init__(self, objects: Sequence[Object]) -> None:
        self._policies = of_kind(objects, "NetworkPolicy")

    def ways(self, direction: str, actors: Sequence[Actor], ports: Iterable[Port]) -> set[Way]:
        """What pods that policies select in this direction may do (EGRESS) or have done to them (INGRESS)."""
        found = set()
        for subject in actors:
            rules = self._rules(direction, subject)
            if rules is None:
                continue
            for other, port in product(actors, ports):
                if any(_allows(rule, direction, subject, other, port) for rule in rules):
                    ends = (subject, other) if direction == EGRESS else (other, subject)
                    found.add((ends[0].name, ends[1].name, port))
        return found

    def guards(self, direction: str, actor: Actor) -> bool:
        """Whether any policy selects it."""
        return self._rules(direction, actor) is not None

    def _rules(self, direction: str, subject: Actor) -> list[Mapping[str, Any]] | None:
        selecting = [
            policy["spec"]
            for policy in self._policies
            if policy["metadata"]["namespace"] == subject.namespace
            and direction in policy["spec"]["policyTypes"]
            and selects(policy["spec"]["podSelector"], subject.labels)
        ]
        if not selecting:
            return None
        return [rule for spec in selecting for rule in spec.get(direction.lower(), [])]


def _allows(rule: Mapping[str, Any], direction: str, subject: Actor, other: Actor, port: Port) -> bool:
    peers = rule.get("from" if direction == INGRESS else "to")
    if peers is not None and not any(_is_peer(peer, subject, other) for peer in peers):
        return False
    ports = rule.get("ports")
    return ports is None or any((one.get("protocol", "TCP"), one["port"]) == port for one in ports)


def _is_peer(peer: Mapping[str, Any], subject: Actor, other: Actor) -> bool:
    assert set(peer) <= {"namespaceSelector", "podSelector"}, "blocks of addresses are not used so far"
    if "namespaceSelector" not in peer:
        near = other.namespace == subject.namespace
    else:
        near = selects(peer["namespaceSelector"], other.of_namespace())
    return near and selects(peer.get("podSelector", {}), other.labels)
