"""The retry policy covers every public method and stays within gRPC's own bounds."""

from __future__ import annotations

import json

from google.protobuf.descriptor_pb2 import FileDescriptorProto

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import ConnectionSettings
from murmuration_client.channel import channel_options
from murmuration_client.service_config import SERVICES, service_config, service_config_json


def test_every_service_is_covered() -> None:
    declared = set()
    for module in (user_pb2, tweet_pb2, graph_pb2, timeline_pb2, admin_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        declared |= {f"{file.package}.{service.name}" for service in file.service}
    assert set(SERVICES) == declared


def test_the_policy_is_what_the_design_says() -> None:
    [method_config] = service_config(4)["methodConfig"]
    assert method_config["retryPolicy"] == {
        "maxAttempts": 4,
        "initialBackoff": "0.05s",
        "maxBackoff": "1.0s",
        "backoffMultiplier": 3,
        "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
    }
    assert json.loads(service_config_json(4)) == service_config(4)


def test_one_attempt_means_no_retry_policy() -> None:
    assert "methodConfig" not in service_config(1)
    assert dict(channel_options(ConnectionSettings(max_attempts=1)))["grpc.enable_retries"] == 0


def test_an_option_is_given_once_and_the_callers_wins() -> None:
    options = channel_options(extra=[("grpc.keepalive_time_ms", 1)])
    assert len(dict(options)) == len(options)
    assert dict(options)["grpc.keepalive_time_ms"] == 1
