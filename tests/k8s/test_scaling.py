"""Numbers of pods: who sets them, and within which bounds; and how pods are spread."""

from __future__ import annotations

from murmuration_server.platform.config import KafkaSettings
from murmuration_server.roles.parts import ALL, GATEWAY, PARTS, ROLES, SERVING
from murmuration_server.roles.working import REBUILD_GROUP, RELATIONS_GROUP
from murmuration_server.timeline.watermark import DELIVERY_GROUPS, PLANNER_GROUP
from tests.k8s.rendering import DEV, PROD, generated, of_kind, one, pods, render, selects

ROLE_NAMES = {role for role in ROLES if role != ALL}
BY_HAND = {"admin", "relay"}
"""Operators' calls, and what takes turns: more of them do not do more."""
ZONES = 3
GROUPS = {
    **DELIVERY_GROUPS,
    "tweets": PLANNER_GROUP,
    "relations": RELATIONS_GROUP,
    "rebuilds": REBUILD_GROUP,
}


def test_serving_roles_follow_their_load_and_fan_out_its_lag() -> None:
    scaled = {found["metadata"]["name"] for found in of_kind(render(PROD), "HorizontalPodAutoscaler")}
    lagging = {found["metadata"]["name"] for found in of_kind(render(PROD), "ScaledObject")}
    assert scaled == {*SERVING, GATEWAY} - BY_HAND
    assert lagging == {"fanout"}
    assert scaled | lagging | BY_HAND == ROLE_NAMES


def test_nobody_has_two_masters() -> None:
    objects = render(PROD)
    targets = [
        found["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for found in of_kind(objects, kind)
    ]
    assert len(set(targets)) == len(targets)
    for found in of_kind(objects, "Deployment"):
        assert ("replicas" in found["spec"]) == (found["metadata"]["name"] not in targets)


def test_fan_out_scales_on_the_lag_of_all_that_it_consumes_and_on_nothing_else() -> None:
    objects = render(PROD)
    (fanout,) = (part for part in PARTS if part.name == "fanout")
    triggers = one(objects, "ScaledObject", "fanout")["spec"]["triggers"]
    prefix = KafkaSettings().prefix
    assert {trigger["type"] for trigger in triggers} == {"kafka"}
    watched = {(trigger["metadata"]["topic"], trigger["metadata"]["consumerGroup"]) for trigger in triggers}
    assert watched == {(prefix + topic, prefix + GROUPS[topic]) for topic in fanout.consumes}
    settings = generated(objects, "ConfigMap", "settings")["data"]
    for trigger in triggers:
        assert trigger["metadata"]["bootstrapServers"] == settings["MURMURATION_KAFKA__BOOTSTRAP_SERVERS"]
        one(objects, "TriggerAuthentication", trigger["authenticationRef"]["name"])


def test_no_more_consumers_than_partitions() -> None:
    objects = render(PROD)
    most = one(objects, "ScaledObject", "fanout")["spec"]["maxReplicaCount"]
    assert most <= int(generated(objects, "ConfigMap", "settings")["data"]["MURMURATION_KAFKA__PARTITIONS"])


def test_there_is_one_in_each_zone() -> None:
    objects = render(PROD)
    for found in of_kind(objects, "HorizontalPodAutoscaler"):
        assert found["spec"]["minReplicas"] >= ZONES
    assert one(objects, "ScaledObject", "fanout")["spec"]["minReplicaCount"] >= ZONES
    assert one(objects, "StatefulSet", "memcached")["spec"]["replicas"] >= ZONES


def test_pods_are_spread_over_zones_by_role() -> None:
    for pod in pods(render(PROD)):
        spread = {rule["topologyKey"]: rule for rule in pod.spec["topologySpreadConstraints"]}
        zone = spread["topology.kubernetes.io/zone"]
        assert zone["whenUnsatisfiable"] == "DoNotSchedule"
        assert zone["nodeTaintsPolicy"] == "Honor"
        assert selects(zone["labelSelector"], pod.labels)
        by_role = "app.kubernetes.io/component" in zone.get("matchLabelKeys", zone["labelSelector"]["matchLabels"])
        assert by_role, pod.name


def test_one_pod_of_each_kind_may_be_away() -> None:
    objects = render(PROD)
    for pod in pods(objects):
        budgets = [
            found for found in of_kind(objects, "PodDisruptionBudget") if selects(found["spec"]["selector"], pod.labels)
        ]
        assert [budget["spec"]["maxUnavailable"] for budget in budgets] == [1], pod.name


def test_dev_asks_for_no_operator() -> None:
    known = {"", "apps/", "networking.k8s.io/"}
    assert {found["apiVersion"].rpartition("v1")[0] for found in render(DEV)} == known


def test_a_rollout_never_has_fewer_pods() -> None:
    for overlay in (DEV, PROD):
        for found in of_kind(render(overlay), "Deployment"):
            assert found["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
