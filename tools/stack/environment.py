"""The environment of programs that are started: what the shell says to Murmuration would make another system."""

from __future__ import annotations

import os

PREFIX = "MURMURATION_"


def bare_environment() -> dict[str, str]:
    """This process's variables without those of Murmuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
