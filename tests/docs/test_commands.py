"""What the documents tell readers to type is typed here, in their order, or stands below with the reason why not."""

from __future__ import annotations

import contextlib
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import README, Block, blocks, commands, name_of, pages, prompts
from tests.docs.running import Running, running

NOT_RUN = {
    "sudo apt install git make python3-venv": "changes the machine; .ci/run installs these where they are missing",
    "make demo": "takes a minute, and has a test of its own",
    "sudo apt install openjdk-17-jre-headless maven memcached util-linux": "changes the machine",
    "make stack": "starts real servers; tests/stack runs it",
    "make stack ARGS='--roles'": "as above",
    "make stack ARGS='--cassandra 3 --data murmuration-stack'": "as above",
    "make stack-demo": "as above",
    "murmurd migrate --wait --config murmuration.toml": "needs a database; tests/stack runs it on one",
    "murmurd serve --role timeline --config murmuration.toml": "needs real servers; tests/stack runs every role",
    "make load": "takes two minutes; tests/loadtest runs a short one",
    "make load ARGS='--mix celebrity-storm --shape spike --rate 300 --seconds 60'": "as above",
    "make load ARGS='--processes 2 --json'": "as above",
    "make load ARGS='--web'": "serves until it is ended",
    "make test": "it is what runs this",
    "make venv": "it has made the environment in which this runs",
    "make lint": ".ci/run runs it",
    "make faults": ".ci/run runs it",
    "make faults ARGS='--seed 7 --kills 5'": "takes half a minute; tests/faults runs a kill of each kind",
    "make faults ARGS='--json'": "takes minutes",
    "make prove": "takes minutes; CI's own step",
    "make format": "changes the tree",
    "make bench": "takes a quarter of an hour; tests/benchmarks runs one of its measurements",
    "make bench ARGS='--only fanout'": "takes half a minute, and changes the tree",
    "make bench ARGS='--quick'": "takes a minute; tests/benchmarks runs one of its measurements",
    "make bench ARGS='--profile home-reads'": "a profiler may not be allowed to look at processes",
    "make bench ARGS='--stack'": "takes half an hour; tests/benchmarks runs it small, with the tests on real servers",
    "make results": "changes the tree; tests/benchmarks checks that it would change nothing",
    ".venv/bin/python -m tests.releases.keep 0.1.0": "starts real servers, and changes the tree",
    "make generate": "changes the tree; `make lint` checks that it would change nothing",
    "make constraints": "asks a package registry",
    "murmur --install-completion": "changes the user's shell; tests/unit/test_completion.py asks for the scripts",
    "murmurd --install-completion": "as above",
    "murmurd up": "this test starts it, on ports and with a folder of its own",
    "make test-clients": "needs Go and Node.js; .ci/run runs it",
    "cd clients/go": "make test-clients runs the block that it begins",
    "cd clients/typescript": "make test-clients runs the block that it begins",
    "buf generate": "make test-clients runs the block in which it stands",
    (
        """(umask 077; set -C; printf "MURMURATION_KEYS__CURSOR='[\\"1:%s\\"]'\\n" """
        """"$(od -An -N32 -tx1 /dev/urandom | tr -d ' \\n')" > .env)"""
    ): "tests/image/test_compose.py runs it",
    'export SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)"': "docker takes it; tests/image builds with one",
    "UPDATE_DOCS=1 .venv/bin/python -m pytest tests/docs": "it is this, and changes the tree",
}
_BY_LANGUAGES = "make test-clients runs the block in which it stands"
NOT_RUN_PROGRAMS = {
    "grpcurl": "it is not in the environment; buf curl makes the same call",
    "docker": "needs a container engine; tests/image runs the steps that install, and reads compose.yaml",
    "go": _BY_LANGUAGES,
    "npm": _BY_LANGUAGES,
    "node": _BY_LANGUAGES,
}

RUN_ELSEWHERE = {"client.md"}
"""Pages whose Python code another test of this folder runs."""

OF_A_CLUSTER = {"k8s/README.md", *(f"docs/operate/{name}.md" for name in ("deploying", "scaling", "upgrading"))}
"""Pages that say that their commands were not run: there is no cluster. tests/k8s/test_documents.py checks what the
commands name."""

SETTLE_SECONDS = 30
"""How long a command that reads a home is repeated until it prints what is shown: delivery takes a moment."""

_ID = re.compile(r"\b\d{15,19}\b")
_WHEN = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b")
_RULE = re.compile(r"[─-]{3,}")


def reason_not_to_run(command: str) -> str | None:
    return NOT_RUN.get(command) or NOT_RUN_PROGRAMS.get(command.split()[0])


class Reader:
    """Runs what is shown. Ids are other ones here: each that is shown stands for the one printed in its place."""

    def __init__(self, system: Running) -> None:
        self._system = system
        self._ids: dict[str, str] = {}

    def repeat(self, command: str, shown: str) -> None:
        """Runs a command and compares what it prints with what is shown."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            done = self._system.shell(_ID.sub(lambda found: self._ids.get(found[0], found[0]), command))
            assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
            if self._same(shown, done.stdout):
                return
            again = re.search(r"\bhome\b", command) and time.monotonic() < deadline
            assert again, f"$ {command}\n{done.stdout}instead of\n{shown}"

    def _same(self, shown: str, printed: str) -> bool:
        if _shape(shown) != _shape(printed):
            return False
        pairs = list(zip(_ID.findall(shown), _ID.findall(printed), strict=True))
        if any(self._ids.get(one, other) != other for one, other in pairs):
            return False
        self._ids.update(pairs)
        return True


def _shape(text: str) -> list[str]:
    """The lines with something in them, white space and all that differs from run to run made alike."""
    for pattern, name in ((_ID, "ID"), (_WHEN, "WHEN"), (_RULE, "RULE")):
        text = pattern.sub(name, text)
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


@pytest.fixture
def system(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as started:
        yield started


@pytest.mark.timeout(300)
def test_the_readme_line_by_line(system: Running) -> None:
    reader = Reader(system)
    found = blocks(README)
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language == "console":
            for command, shown in prompts(block):
                reader.repeat(command, shown)
        elif block.language == "sh":
            run_all(system, block)
        elif block.language == "python":
            assert following is not None
            assert following.language == "text"
            assert printed_by(system.here(block.text), block.place) == following.text


def run_all(system: Running, block: Block) -> None:
    wanted = [command for command in commands(block) if not reason_not_to_run(command)]
    done = system.shell("\n".join(wanted))
    assert done.returncode == 0, f"{block.place}:\n{done.stdout}{done.stderr}"


def printed_by(code: str, place: str) -> str:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, place, "exec"), {"__name__": "__main__"})
    return output.getvalue()


def test_other_pages_have_no_command_that_nobody_runs() -> None:
    lost = [
        f"{block.place}: {command}"
        for page in pages()
        if page != README and name_of(page) not in OF_A_CLUSTER
        for block in blocks(page)
        if block.language in ("sh", "console") or (block.language == "python" and page.name not in RUN_ELSEWHERE)
        for command in commands(block)
        if not reason_not_to_run(command) and not command.startswith(("export MURMURATION_", "export PATH="))
    ]
    assert not lost, "run these in a test, or say in NOT_RUN why not"


def test_what_is_not_run_is_shown_somewhere() -> None:
    shown = {command for page in pages() for block in blocks(page) for command in commands(block)}
    assert NOT_RUN.keys() <= shown


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_blocks_say_what_they_are(page: Path) -> None:
    known = {"sh", "console", "python", "text", "toml", "proto", "diff", "go", "typescript"}
    assert {block.language for block in blocks(page)} <= known
