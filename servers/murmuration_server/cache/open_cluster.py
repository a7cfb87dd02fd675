"""Puts the cache over Memcached nodes together, for a process that was configured for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.cluster_view import ClusterView
from murmuration_server.cache.keeper import ClusterKeeper, Wanted
from murmuration_server.cache.members import Resolve, members, resolve
from murmuration_server.cache.nodes import NodeStateStore
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime


class OpenCluster(NamedTuple):
    """`keeper` is a step to run every `refresh_ms`, once before the cache is first used."""

    cache: ClusterCache
    keeper: ClusterKeeper


def open_memcached(
    settings: Callable[[], MemcachedSettings],
    states: NodeStateStore,
    runtime: Runtime,
    metrics: Metrics,
    resolver: Resolve = resolve,
) -> OpenCluster:
    """`settings` is asked for the nodes again and again, so that a reload of the configuration is seen; timeouts and
    pools are those of the start."""
    # A library that is needed where Memcached is configured, and only there.
    from murmuration_server.cache.memcached import MemcachedNode

    first = settings()
    view = ClusterView(states, runtime, metrics)
    cache = ClusterCache(view, lambda node: MemcachedNode(node, runtime, first), runtime, metrics, first)

    def wanted() -> Wanted:
        now = settings()
        return Wanted(members(now.nodes, resolver), now.revision)

    return OpenCluster(cache, ClusterKeeper(view, states, cache, wanted, runtime, metrics))
