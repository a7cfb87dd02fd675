"""What the tests read of compose.yaml."""

from __future__ import annotations

import re
from typing import Any

import yaml

from tests.image.dockerfile import ROOT

IMAGE = "murmuration"
PREFIX = "MURMURATION_"
_VARIABLE = re.compile(r"\$\{(\w+):\?[^}]*\}")

Service = dict[str, Any]


def services() -> dict[str, Service]:
    found: dict[str, Service] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    return found


def ours() -> dict[str, Service]:
    """Those that run `murmurd`."""
    return {name: service for name, service in services().items() if image_of(service)[0] == IMAGE}


def roles() -> dict[str, str]:
    """Of each service that runs a role: its name to the role."""
    return {name: service["command"][2] for name, service in ours().items() if service["command"][0] == "serve"}


def image_of(service: Service) -> tuple[str, str]:
    """Name and tag."""
    name, _, tag = service["image"].partition(":")
    return name, tag


def environment_of(service: Service, variables: dict[str, str]) -> dict[str, str]:
    """What its processes see. `variables`: of .env. Raises `KeyError` for one that is not there: Compose refuses it."""
    return {
        name: _VARIABLE.sub(lambda found: variables[found[1]], value)
        for name, value in service.get("environment", {}).items()
    }


def seconds(duration: str) -> int:
    """Of a duration in seconds, as `20s`."""
    return int(duration.removesuffix("s"))
