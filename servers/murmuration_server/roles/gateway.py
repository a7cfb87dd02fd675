"""The one address for callers: hands each call on to the part that serves it. Internal services are not behind it."""

from __future__ import annotations

from collections.abc import Mapping

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.server import Dispatcher

FORWARDED: Mapping[str, ServiceDescriptor] = {
    "users": user_pb2.DESCRIPTOR.services_by_name["UserService"],
    "graph": graph_pb2.DESCRIPTOR.services_by_name["GraphService"],
    "tweets": tweet_pb2.DESCRIPTOR.services_by_name["TweetService"],
    "timeline": timeline_pb2.DESCRIPTOR.services_by_name["TimelineService"],
    "admin": admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
}
"""The public service of each part."""


def build_gateway(
    peers: Mapping[str, grpc.Channel], settings: ServerSettings, runtime: Runtime, metrics: Metrics
) -> Dispatcher:
    """`peers`: the way to each part."""
    dispatcher = Dispatcher(runtime, metrics, settings)
    for part, service in FORWARDED.items():
        dispatcher.forward(service, peers[part])
    return dispatcher
