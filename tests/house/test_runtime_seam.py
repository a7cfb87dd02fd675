"""Threads, locks, queues, clocks, sleeps and randomness come from platform/runtime only: the simulation replaces it,
and what goes past it makes a run that cannot be replayed."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVERS = Path(__file__).resolve().parents[2] / "servers"
SERVER = SERVERS / "murmuration_server"

# Modules that are a way past the runtime, whatever is used of them.
FORBIDDEN_MODULES = {
    "_thread",
    "asyncio",
    "concurrent",
    "multiprocessing",
    "queue",
    "random",
    "sched",
    "secrets",
    "threading",
    "time",
}
# Modules that are fine but for these names.
FORBIDDEN_NAMES = {
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"urandom", "getrandom"},
    "uuid": {"uuid1", "uuid4", "uuid6", "uuid7"},
}
# The seam itself, and the files at the outer edge of a process that the simulation does not run.
# A path that ends in "/" is a folder.
ALLOWED: dict[str, set[str]] = {
    "platform/runtime/": FORBIDDEN_MODULES,
    # grpc.server takes an executor of threads, and no other.
    "platform/server.py": {"concurrent"},
}


def allowed_in(name: str) -> set[str]:
    """The forbidden modules that the file `name`, relative to murmuration_server, may use all the same."""
    entries = (
        modules for path, modules in ALLOWED.items() if name == path or (path.endswith("/") and name.startswith(path))
    )
    return set().union(*entries)


def ways_past(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each use of a forbidden module or name: (line, what)."""
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
            yield from ((node.lineno, name) for name in found if name.split(".")[0] in FORBIDDEN_MODULES)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module = str(node.module)
            if module.split(".")[0] in FORBIDDEN_MODULES:
                yield node.lineno, module
            names = FORBIDDEN_NAMES.get(module, set())
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names if alias.name in names)
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).split(".")[-1]
            if node.attr in FORBIDDEN_NAMES.get(owner, set()):
                yield node.lineno, f"{owner}.{node.attr}"


def findings(source: str, name: str) -> list[str]:
    allowed = allowed_in(name)
    return [
        f"{name}:{line}: {what}" for line, what in ways_past(ast.parse(source)) if what.split(".")[0] not in allowed
    ]


def test_nothing_goes_past_the_runtime() -> None:
    found = [
        finding
        for path in sorted(SERVER.rglob("*.py"))
        for finding in findings(path.read_text(encoding="utf-8"), path.relative_to(SERVER).as_posix())
    ]
    assert not found, "take these from platform/runtime:\n" + "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "import concurrent.futures",
        "from time import monotonic as m",
        "from random import Random",
        "def f():\n    import threading",
        "import datetime\ndatetime.datetime.now()",
        "from datetime import datetime\ndatetime.utcnow()",
        "import os\nos.urandom(8)",
        "from os import urandom",
        "import uuid\nuuid.uuid4()",
    ],
)
def test_a_way_past_is_seen(source: str) -> None:
    assert findings(source, "timeline/fanout.py")


def test_the_seam_may_use_them() -> None:
    assert not findings("import threading, time, queue", "platform/runtime/threads.py")
    assert not findings(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from random import Random", "graph/mode.py"
    )
    assert not findings("from datetime import datetime\ndatetime.fromtimestamp(0)", "graph/mode.py")
