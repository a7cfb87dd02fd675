"""Keeps what a release writes: `python -m tests.releases.keep VERSION`, run once when it is released.

It runs story.py in the release's own tree, on files and on real servers, and puts what lies there at its end into
tests/releases/VERSION, where tests of this tree read it. Ids, nonces and tags are other ones at each run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.releases.history import KEPT, check_out, releases
from tools.stack.environment import bare_environment, of_tree

ENGINES = ("files", "stack")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", choices=releases())
    parser.add_argument("--engine", choices=ENGINES, help="of both only one")
    asked = parser.parse_args()
    kept = KEPT / asked.version
    with tempfile.TemporaryDirectory(prefix="murmuration-release-") as folder:
        tree = check_out(asked.version, Path(folder))
        keep_protos(tree, kept)
        for engine in [asked.engine] if asked.engine else ENGINES:
            tell_story(tree, engine, kept / engine)


def keep_protos(tree: Path, kept: Path) -> None:
    kept.mkdir(exist_ok=True)
    buf = Path(sys.executable).with_name("buf")
    image = kept / "protos.binpb"
    subprocess.run([buf, "build", tree / "protos", "--exclude-source-info", "--output", image], check=True)


def tell_story(tree: Path, engine: str, kept: Path) -> None:
    """With the libraries of this environment: they must be those that the release asks for."""
    kept.mkdir(exist_ok=True)
    story = Path(__file__).with_name("story.py")
    # -P: the folder of the script itself is not searched.
    command = [sys.executable, "-P", str(story), engine, str(kept)]
    subprocess.run(command, cwd=tree, env=bare_environment() | of_tree(tree), check=True)


if __name__ == "__main__":
    main()
