"""Kustomize: the pinned one, built once with Go and kept outside the tree, or one that is here already.

`python3 -m tools.kustomize` builds it where there is none; CI runs it, before there is any environment.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.stack.maven import cache_folder
from tools.toolchains import Version, dotted, version_in

PINNED = "v5.8.2"
LEAST: Version = (5, 0)
"""Components, replacements, and labels in templates."""
BUILD_SECONDS = 540


def renderer() -> Sequence[str] | None:
    """The command that prints what a folder makes, which is given behind it. None where there is none."""
    pinned = _pinned()
    if pinned.exists():
        return (str(pinned), "build")
    if _kustomize_version() >= LEAST:
        return ("kustomize", "build")
    if _kubectl_version() >= LEAST:
        return ("kubectl", "kustomize")
    return None


def missing() -> str:
    """Empty where there is one; otherwise a sentence, and what to do."""
    if renderer() is not None:
        return ""
    return (
        f"kustomize {dotted(LEAST)} or newer is needed, alone or in kubectl, and there is none. With Go installed, "
        f"`python3 -m tools.kustomize` builds {PINNED}."
    )


def build() -> str:
    """Builds the pinned one (a minute or less, then it is kept). Answers what went wrong, empty for nothing."""
    go = shutil.which("go")
    if go is None:
        return "There is no Go to build kustomize with."
    target = _pinned().parent
    target.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, "install", f"sigs.k8s.io/kustomize/kustomize/v5@{PINNED}"],
        env={**os.environ, "GOBIN": str(target), "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    return "" if done.returncode == 0 else f"Go could not build kustomize: {done.stderr[-1000:].strip()}"


def _pinned() -> Path:
    return cache_folder() / f"kustomize-{PINNED}" / "kustomize"


def _kustomize_version() -> Version:
    return version_in(_printed("kustomize", "version"))


def _kubectl_version() -> Version:
    try:
        said = json.loads(_printed("kubectl", "version", "--client", "--output", "json"))
    except ValueError:
        return ()
    return version_in(said.get("kustomizeVersion", ""))


def _printed(*command: str) -> str:
    """Empty where it cannot be run."""
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> None:
    if not missing():
        return
    if failure := build():
        print(f"SKIPPED: the manifests in k8s/ are not rendered and not tested. {failure}", flush=True)


if __name__ == "__main__":
    main()
