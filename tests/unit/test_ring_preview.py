"""What would move if cache nodes came or went: little, and to or from the nodes that change."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from murmuration_server.admin.ring_preview import RingPreview, preview_ring
from murmuration_server.cache.cluster_state import MAX_NODES
from murmuration_server.platform.errors import InvalidField
from murmuration_server.sharding.memcached_ring import Ring
from murmuration_server.sharding.placement import Rings

USERS = range(383_000_000_000_000_000, 383_000_000_000_000_300)

addresses = st.builds(
    lambda a, b, c, port: f"10.{a}.{b}.{c}:{port}", *[st.integers(0, 255)] * 3, st.sampled_from([11211, 11212])
)
node_lists = st.lists(addresses, min_size=2, max_size=10, unique=True)
few = settings(max_examples=15, deadline=None, phases=(Phase.explicit, Phase.generate))
"""Each example looks up 20,000 ids on two rings, twice; smaller ones would take minutes to find."""


def names(count: int) -> list[str]:
    return [f"10.0.0.{number}:11211" for number in range(1, count + 1)]


def preview(nodes: list[str], add: list[str] = [], remove: list[str] = []) -> RingPreview:  # noqa: B006
    return preview_ring(Rings(Ring(nodes), None), add, remove, USERS)


@few
@given(node_lists)
def test_a_new_node_takes_little_more_than_its_share(nodes: list[str]) -> None:
    *before, added = nodes
    found = preview(before, add=[added])
    assert found.moved_share <= 1.2 / len(nodes)
    assert found.moved_share == pytest.approx(found.after[added])
    assert {move.to_node for move in found.moves} <= {added}


@few
@given(node_lists)
def test_only_what_a_node_held_moves_when_it_goes(nodes: list[str]) -> None:
    *after, removed = nodes
    found = preview(nodes, remove=[removed])
    assert found.moved_share == pytest.approx(found.before[removed])
    assert found.moved_share <= 1.2 / len(nodes)
    assert {move.from_node for move in found.moves} <= {removed}
    assert list(found.after) == sorted(after)


def test_moves_are_those_of_the_rings() -> None:
    old, new = Ring(names(4)), Ring([*names(3), "new:1"])
    found = preview(names(4), add=["new:1"], remove=[names(4)[-1]])
    moved = [(user, old.owner(user), new.owner(user)) for user in USERS if old.owner(user) != new.owner(user)]
    assert moved
    assert [tuple(move) for move in found.moves] == moved


def test_shares_make_a_whole() -> None:
    found = preview(names(5), add=["new:1"])
    assert list(found.before) == names(5)
    for shares in (found.before, found.after):
        assert sum(shares.values()) == pytest.approx(1)
        assert max(shares.values()) < 1.25 / len(shares)


def test_a_change_under_way_is_told() -> None:
    rings = Rings(Ring(names(2)), Ring(names(3)))
    assert preview_ring(rings, ["new:1"], [], []).change_under_way
    assert not preview(names(2), add=["new:1"]).change_under_way


@pytest.mark.parametrize(
    ("add", "remove", "said"),
    [
        ([], [], "name a node"),
        (["10.0.0.4"], [], "not host:port"),
        (["dns:cache:11211"], [], "not host:port"),
        (["10.0.0.1:11211"], [], "on the ring already"),
        ([], ["10.0.0.9:11211"], "not on the ring, which has 10.0.0.1:11211, 10.0.0.2:11211"),
        ([], names(2), "0 nodes would be left"),
        ([f"10.0.1.{number}:1" for number in range(MAX_NODES)], [], f"{MAX_NODES + 2} nodes would be left"),
    ],
)
def test_what_cannot_be(add: list[str], remove: list[str], said: str) -> None:
    with pytest.raises(InvalidField, match=said):
        preview(names(2), add, remove)
