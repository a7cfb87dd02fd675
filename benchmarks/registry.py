"""What is measured, in two suites: `murmurd up` on its files, and the roles on real servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks import machine, results
from benchmarks.bench import Bench
from benchmarks.goals import GOALS, STACK_GOALS, Goal
from benchmarks.results import Row
from benchmarks.rows import (
    ack,
    fanout,
    home_reads,
    import_graph,
    memory,
    page_40,
    scale,
    stack_deliveries,
    stack_reads,
    stack_rebuild,
    stack_recovery,
    stack_visible,
    stack_without_log,
    start,
    visible,
    wide_reader,
)


class Measurement(Protocol):
    """`NAMES`: of the goals that `measure` has a row for, in that order."""

    @property
    def NAMES(self) -> tuple[str, ...]: ...

    def measure(self, bench: Bench) -> list[Row]: ...


@dataclass(frozen=True)
class Suite:
    """`file`: of its rows. `facts`: versions of what it stands on. `plot`: of all its goals, in one."""

    goals: tuple[Goal, ...]
    measurements: tuple[Measurement, ...]
    file: Path
    facts: Callable[[], dict[str, Any]]
    plot: str

    @property
    def names(self) -> list[str]:
        return [goal.name for goal in self.goals]

    def chosen(self, names: Sequence[str] | None) -> list[Measurement]:
        """Those that measure the named rows; all without names."""
        return [each for each in self.measurements if not names or set(names) & set(each.NAMES)]


EMBEDDED = Suite(
    GOALS,
    (start, home_reads, fanout, visible, ack, wide_reader, page_40, scale, import_graph, memory),
    results.LATEST,
    machine.embedded_facts,
    "goals",
)
STACK = Suite(
    STACK_GOALS,
    (stack_deliveries, stack_reads, stack_rebuild, stack_visible, stack_without_log, stack_recovery),
    results.STACK,
    machine.stack_facts,
    "stack-goals",
)
SUITES = (EMBEDDED, STACK)
