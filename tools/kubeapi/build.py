"""Builds kube-apiserver from its Go modules, once; it is kept outside the tree. Ten minutes on two cores."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tools.stack.maven import cache_folder
from tools.stack.process import Missing, need

VERSION = "v1.34.2"
STAGING = VERSION.replace("v1.", "v0.", 1)
"""The version under which the parts of that release are published as modules of their own."""
MODULE = f"k8s.io/kubernetes@{VERSION}"
BUILD_SECONDS = 3600
_REPLACED = re.compile(r"^\t?(?:replace )?(\S+) => \./staging/src/\S+$", re.MULTILINE)


def binary() -> Path:
    return cache_folder() / f"kube-apiserver-{VERSION}" / "kube-apiserver"


def build() -> Path:
    """Answers where it is. Raises `Missing` where there is no Go, or Go cannot build it."""
    if binary().exists():
        return binary()
    go = need("go", "golang-go")
    binary().parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary().parent) as scratch:
        folder = Path(scratch)
        said = json.loads(_run(folder, go, "mod", "download", "-json", MODULE))
        go_mod = Path(said["GoMod"]).read_text("utf-8")
        (folder / "go.mod").write_text(_module(go_mod), "utf-8")
        shutil.copy(Path(__file__).parent / "main.go", folder)
        _run(folder, go, "mod", "tidy")
        _run(folder, go, "build", "-o", "kube-apiserver", ".")
        (folder / "kube-apiserver").rename(binary())
    return binary()


def _module(kubernetes: str) -> str:
    """Kubernetes' own go.mod names folders of its repository; as modules they have versions."""
    found = re.search(r"^go \S+$", kubernetes, re.MULTILINE)
    assert found
    lines = ["module kubeapi", found[0], f"require k8s.io/kubernetes {VERSION}"]
    lines += [f"replace {name} => {name} {STAGING}" for name in _REPLACED.findall(kubernetes)]
    return "\n".join(lines) + "\n"


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    if done.returncode != 0:
        raise Missing(f"{' '.join(command[:3])} failed: {done.stderr[-2000:]}")
    return done.stdout


def main() -> None:
    print(build())


if __name__ == "__main__":
    main()
