"""Alarms ask for metrics that are there, by labels that they have, and each has its section in the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator

import grpc
from prometheus_client.metrics import MetricWrapperBase

from murmuration.v1 import timeline_pb2
from murmuration_server.platform.metrics import Metrics
from tests.docs.pages import ROOT
from tests.k8s.rendering import PROD, Object, of_kind, one, render, selects

ALARMS = ROOT / "docs" / "operate" / "alarms.md"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}

_SERIES = re.compile(r"(murmuration_\w+)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')
_BY = re.compile(r"\bby \(([^)]*)\)")


def rules() -> Iterator[Object]:
    for group in one(render(PROD), "PrometheusRule", "murmuration")["spec"]["groups"]:
        yield from group["rules"]


def series() -> dict[str, tuple[str, ...]]:
    """Name to labels of all that a process shows."""
    found = {}
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            for suffix in SUFFIXES[family.type]:
                found[family.name + suffix] = metric._labelnames  # there is no public way to them
    return found


def test_alarms_ask_for_what_is_there() -> None:
    known = series()
    for rule in rules():
        asked = _SERIES.findall(rule["expr"])
        assert asked, rule["alert"]
        labels = {label for name, _ in asked for label in known[name]}
        matched = {label for _, matchers in asked for label, _, _ in _MATCHER.findall(matchers)}
        grouped = {label.strip() for names in _BY.findall(rule["expr"]) for label in names.split(",")}
        told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert matched | grouped <= labels, rule["alert"]
        assert told <= grouped, rule["alert"]


def test_alarms_ask_for_values_that_occur() -> None:
    values = {
        "code": {code.name for code in grpc.StatusCode},
        "state": set(timeline_pb2.TimelineState.Status.keys()),
        "to": {"in", "out"},
    }
    for rule in rules():
        for _, matchers in _SERIES.findall(rule["expr"]):
            for label, _, value in _MATCHER.findall(matchers):
                assert set(value.split("|")) <= values[label], rule["alert"]


def test_every_alarm_is_explained() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    explained = re.findall(r"^### (\w+)$", ALARMS.read_text("utf-8"), re.MULTILINE)
    assert explained == names


def test_every_role_is_scraped() -> None:
    objects = render(PROD)
    monitor = one(objects, "ServiceMonitor", "murmuration")["spec"]
    (endpoint,) = monitor["endpoints"]
    for deployment in of_kind(objects, "Deployment"):
        service = one(objects, "Service", deployment["metadata"]["name"])
        assert selects(monitor["selector"], service["metadata"]["labels"])
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert not selects(monitor["selector"], one(objects, "Service", "memcached")["metadata"]["labels"])
