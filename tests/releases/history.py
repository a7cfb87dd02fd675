"""Released versions: what CHANGELOG.md says of them, what is kept of them here, and their trees, from git's history."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).resolve().parent

_HEADING = re.compile(r"^## (\d+\.\d+\.\d+) - .*\n\nCommit `([0-9a-f]{40})`", re.MULTILINE)


class NoHistory(Exception):
    """The commit of a release is not in this clone; it says which."""


def releases() -> dict[str, str]:
    """Version to commit, the newest first."""
    return dict(_HEADING.findall((ROOT / "CHANGELOG.md").read_text("utf-8")))


def check_out(version: str, folder: Path) -> Path:
    """Puts the tree of a release into `folder`, and answers it. Raises `NoHistory`."""
    commit = releases()[version]
    archived = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        raise NoHistory(f"commit {commit} of release {version} is not in this clone; `git fetch --unshallow` brings it")
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "--extract", "--directory", folder], input=archived.stdout, check=True)
    return folder
