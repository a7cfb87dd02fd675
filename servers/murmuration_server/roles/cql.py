"""The schemas of all services that keep data in a CQL keyspace, in the order in which they are made."""

from __future__ import annotations

from murmuration_server.eventlog.cql_outbox import SCHEMA as OUTBOX
from murmuration_server.graph.stores.cql_schema import SCHEMA as GRAPH
from murmuration_server.platform.lease_stores.cql import SCHEMA as LEASES
from murmuration_server.timeline.stores.cql import SCHEMA as TIMELINE
from murmuration_server.tweets.stores.cql_schema import SCHEMA as TWEETS
from murmuration_server.users.stores.cql import SCHEMA as USERS

SCHEMAS = [LEASES, OUTBOX, USERS, GRAPH, TWEETS, TIMELINE]
