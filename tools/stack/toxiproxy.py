"""Toxiproxy: a way between clients and a server that can be made slow. The pinned one, built once with Go and kept
outside the tree."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path

from tools.stack.maven import cache_folder
from tools.stack.process import Missing, ServerProcess, accepts, free_port

PINNED = "v2.5.0"
BUILD_SECONDS = 540
START_SECONDS = 15.0
ANSWER_SECONDS = 10.0
HOST = "127.0.0.1"
_LATENCY = "latency"


def toxiproxy() -> Path:
    """The program. Builds it the first time (a minute). Raises `Missing`."""
    program = cache_folder() / f"toxiproxy-{PINNED}" / "server"
    if program.exists():
        return program
    go = shutil.which("go")
    if go is None:
        raise Missing(f"go is not installed, and toxiproxy {PINNED} is not built: sudo apt install golang-go")
    program.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [go, "install", f"github.com/Shopify/toxiproxy/v2/cmd/server@{PINNED}"],
        env={**os.environ, "GOBIN": str(program.parent), "GOFLAGS": "-mod=mod"},
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Missing(f"Go could not build toxiproxy {PINNED}: {done.stderr[-1000:].strip()}")
    return program


class Way(ServerProcess):
    """From `listen` to `upstream`, both `host:port`. Use as a context manager."""

    def __init__(self, folder: Path, listen: str, upstream: str) -> None:
        self._port = free_port(HOST)
        self._way = {"name": "way", "listen": listen, "upstream": upstream, "enabled": True}
        command = [str(toxiproxy()), "-host", HOST, "-port", str(self._port)]
        super().__init__("toxiproxy", command, folder, lambda: accepts(HOST, self._port), START_SECONDS)

    def __enter__(self) -> Way:
        self.start()
        try:
            self._ask("POST", "/proxies", self._way)
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def slow_down(self, milliseconds: int) -> None:
        """So much later comes what the server says, on connections that are there as well."""
        toxic = {"name": _LATENCY, "type": _LATENCY, "stream": "downstream", "attributes": {"latency": milliseconds}}
        self._ask("POST", "/proxies/way/toxics", toxic)

    def heal(self) -> None:
        self._ask("DELETE", f"/proxies/way/toxics/{_LATENCY}", None)

    def _ask(self, method: str, path: str, body: object) -> None:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://{HOST}:{self._port}{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310
            answer.read()
