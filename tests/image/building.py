"""Runs the steps of a Dockerfile's stage without a container: on copies of its files, in folders of the test."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.image.dockerfile import ROOT, Stage

STEP_SECONDS = 280


def build(stage: Stage, folder: Path, variables: dict[str, str]) -> None:
    """`folder` stands for the root: each absolute path in a step is below it. `variables`: build arguments; those that
    the stage does not declare are not set."""
    commands = _commands(folder)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MURMUR", "PYTHON"))}
    environment["PATH"] = f"{commands}{os.pathsep}{os.environ['PATH']}"
    place = folder
    for step in stage.instructions:
        match step.name:
            case "ARG":
                environment |= {step.rest: variables[step.rest]}
            case "ENV":
                environment |= dict(word.split("=", 1) for word in step.words())
            case "WORKDIR":
                place = folder / step.rest.lstrip("/")
                place.mkdir(parents=True, exist_ok=True)
            case "COPY":
                *sources, target = step.words()
                for source in sources:
                    _copy(ROOT / source, place / target / (source if target.endswith("/") else ""))
            case "RUN":
                _run(re.sub(r"(?<![\w.])/opt/", f"{folder}/opt/", step.rest), place, environment)
            case _:
                raise AssertionError(f"{step.name} is not known here")


def _run(command: str, place: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-euc", command],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"), dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _commands(folder: Path) -> Path:
    """A folder with the one command that the base image has: a `python` that is in no environment."""
    path = folder / "commands"
    path.mkdir(parents=True)
    python = path / "python"
    base = getattr(sys, "_base_executable", sys.executable)
    python.write_text(f'#!/bin/sh\nexec "{base}" "$@"\n', "utf-8")
    python.chmod(0o755)
    return path
