"""Many at once on the whole system, again with each seed: every promise holds, and a run can be replayed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sim import simulate
from tests.support.sim_crowd import Crowd, crowd_settings, seeds

ROOT = Path(__file__).resolve().parents[2]
REPLAY = """
from tests.support.sim import simulate
from tests.support.sim_crowd import Crowd, crowd_settings
print(simulate(7, Crowd(7, members=4, actions=6).scenario, crowd_settings(7)).digest())
"""


@pytest.mark.parametrize("seed", seeds(8))
def test_a_crowd_finds_every_promise_kept(seed: int) -> None:
    simulate(seed, Crowd(seed).scenario, crowd_settings(seed), alone=True)


@pytest.mark.parametrize("seed", seeds(4))
def test_two_serving_processes_keep_every_promise(seed: int) -> None:
    """They share stores and cache, and their clocks differ."""
    offset_ms = (-80, 0, 80)[seed % 3]
    simulate(seed, Crowd(seed, clock_offset_ms=offset_ms).scenario, crowd_settings(seed))


def test_a_run_is_replayed_to_the_byte() -> None:
    first, second = (simulate(5, Crowd(5).scenario, crowd_settings(5)) for _ in range(2))
    assert first.trace == second.trace
    assert first.tables == second.tables


def test_another_seed_is_another_run() -> None:
    first, second = (simulate(seed, Crowd(5, actions=4).scenario, crowd_settings(5)) for seed in (5, 6))
    assert first.trace != second.trace


def test_a_run_does_not_depend_on_the_order_of_hashes() -> None:
    digests = [_digest_in_another_process(hash_seed) for hash_seed in ("1", "4242")]
    assert digests[0] == digests[1]


def _digest_in_another_process(hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    run = subprocess.run(
        [sys.executable, "-c", REPLAY], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout.strip()
