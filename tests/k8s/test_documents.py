"""The commands of the pages about Kubernetes, which nobody runs here, name what the manifests and the programs have."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from murmuration_client.cli.app import app as murmur
from tests.docs.pages import ROOT, blocks, commands, name_of, prose
from tests.docs.test_commands import OF_A_CLUSTER
from tests.k8s.rendering import DEMO, DEV, PROD, Object, of_kind, one, pods, render
from tests.k8s.test_workloads import IMAGE, SECRETS, environment

README = ROOT / "k8s" / "README.md"
PAGES = [ROOT / name for name in sorted(OF_A_CLUSTER)]
MIB = {"Mi": 1, "Gi": 1024}

_OBJECT = re.compile(r"(deployment|statefulset|service|job|kafka|scyllacluster)/([\w.-]+)")
_KIND = {"statefulset": "StatefulSet", "scyllacluster": "ScyllaCluster"}
_ASSIGNMENT = re.compile(r"^[A-Z_]+=(\$\((.*)\)|[\w:-]+\$\((.*)\)|[\w:-]+)$")

each_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@dataclass(frozen=True)
class Typed:
    """One program of a line, with its arguments. `inside`: what it has run in a container."""

    program: str
    arguments: Sequence[str]
    inside: Sequence[str]

    def option(self, name: str) -> list[str]:
        words = self.arguments
        spaced = [words[place + 1] for place, word in enumerate(words[:-1]) if word == name]
        return spaced + [word.partition("=")[2] for word in words if word.startswith(f"{name}=")]


def typed(page: Path) -> Iterator[Typed]:
    for block in blocks(page):
        if block.language == "sh":
            for line in commands(block):
                yield from _programs(line)


def _programs(line: str) -> Iterator[Typed]:
    assigned = _ASSIGNMENT.match(line)
    if assigned:
        line = assigned[2] or assigned[3] or "true"
    for part in re.split(r" \| ", line.partition(" > ")[0]):
        words = shlex.split(part)
        place = words.index("--") if "--" in words else len(words)
        yield Typed(words[0], words[1:place], words[place + 1 :])


def every(objects: Sequence[Object]) -> set[tuple[str, str]]:
    return {(found["kind"].lower(), found["metadata"]["name"]) for found in objects}


def known() -> set[tuple[str, str]]:
    """What is there when all is applied, with what ScyllaDB's operator makes: a Service and a pod for each member."""
    cluster = one(render(PROD), "ScyllaCluster", "scylla")
    datacenter = cluster["spec"]["datacenter"]
    members = {
        f"{cluster['metadata']['name']}-{datacenter['name']}-{rack['name']}-{number}"
        for rack in datacenter["racks"]
        for number in range(rack["members"])
    }
    made = {(kind, member) for member in members for kind in ("service", "pod")}
    return made | {found for folder in (DEV, PROD, DEMO) for found in every(render(folder))}


@each_page
def test_programs_are_those_that_the_page_asks_for(page: Path) -> None:
    assert {line.program for line in typed(page)} <= {
        *("kubectl", "docker", "kind", "minikube"),
        *("openssl", "base64", "true"),
    }


@each_page
def test_named_objects_are_there(page: Path) -> None:
    there = known()
    namespaces = {name for kind, name in there if kind == "namespace"}
    for line in typed(page):
        assert {*line.option("-n")} <= namespaces
        for word in line.arguments:
            named = _OBJECT.fullmatch(word)
            assert named is None or (named[1], named[2]) in there, word
        labels = [{*deployment["metadata"]["labels"].items()} for deployment in of_kind(render(PROD), "Deployment")]
        for selector in line.option("--selector"):
            key, _, value = selector.partition("=")
            assert any((key, value) in found for found in labels), selector
        if line.arguments[2:3] == ["exec"] and not _OBJECT.fullmatch(line.arguments[3]):
            assert ("pod", line.arguments[3]) in there, line


@each_page
def test_named_files_are_there(page: Path) -> None:
    for line in typed(page):
        for path in line.option("-k"):
            assert (ROOT / path / "kustomization.yaml").exists(), path
        for path in (*line.option("-f"), *(path.rpartition("=")[2] for path in line.option("--from-file"))):
            assert path in ("-", "ca.crt") or (ROOT / path).exists(), path


@each_page
def test_what_runs_in_a_container_is_there(page: Path) -> None:
    for line in typed(page):
        if line.inside and line.inside[0] == "murmur":
            command: Any = typer.main.get_command(murmur)
            words = list(line.inside[1:])
            while hasattr(command, "commands"):
                command = command.commands[words.pop(0)]
        else:
            assert not line.inside or line.inside[0] in ("cqlsh", "nodetool"), line


@each_page
def test_images_are_those_of_the_manifests(page: Path) -> None:
    for line in typed(page):
        for image in (
            *line.option("--tag"),
            *(word for word in line.arguments if re.match(r"murmuration:[\d.]+$", word)),
        ):
            assert image == IMAGE
        if line.arguments[2:4] == ["set", "image"]:
            (pod,) = (pod for pod in pods(render(PROD)) if f"deployment/{pod.name}" == line.arguments[4])
            changed = dict(word.split("=") for word in line.arguments[5:])
            assert changed.keys() == {container["name"] for container in pod.containers()}
            assert {image.partition(":")[0] for image in changed.values()} == {IMAGE.partition(":")[0]}


def test_the_secrets_that_are_made_are_those_that_are_read() -> None:
    made = set()
    for page in PAGES:
        for line in typed(page):
            if line.arguments[2:5] == ["create", "secret", "generic"]:
                literals = [word.partition("=")[0] for word in line.option("--from-literal")]
                made |= {
                    (line.arguments[1], line.arguments[5], key) for key in (*literals, *line.option("--from-file"))
                }
    password = one(render(PROD), "KafkaUser", "murmuration")["spec"]["authentication"]["password"]["valueFrom"]
    stores = "murmuration-stores", password["secretKeyRef"]["name"], password["secretKeyRef"]["key"]
    assert made == {*(("murmuration", *key) for key in SECRETS), ("murmuration", "kafka-ca", "ca.crt"), stores}
    for _, secret, key in made:
        assert f"`{secret}`" in prose(ROOT / "docs/operate/deploying.md")
        assert f"`{key}`" in prose(ROOT / "docs/operate/deploying.md")


def test_every_secret_that_a_pod_reads_is_in_the_contract() -> None:
    read = {key for pod in pods(render(PROD)) for container in pod.containers() for key in environment(PROD, container)}
    assert {key for _, key in SECRETS} <= read
    mounted = {
        volume["secret"]["secretName"]
        for pod in pods(render(PROD))
        for volume in pod.spec.get("volumes", [])
        if "secret" in volume
    }
    assert mounted == {"kafka-ca"}


def test_what_dev_needs_is_what_the_page_says() -> None:
    asked = bound = millicores = 0
    for pod in pods(render(DEV)):
        millicores += max(_millicores(container["resources"]["requests"]["cpu"]) for container in pod.containers())
        asked += max(_mib(container["resources"]["requests"]["memory"]) for container in pod.containers())
        bound += max(_mib(container["resources"]["limits"]["memory"]) for container in pod.containers())
    said = re.search(r"ask for ([\d.]+) cores\s+and ([\d.]+) GiB of memory, and may use ([\d.]+) GiB", prose(README))
    assert said, "k8s/README.md says how much of a machine it takes"
    assert [float(number) for number in said.groups()] == [
        round(millicores / 1000, 1),
        round(asked / 1024, 1),
        round(bound / 1024, 1),
    ]


def _millicores(text: str) -> int:
    return int(text.removesuffix("m")) if text.endswith("m") else int(float(text) * 1000)


def _mib(text: str) -> int:
    return int(text[:-2]) * MIB[text[-2:]]


def test_the_demo_graph_is_the_one_that_is_loaded() -> None:
    (pod,) = pods(render(DEMO))
    assert f"/demo/{_demo_key()}" in pod.main()["args"]
    (volume,) = (volume for volume in pod.spec["volumes"] if "configMap" in volume)
    assert volume["configMap"]["name"] == "demo-graph"
    assert len((ROOT / "loadtest/data/socfb-reed98.tsv.gz").read_bytes()) < 1 << 20, "a ConfigMap holds 1 MiB"


def _demo_key() -> str:
    (key,) = (
        word.partition("=")[0]
        for line in typed(README)
        if line.arguments[2:5] == ["create", "configmap", "demo-graph"]
        for word in line.option("--from-file")
    )
    return key


def test_the_pages_say_that_they_were_not_run() -> None:
    for page in PAGES:
        assert re.search(r"was\s+run\s+where\s+it\s+was\s+written|Not run:", prose(page)), page


def test_budgets_name_every_pod() -> None:
    named = {found["metadata"]["name"] for found in of_kind(render(PROD), "PodDisruptionBudget")}
    assert named == {pod.name for pod in pods(render(PROD))}
