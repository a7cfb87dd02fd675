"""The ring of cache nodes: even shares, and few keys that move."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from uhashring import HashRing

from murmuration_server.sharding.memcached_ring import POINTS_PER_NODE, Ring, _point, moved_share

IDS = range(383_000_000_000_000_000, 383_000_000_000_020_000)


def names(count: int) -> list[str]:
    return [f"cache-{number}.cache:11211" for number in range(count)]


@pytest.mark.parametrize("before", range(1, 11))
def test_a_new_node_takes_little_more_than_its_share(before: int) -> None:
    old, new = Ring(names(before)), Ring(names(before + 1))
    added = (set(new.nodes) - set(old.nodes)).pop()
    moved = [ring_id for ring_id in IDS if old.owner(ring_id) != new.owner(ring_id)]
    assert all(new.owner(ring_id) == added for ring_id in moved)
    assert len(moved) / len(IDS) <= 1.2 / (before + 1)
    assert moved_share(old, new) <= 1.2 / (before + 1)


def test_shares_are_even() -> None:
    ring = Ring(names(5))
    owners = Counter(ring.owner(ring_id) for ring_id in IDS)
    assert len(owners) == 5
    assert max(owners.values()) < 1.25 * len(IDS) / 5


def test_the_order_of_names_does_not_matter() -> None:
    one, other = Ring(names(4)), Ring(names(4)[::-1])
    assert [one.owner(ring_id) for ring_id in IDS[:500]] == [other.owner(ring_id) for ring_id in IDS[:500]]


def test_owners_are_those_that_uhashring_finds() -> None:
    """As earlier releases asked it: they may serve beside this one."""
    nodes = names(3)
    other = HashRing(nodes, vnodes=POINTS_PER_NODE, hash_fn=_point)
    ring = Ring(nodes)
    assert [ring.owner(ring_id) for ring_id in IDS] == [other.get_node(str(ring_id)) for ring_id in IDS]


def test_another_process_finds_the_same_owners() -> None:
    program = (
        "from murmuration_server.sharding.memcached_ring import Ring;"
        f"ring = Ring({names(4)}); print([ring.owner(n) for n in range(50)])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ring = Ring(names(4))
    assert answer.stdout.strip() == str([ring.owner(number) for number in range(50)])


def test_a_ring_needs_a_node() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Ring([])
