"""CustomResourceDefinitions out of tests/k8s/schemas, for an API server: what tools/crds.py left of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.k8s.test_schemas import SCHEMAS


def definitions() -> list[dict[str, Any]]:
    return [_definition(path) for path in sorted(SCHEMAS.glob("*.json"))]


def _definition(path: Path) -> dict[str, Any]:
    kind, _, rest = path.stem.partition(".")
    group, _, version = rest.rpartition(".")
    plural = f"{kind.lower()}s"
    schema = json.loads(path.read_text("utf-8"))
    # It knows what metadata is.
    schema["properties"].pop("metadata")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": _structural(schema)}}
            ],
        },
    }


def _structural(schema: dict[str, Any]) -> dict[str, Any]:
    """As an API server wants it; what is not named it refuses by itself."""
    made = dict(schema)
    kinds = made.get("type")
    if kinds == ["integer", "string"]:
        return {"x-kubernetes-int-or-string": True}
    if isinstance(kinds, list):
        made["type"], made["nullable"] = kinds[0], True
    if "items" in made:
        made["items"] = _structural(made["items"])
    if "properties" in made:
        made["properties"] = {name: _structural(field) for name, field in made["properties"].items()}
    if made.get("additionalProperties") is False:
        del made["additionalProperties"]
    elif "additionalProperties" in made:
        made["additionalProperties"] = _structural(made["additionalProperties"])
    elif made.get("type") == "object":
        made["x-kubernetes-preserve-unknown-fields"] = True
    return made
