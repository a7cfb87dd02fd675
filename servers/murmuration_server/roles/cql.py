"""The CQL database of all services: their tables, and the one session of a process."""

from __future__ import annotations

from murmuration_server.cache.node_stores.cql import SCHEMA as CACHE
from murmuration_server.eventlog.cql_outbox import SCHEMA as OUTBOX
from murmuration_server.graph.stores.cql_schema import SCHEMA as GRAPH
from murmuration_server.graph.stores.cql_schema import USER_TABLES as GRAPH_TABLES
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.failures import CqlUnusable
from murmuration_server.platform.cql.migrate import pending
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.lease_stores.cql import SCHEMA as LEASES
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.turn_stores.cql import SCHEMA as TURNS
from murmuration_server.sharding.cql_ring import CqlRing
from murmuration_server.sharding.distributed_placement import DistributedPlacement
from murmuration_server.sharding.placement import CacheNodes, Placement
from murmuration_server.timeline.stores.cql import SCHEMA as TIMELINE
from murmuration_server.timeline.stores.cql import USER_TABLES as TIMELINE_TABLES
from murmuration_server.tweets.stores.cql_schema import SCHEMA as TWEETS
from murmuration_server.tweets.stores.cql_schema import USER_TABLES as TWEET_TABLES
from murmuration_server.users.stores.cql import SCHEMA as USERS
from murmuration_server.users.stores.cql import USER_TABLES as ACCOUNT_TABLES

# In the order in which they are made.
SCHEMAS = [CACHE, LEASES, TURNS, OUTBOX, USERS, GRAPH, TWEETS, TIMELINE]
USER_TABLES = [*ACCOUNT_TABLES, *GRAPH_TABLES, *TWEET_TABLES, *TIMELINE_TABLES]


def open_session(settings: CqlSettings, runtime: Runtime, metrics: Metrics, call: Call) -> CqlSession:
    """What a process opens its stores on. Raises `CqlUnusable`, also where the tables are not those of this version."""
    session = CqlSession(settings, runtime, metrics)
    try:
        if pending(session, call, SCHEMAS):
            raise CqlUnusable(f"The keyspace {settings.keyspace} is not up to date; run `murmurd migrate` first.")
    except BaseException:
        session.close()
        raise
    return session


def open_placement(session: CqlSession, nodes: CacheNodes) -> Placement:
    """Where users live. `nodes`: the process's cache over Memcached nodes."""
    return DistributedPlacement(CqlRing(session), USER_TABLES, nodes)
