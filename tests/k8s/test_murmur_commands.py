"""What the pages about Kubernetes have `murmur` do inside a pod is done here, on a server of this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.k8s.test_documents import PAGES, README, typed
from tests.process.running import Server, environment, until


def test_they_lead_to_a_post_in_a_home(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:

        def told(words: list[str]) -> str:
            command = [sys.executable, "-m", "murmuration_client.cli", *words]
            variables = environment({}) | {"MURMUR_TARGET": server.target}
            done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
            return done.stdout

        # One of the accounts that the demo graph brings.
        told(["user", "create", "reed1"])
        begun: set[str] = set()
        for page in (README, *(page for page in PAGES if page != README)):
            for line in typed(page):
                if line.inside[:1] == ["murmur"] and " ".join(line.inside) not in begun:
                    begun.add(" ".join(line.inside))
                    told([*line.inside[1:]])
        assert "murmur home --as bob" in begun
        until("the post in bob's home", lambda: "Hello" in told(["home", "--as", "bob"]))
