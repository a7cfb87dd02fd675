"""The network policies let through what roles/parts.py says that roles call, their stores, DNS and scraping; neither
more nor less."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product

import pytest

from murmuration_server.roles.parts import ALL, GATEWAY, ROLES, callees
from tests.docs.pages import ROOT
from tests.k8s.network import EGRESS, INGRESS, Actor, Policies, Port, Way
from tests.k8s.rendering import DEMO, DEV, PROD, Object, of_kind, one, pods, render

OURS, STORES = "murmuration", "murmuration-stores"
ONE_ROLE = [role for role in ROLES if role != ALL]
STORING = [role for role in ONE_ROLE if ROLES[role]]

CALLS, METRICS, HEALTH = ("TCP", 7700), ("TCP", 7701), ("TCP", 7702)
CQL, CACHE, KAFKA, KAFKA_TLS = [("TCP", 9042), ("TCP", 19042)], ("TCP", 11211), ("TCP", 9092), ("TCP", 9093)
DNS, SCYLLA_METRICS, ANY = [("UDP", 53), ("TCP", 53)], ("TCP", 9180), ("TCP", 443)
PORTS: list[Port] = [CALLS, METRICS, HEALTH, *CQL, CACHE, KAFKA, KAFKA_TLS, *DNS, SCYLLA_METRICS, ANY]

OTHERS = [
    Actor("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Actor("kube-system", "kube-system"),
    Actor("prometheus", "monitoring", {"app.kubernetes.io/name": "prometheus"}),
    Actor("grafana", "monitoring", {"app.kubernetes.io/name": "grafana"}),
    Actor("edge", "edge", {}, {"murmuration/callers": "true"}),
    Actor("stranger", "default", {"murmuration/caller": "true", "murmuration/stores": "true"}),
    Actor("newcomer", OURS),
    Actor("caller", OURS, {"murmuration/caller": "true"}),
]
BY_OPERATORS = [
    Actor("scylla", STORES, {"scylla/cluster": "scylla"}),
    Actor("kafka", STORES, {"strimzi.io/cluster": "kafka", "strimzi.io/broker-role": "true"}),
    Actor("kafka-controller", STORES, {"strimzi.io/cluster": "kafka", "strimzi.io/broker-role": "false"}),
    Actor("scylla-operator", "scylla-operator"),
]
_ARROW = re.compile(r"(\w+) -> (\w+(?:, \w+)*)")
WITH = {DEV: [DEV, DEMO], PROD: [PROD]}


def objects_of(overlay: str) -> list[Object]:
    return [found for folder in WITH[overlay] for found in render(folder)]


def actors_of(overlay: str, objects: list[Object]) -> list[Actor]:
    ours = [Actor(pod.name, pod.namespace, pod.labels) for pod in pods(objects)]
    return [*ours, *OTHERS, *(BY_OPERATORS if overlay == PROD else [])]


def wanted(overlay: str, actors: list[Actor]) -> Iterator[Way]:
    for role in ONE_ROLE:
        yield from ((role, called, CALLS) for called in callees(role))
    yield from ((caller, GATEWAY, CALLS) for caller in ("edge", "caller"))
    yield from ((actor.name, "dns", port) for actor in actors if actor.namespace == OURS for port in DNS)
    for role in STORING:
        yield from ((role, "scylla", port) for port in CQL)
        yield role, "memcached", CACHE
        yield role, "kafka", KAFKA if overlay == DEV else KAFKA_TLS
    if overlay == DEV:
        yield "demo", GATEWAY, CALLS
    else:
        yield from (("prometheus", role, METRICS) for role in ONE_ROLE)
        yield from ((one, "scylla", SCYLLA_METRICS) for one in ("prometheus", "grafana"))
        yield from ((one, "scylla", port) for one in ("scylla", "scylla-operator") for port in PORTS)


def differences(overlay: str, objects: list[Object]) -> dict[str, set[Way]]:
    """In each direction, what is let through and should not be, or the other way round. Both ends of a way have to say
    it, so each is looked at by itself."""
    actors, policies = actors_of(overlay, objects), Policies(objects)
    by_name = {actor.name: actor for actor in actors}
    expected = set(wanted(overlay, actors))
    found = {}
    for direction in (EGRESS, INGRESS):
        ends = ((way, way[0] if direction == EGRESS else way[1]) for way in expected)
        right = {way for way, end in ends if policies.guards(direction, by_name[end])}
        found[direction] = policies.ways(direction, actors, PORTS) ^ right
    return found


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_exactly_what_roles_call_is_let_through(overlay: str) -> None:
    assert differences(overlay, objects_of(overlay)) == {EGRESS: set(), INGRESS: set()}


def test_the_arrows_of_the_architecture_are_these_calls() -> None:
    drawn = _ARROW.findall((ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("### On the distributed engine")[2])
    assert drawn.pop(0) == ("callers", GATEWAY)
    assert {role: set(called.split(", ")) for role, called in drawn} == {
        role: set(callees(role)) for role in ONE_ROLE if any(callees(role))
    }


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_every_pod_is_guarded_in_both_directions(overlay: str) -> None:
    objects = objects_of(overlay)
    policies = Policies(objects)
    ours = [actor for actor in actors_of(overlay, objects) if actor.namespace == OURS]
    assert {actor.name for actor in ours} >= {*ONE_ROLE, "memcached", "newcomer"}
    for actor, direction in product(ours, (INGRESS, EGRESS)):
        assert policies.guards(direction, actor), f"{actor.name}: {direction}"
    if overlay == PROD:
        assert policies.guards(INGRESS, BY_OPERATORS[0])


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_a_policy_that_is_taken_away_is_missed(overlay: str) -> None:
    objects = objects_of(overlay)
    for policy in of_kind(objects, "NetworkPolicy"):
        if policy["metadata"]["namespace"] == STORES or not {"ingress", "egress"} & policy["spec"].keys():
            # The former guards what others own; the latter lets nothing through, as the default does.
            continue
        rest = [found for found in objects if found is not policy]
        assert any(differences(overlay, rest).values()), policy["metadata"]["name"]


def test_without_the_default_a_new_pod_would_be_open() -> None:
    objects = [found for found in objects_of(DEV) if found["metadata"]["name"] != "default-deny"]
    assert not Policies(objects).guards(INGRESS, Actor("newcomer", OURS))


@pytest.mark.parametrize("role", ONE_ROLE)
def test_a_call_more_or_less_is_seen(role: str) -> None:
    """Each role that a rule names is taken out, and each that it does not name is put in."""
    objects = objects_of(DEV)
    policy = one(objects, "NetworkPolicy", role)["spec"]
    named = [
        (direction, peer["podSelector"]["matchExpressions"][0]["values"])
        for direction, key in ((INGRESS, "from"), (EGRESS, "to"))
        for rule in policy.get(direction.lower(), [])
        for peer in rule[key]
        if "matchExpressions" in peer.get("podSelector", {})
    ]
    for (direction, names), other in product(named, ONE_ROLE):
        before = list(names)
        names[:] = [name for name in before if name != other] if other in before else [*before, other]
        assert differences(DEV, objects)[direction], (direction, other)
        names[:] = before
    assert {direction for direction, _ in named} == {
        *([EGRESS] if list(callees(role)) else []),
        *([INGRESS] if any(role in callees(other) for other in ONE_ROLE) else []),
    }


def test_kafka_lets_in_who_stores_and_who_scales() -> None:
    """Strimzi makes a policy from these peers; no policy of ours is on Kafka's side."""
    (listener,) = one(render(PROD), "Kafka", "kafka")["spec"]["kafka"]["listeners"]
    ours, scaler = listener["networkPolicyPeers"]
    assert ours["podSelector"]["matchLabels"] == {"murmuration/stores": "true"}
    assert ours["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": OURS}
    assert scaler["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "keda"}
