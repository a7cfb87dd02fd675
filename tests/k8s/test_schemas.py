"""Every object is what an API server of each version, and each operator, accepts; unknown fields are refused."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from kubernetes_validate import utils

from tests.k8s.rendering import FOLDERS, PROD, Object, of_kind, render

VERSIONS = ("1.32", "1.34", "1.36")
SCHEMAS = Path(__file__).parent / "schemas"


@pytest.fixture(autouse=True)
def _schemas_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads a megabyte of definitions for each object."""
    monkeypatch.setattr(utils, "schema_contents", _contents)


@cache
def _contents(filename: str, desired_version: str, read: Any = utils.schema_contents) -> Any:
    return read(filename, desired_version)


def schema_file(found: Object) -> Path:
    group, _, version = found["apiVersion"].rpartition("/")
    return SCHEMAS / f"{found['kind']}.{group}.{version}.json"


@cache
def custom_schema(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def check(found: Object, version: str) -> None:
    path = schema_file(found)
    if path.exists():
        jsonschema.Draft202012Validator(custom_schema(path)).validate(found)
    else:
        kubernetes_validate.validate(found, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_object_is_valid(folder: str, version: str) -> None:
    objects = render(folder)
    assert objects
    for found in objects:
        try:
            check(found, version)
        except jsonschema.ValidationError as error:
            where = f"{found['kind']} {found['metadata']['name']}: {'/'.join(map(str, error.absolute_path))}"
            raise AssertionError(f"{where}: {error.message}") from error


@pytest.mark.parametrize(
    ("kind", "field"), [("Deployment", "minReadySecond"), ("ScyllaCluster", "developermode"), ("KafkaTopic", "replica")]
)
def test_an_unknown_field_is_refused(kind: str, field: str) -> None:
    found = of_kind(render(PROD), kind)[0]
    found["spec"][field] = 1
    with pytest.raises(jsonschema.ValidationError):
        check(found, VERSIONS[0])


def test_every_schema_is_needed() -> None:
    used = {schema_file(found) for folder in FOLDERS for found in render(folder)}
    assert set(SCHEMAS.glob("*.json")) <= used


def test_names_are_given_once() -> None:
    for folder in FOLDERS:
        names = [
            (found["kind"], found["metadata"].get("namespace"), found["metadata"]["name"]) for found in render(folder)
        ]
        assert len(set(names)) == len(names)
