"""Makes the schemas that tests/k8s checks custom resources by, from the definitions that operators ship.

`python -m tools.crds FOLDER` reads every CustomResourceDefinition in FOLDER and writes its stored version to
tests/k8s/schemas, as JSON Schema, without descriptions and without status. As strict as an API server that refuses
unknown fields; rules in CEL are left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

SCHEMAS = Path(__file__).resolve().parent.parent / "tests" / "k8s" / "schemas"
_KEPT = ("type", "enum", "pattern", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_ANY_OF = ("anyOf", "oneOf", "allOf")


def schemas(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file name, schema) of the version that is stored."""
    spec = definition["spec"]
    for version in spec["versions"]:
        if version["storage"]:
            whole = reduced(version["schema"]["openAPIV3Schema"])
            whole["properties"].pop("status", None)
            whole["properties"]["metadata"] = {"type": "object"}
            yield f"{spec['names']['kind']}.{spec['group']}.{version['name']}.json", whole


def reduced(schema: dict[str, Any]) -> dict[str, Any]:
    """What JSON Schema knows of a structural schema; a field that is not named is refused."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    if schema.get("nullable"):
        made["type"] = [made["type"], "null"]
    if "items" in schema:
        made["items"] = reduced(schema["items"])
    if "properties" in schema:
        made["properties"] = {name: reduced(field) for name, field in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        made["additionalProperties"] = reduced(schema["additionalProperties"])
    elif "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        made["additionalProperties"] = False
    # Inside of these only what narrows: fields are named outside.
    made.update({key: schema[key] for key in _ANY_OF if key in schema})
    return made


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.yaml")):
        for definition in yaml.safe_load_all(path.read_text("utf-8")):
            for name, schema in schemas(definition) if definition else ():
                text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
                (SCHEMAS / name).write_text(text + "\n", "utf-8")
                print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
