"""All measurements, in the order in which they run. Each is a module of rows/ with NAMES and `measure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from benchmarks.bench import Bench
from benchmarks.results import Row
from benchmarks.rows import ack, fanout, home_reads, import_graph, memory, page_40, scale, start, visible, wide_reader


class Measurement(Protocol):
    """`NAMES`: of the goals that `measure` has a row for, in that order."""

    @property
    def NAMES(self) -> tuple[str, ...]: ...

    def measure(self, bench: Bench) -> list[Row]: ...


MEASUREMENTS: tuple[Measurement, ...] = (
    start,
    home_reads,
    fanout,
    visible,
    ack,
    wide_reader,
    page_40,
    scale,
    import_graph,
    memory,
)


def chosen(names: Sequence[str] | None) -> list[Measurement]:
    """Those that measure the named rows; all without names."""
    return [each for each in MEASUREMENTS if not names or set(names) & set(each.NAMES)]
