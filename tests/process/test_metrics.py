"""/metrics serves the catalogue and nothing else, and no caller can make its labels grow."""

from __future__ import annotations

import uuid

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import Client
from murmuration_client.errors import MurmurationError
from murmuration_server.eventlog import envelope
from murmuration_server.platform.metrics import Metrics
from tests.process.running import Api, Server, samples, scrape, texts_at_home, until

ROLES = ("serving", "worker")
ONLY_AFTER_ERRORS = {"murmuration_dead_letters", "murmuration_worker_errors"}
ONLY_DISTRIBUTED = {
    "murmuration_cache_node_changes",
    "murmuration_cache_node_failures",
    "murmuration_cql_failures",
    "murmuration_cql_fallbacks",
    "murmuration_cql_seconds",
}
LANES = {envelope.SMALL_LANE, envelope.LARGE_LANE}
TOPICS = LANES | {envelope.TWEETS, envelope.RELATIONS, envelope.REBUILDS, envelope.USERS, envelope.DEAD_LETTERS}
METHODS = {
    method.name
    for module in (user_pb2, tweet_pb2, graph_pb2, timeline_pb2, admin_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
PARTS = {"users", "graph", "tweets", "timeline"}
BOUNDS: dict[str, set[str]] = {
    "code": {code.name for code in grpc.StatusCode},
    "lane": LANES,
    "topic": TOPICS,
    "mode": {"push", "pull"},
    "to": {"push", "pull"},
    "source": PARTS,
}
MOST_VALUES = 40
"""Of any other label: parts, groups, states, kinds of entry. `method` has besides those of the public services the
internal ones."""


@pytest.fixture
def used(server: Server, client: Client) -> Client:
    """Everything that is measured has happened at least once."""
    name = uuid.uuid4().hex[:8]
    author, reader = client.create_user(f"a{name}").user_id, client.create_user(f"r{name}").user_id
    writer, follower = client.acting_as(author), client.acting_as(reader)
    follower.follow(author)
    client.admin.set_author_mode(author, tweet_pb2.DELIVERY_MODE_PULL)
    client.admin.set_author_mode(author, tweet_pb2.DELIVERY_MODE_PUSH)
    writer.create_tweet("hello")
    client.admin.rebuild_timeline(reader)
    until("the post in the home", lambda: texts_at_home(follower) == ["hello"])
    rows = "SELECT count(*) FROM home WHERE user_id = ?"
    until("the post's delivery", lambda: server.count("homes", rows, reader))
    return client


def _families(server: Server, role: str) -> dict[str, int]:
    """Metric name to the number of its samples."""
    families = text_string_to_metric_families(scrape(server.metrics_port(role)))
    # The client library says besides when each counter was made.
    return {family.name: len(family.samples) for family in families if not family.name.endswith("_created")}


@pytest.mark.usefixtures("used")
def test_each_process_serves_the_whole_catalogue_and_nothing_else(server: Server) -> None:
    catalogue = {family.name for family in Metrics().registry.collect()}
    for role in ROLES:
        assert set(_families(server, role)) == catalogue


@pytest.mark.usefixtures("used")
def test_after_use_each_metric_has_been_measured(server: Server) -> None:
    def silent() -> set[str]:
        served = [_families(server, role) for role in ROLES]
        return (
            {name for name in served[0] if not any(found[name] for found in served)}
            - ONLY_AFTER_ERRORS
            - ONLY_DISTRIBUTED
        )

    until("every metric to have a sample", lambda: not silent())


def test_no_caller_can_make_labels_grow(server: Server, used: Client) -> None:
    with Api(server.target) as api:
        for number in range(20):
            call = api.channel.unary_unary(f"/murmuration.v1.TweetService/Invented{number}")
            with pytest.raises(grpc.RpcError):
                call(b"", timeout=10)
            request, metadata = user_pb2.GetUserRequest(handle=f"invented {number}"), ("murmuration-request-id", "r")
            with pytest.raises(MurmurationError):
                api.call("users.GetUser", request, number + 1, metadata=[metadata])
    found: dict[str, set[str]] = {}
    for role in ROLES:
        for rows in samples(scrape(server.metrics_port(role))).values():
            for labels, _ in rows:
                for label, carried in labels.items():
                    found.setdefault(label, set()).add(carried)
    found.pop("le")
    for label, values in found.items():
        assert len(values) <= MOST_VALUES
        assert values <= BOUNDS.get(label, values), label
        assert not any("nvented" in carried or carried.isdigit() for carried in values), label
    assert found["method"] & METHODS


@pytest.mark.usefixtures("used")
def test_the_ready_event_names_both_ports(server: Server) -> None:
    assert [server.metrics_port(role) for role in ROLES] == server.ready["metrics_ports"]
