"""Processes killed with SIGKILL while people use them: nothing acked is lost or doubled, and homes come right.

The whole campaign is `make faults`; here is a kill of each kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from tests.faults.kills import kill
from tests.faults.system import Fortress

SEED = 20_26
pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    with Fortress(tmp_path_factory.mktemp("faults") / "data", SEED) as made:
        yield made


@pytest.mark.parametrize(
    ("victim", "during"),
    [
        ("worker", "rebuilds"),
        ("serving", "import"),
        ("tree", "last sweep"),
        ("supervisor", "mode change"),
        ("worker", "backfills"),
    ],
)
def test_killed(fortress: Fortress, victim: str, during: str) -> None:
    done = kill(fortress, 1, victim, during, Random(f"{SEED}/{victim}/{during}"))
    print(f"{victim} killed during {during}: back after {done.recovery_ms} ms, {done.acked} calls acked")
    assert done.whole, done
