"""Nothing in the repository names a package registry or a path of the machine it was written on: whoever clones it uses
his own."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# In pieces, so that this file does not name them either.
HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "npm" + "js.org",
    "maven" + ".apache.org",
    "maven" + ".org",
    "proxy.go" + "lang.org",
    "index.crates" + ".io",
)
OPTIONS = ("--index" + "-url", "--extra-index" + "-url", "--find" + "-links", "--trusted" + "-host")
PATHS = ("/" + "work/", "/" + "root/", "/opt/" + "wheels")

FORBIDDEN = re.compile(
    "|".join(
        [*(re.escape(name) for name in (*HOSTS, *OPTIONS)), *(r"(?<![\w.)}-])" + re.escape(p) for p in PATHS)]
    ).encode()
)


def repository_files() -> list[Path]:
    """What git tracks, and what it would: files that are neither tracked nor ignored."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: nothing says which files belong to it")
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    paths = (ROOT / name for name in listed.decode().split("\0") if name)
    return [path for path in paths if path.is_file() and not path.is_symlink()]


def findings(content: bytes, name: str) -> list[str]:
    matches = ((content[: match.start()].count(b"\n") + 1, match[0]) for match in FORBIDDEN.finditer(content))
    return [f"{name}:{line}: {found.decode()}" for line, found in matches]


def test_no_registry_and_no_path_of_one_machine() -> None:
    found = [
        finding
        for path in repository_files()
        for finding in findings(path.read_bytes(), path.relative_to(ROOT).as_posix())
    ]
    assert not found, "\n".join(found)


def test_a_registry_and_a_path_are_seen() -> None:
    assert findings(b"a\nhttps://files.python" + b"hosted.org/x", "f") == ["f:2: python" + "hosted.org"]
    assert findings(b"cd /" + b"work/main", "f")
    assert not findings(b"docs/" + b"work/notes and ./" + b"work/x", "f")
