"""A real API server takes the overlays, strictly; a second apply changes what it should and nothing else; and the
commands of the pages that only change objects do so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, commands
from tests.k8s.definitions import definitions
from tests.k8s.rendering import DEMO, DEV, K8S, PROD, Object, pods, render
from tests.k8s.test_documents import PAGES
from tools.kubeapi.server import ApiServer

pytestmark = [pytest.mark.kubeapi, pytest.mark.timeout(600), pytest.mark.xdist_group("kubeapi")]

NAMESPACE = "murmuration"
CHANGES_OBJECTS = re.compile(r"\b(apply|create|set image|rollout restart)\b")
KINDS = "deployments,statefulsets,services,networkpolicies,serviceaccounts,configmaps,secrets"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """Empty, with the resources of the operators."""
    server = ApiServer(tmp_path)
    server.start()
    try:
        _run(server, "apply", "--server-side", "-f", "-", given=json.dumps(_list(definitions())))
        _run(server, "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        yield server
    finally:
        server.kill()


def _list(items: list[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _run(server: ApiServer, *arguments: str, given: str | None = None) -> str:
    done = server.kubectl(*arguments, given=given)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    return done.stdout


def _generations(server: ApiServer) -> dict[tuple[str, str], tuple[str, object]]:
    """(kind, name) to what tells objects apart from those before: uid, and the generation or the content."""
    found = json.loads(_run(server, "-n", NAMESPACE, "get", KINDS, "--output", "json"))["items"]
    return {
        (each["kind"], each["metadata"]["name"]): (
            each["metadata"]["uid"],
            each["metadata"].get("generation") or json.dumps(each.get("spec") or each.get("data"), sort_keys=True),
        )
        for each in found
    }


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_objects_are_taken_and_changed_as_they_should(api: ApiServer, overlay: str, tmp_path: Path) -> None:
    folder = tmp_path / "k8s"
    shutil.copytree(K8S, folder)
    strictly = ("apply", "--validate=strict", "-k", str(folder / overlay))
    first = _run(api, *strictly)
    assert first.count(" created") == len(render(overlay))
    before = _generations(api)

    again = _run(api, *strictly)
    assert again.count(" unchanged") + again.count(" configured") == len(render(overlay))
    assert _generations(api) == before, "the same apply changes nothing"

    for path in folder.rglob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace("murmuration:0.1.0", "murmuration:0.2.0"), "utf-8")
        path.write_text(path.read_text("utf-8").replace("newTag: 0.1.0", "newTag: 0.2.0"), "utf-8")
    settings = folder / overlay / "settings.env"
    settings.write_text(settings.read_text("utf-8") + "MURMURATION_LOG_LEVEL=debug\n", "utf-8")
    _run(api, *strictly)
    after = _generations(api)
    changed = {key for key, told in before.items() if after[key] != told}
    assert changed == {("Deployment", pod.name) for pod in pods(render(overlay)) if pod.owner[0] == "Deployment"}
    (new,) = after.keys() - before.keys()
    assert new[0] == "ConfigMap"


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_pods_are_let_in_by_pod_security(api: ApiServer, overlay: str) -> None:
    """By the admission of the server itself, as the namespace asks for it."""
    _run(api, "apply", "-k", str(K8S / overlay))
    made = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": pod.name, "namespace": pod.namespace, "labels": dict(pod.labels)},
            "spec": {key: value for key, value in pod.spec.items() if key != "volumes"}
            | {"volumes": [*pod.spec.get("volumes", []), {"name": "data", "emptyDir": {}}]},
        }
        for pod in pods(render(overlay))
    ]
    done = api.kubectl("apply", "--dry-run=server", "-f", "-", given=json.dumps(_list(made)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(" created") == len(made)

    made[0]["spec"]["hostNetwork"] = True
    refused = api.kubectl("apply", "--dry-run=server", "-f", "-", given=json.dumps(made[0]))
    assert "violates PodSecurity" in refused.stderr


def test_the_pages_commands_change_objects(api: ApiServer, tmp_path: Path) -> None:
    """In the order of the pages, each once: kubectl refuses two restarts within a second. What asks controllers or pods
    is left out."""
    place = tmp_path / "checkout"
    place.mkdir()
    for name in ("k8s", "loadtest"):
        (place / name).symlink_to(ROOT / name)
    (place / "ca.crt").write_text("not a certificate", "utf-8")
    words = ["CURSOR_KEY=aa", "CQL_PASSWORD=bb", "KAFKA_PASSWORD=cc", "OLD=1:aa", "NEW=2:bb"]
    lines = [
        line
        for page in sorted(PAGES, key=lambda page: page.name == "README.md")
        for block in blocks(page)
        if block.language == "sh"
        for line in commands(block)
        if line.startswith("kubectl") and CHANGES_OBJECTS.search(line) and " exec " not in line
    ]
    assert len(lines) > 15
    for line in dict.fromkeys(lines):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", "; ".join([*words, line])],
            cwd=place,
            env=api.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_the_demo_is_taken(api: ApiServer) -> None:
    _run(api, "apply", "-k", str(K8S / DEV))
    assert _run(api, "apply", "--validate=strict", "-k", str(K8S / DEMO)).count(" created") == len(render(DEMO))
