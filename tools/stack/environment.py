"""The environment of programs that are started: what the shell says to Murmuration would make another system."""

from __future__ import annotations

import os
from pathlib import Path

PREFIX = "MURMURATION_"


def bare_environment() -> dict[str, str]:
    """This process's variables without those of Murmuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


def of_tree(tree: Path) -> dict[str, str]:
    """Has Python take the packages of another checkout, such as a release's, before those that are installed."""
    return {"PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in ("", "servers", "clients", "protos"))}
