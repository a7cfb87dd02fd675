"""docs/client.md: its code runs, its figures are the code's, and the examples that it names do what they say."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from murmuration_client import ConnectionSettings
from murmuration_client.service_config import service_config
from tests.docs.pages import ROOT, blocks, codes, prose
from tests.docs.running import Running, running
from tests.docs.test_commands import printed_by

PAGE = ROOT / "docs" / "client.md"
EXAMPLES = ROOT / "clients" / "examples"

NEEDS_A_TRACER = "opentelemetry"
"""The block with it is not run: the project does not depend on a tracer."""

PRINTED = {
    "watch_home.py": "visible: First\nnew: Second\nnew: Third\nnew, after a break: Fourth\n",
    "many_at_once.py": "10 authors' posts seen\n10 followed\n",
    "call_times.py": "CreateUser OK in time\nGetTweet NOT_FOUND in time\nTWEET_NOT_FOUND\n",
    "tokens_and_traces.py": "a token is fetched\nfour calls, one token\n",
}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("client")) as started:
        yield started


@pytest.mark.xdist_group("docs-client")
def test_the_code_on_the_page_prints_what_is_shown(system: Running) -> None:
    found = blocks(PAGE)
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.language != "python":
            continue
        if NEEDS_A_TRACER in block.text:
            compile(block.text, block.place, "exec")
            continue
        assert following is not None
        assert following.language == "text"
        assert printed_by(system.here(block.text), block.place) == following.text, block.place


@pytest.mark.xdist_group("docs-client")
@pytest.mark.parametrize("name", PRINTED)
def test_an_example(system: Running, name: str) -> None:
    done = system.shell(f"{sys.executable} {EXAMPLES / name} {system.target}")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", PRINTED[name])


def test_every_example_is_named_and_run() -> None:
    named = {Path(code).name for code in codes(PAGE) if code.startswith("clients/examples/")}
    assert named == PRINTED.keys() == {path.name for path in EXAMPLES.glob("*.py")}


def test_the_service_config_is_the_one_in_use() -> None:
    [shown] = [block.text for block in blocks(PAGE) if block.text.startswith("{")]
    assert json.loads(shown) == service_config(ConnectionSettings().max_attempts)


def test_the_table_of_connection_settings() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\w.]+) \|", prose(PAGE), re.MULTILINE)
    assert rows == [(field.name, str(field.default)) for field in dataclasses.fields(ConnectionSettings)]
