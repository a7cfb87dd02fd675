"""What kustomize makes of the folders below k8s/, as plain objects."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import kustomize

K8S = Path(__file__).resolve().parents[2] / "k8s"
DEV, PROD, DEMO = "overlays/dev", "overlays/prod", "demo"
FOLDERS = (DEV, PROD, DEMO)
RENDER_SECONDS = 100

Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """What a Deployment, StatefulSet or Job makes pods from. `owner`: its kind and name."""

    owner: tuple[str, str]
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.owner[1]

    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    def main(self) -> Object:
        (container,) = self.spec["containers"]
        found: Object = container
        return found


@cache
def _objects(folder: str) -> list[Object]:
    command = kustomize.renderer()
    if command is None:
        pytest.skip(kustomize.missing())
    done = subprocess.run(
        [*command, str(K8S / folder)], capture_output=True, text=True, timeout=RENDER_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr, done.stderr
    return [found for found in yaml.load_all(done.stdout, yaml.CSafeLoader) if found]


def render(folder: str) -> list[Object]:
    """The objects of a folder; the caller may change them. Skips the test where there is no kustomize."""
    return copy.deepcopy(_objects(folder))


def of_kind(objects: Sequence[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    (found,) = (found for found in of_kind(objects, kind) if found["metadata"]["name"] == name)
    return found


def generated(objects: Sequence[Object], kind: str, name: str) -> Object:
    """A ConfigMap or Secret by its name without the hash, which it must have."""
    (found,) = (found for found in of_kind(objects, kind) if found["metadata"]["name"].rpartition("-")[0] == name)
    return found


def pods(objects: Sequence[Object]) -> Iterator[Pod]:
    for found in objects:
        if found["kind"] in ("Deployment", "StatefulSet", "Job"):
            template, metadata = found["spec"]["template"], found["metadata"]
            owner = (found["kind"], metadata["name"])
            yield Pod(owner, metadata["namespace"], template["metadata"]["labels"], template["spec"])


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector, as Kubernetes has them, takes an object with these labels. None takes nothing."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels", {})
    matches = all(labels.get(key) == value for key, value in wanted.items())
    return matches and all(_meets(one, labels) for one in selector.get("matchExpressions", []))


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    if operator == "Exists":
        return key in labels
    assert operator == "In", f"{operator} is not used so far"
    return labels.get(key) in expression["values"]
