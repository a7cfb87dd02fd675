"""What a load found, as data: from Locust's figures, of one process or of all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from loadtest.calls import CALL, VISIBLE
from loadtest.checks import Wrong

if TYPE_CHECKING:  # importing Locust changes how a whole process waits; who only reads a summary has no need of that
    from locust.runners import Runner
    from locust.stats import StatsEntry

MOST_FAILED = 0.01
"""Of a row's calls; above, the run has failed."""
_REPR = re.compile(r"""^\w+\((['"])(.*)\1\)$""")


@dataclass(frozen=True)
class Row:
    """Times in milliseconds, as Locust rounds them: two digits count."""

    kind: str
    name: str
    count: int
    failed: int
    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Finding:
    """What went wrong with a row, and how often. wrong: a promise was broken; else a call has failed."""

    row: str
    what: str
    count: int
    wrong: bool


@dataclass
class Summary:
    """generator_errors: exceptions in the generator's own code; a run with any says nothing."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    generator_errors: int = 0

    @property
    def wrong(self) -> int:
        return sum(finding.count for finding in self.findings if finding.wrong)

    @property
    def calls(self) -> int:
        return sum(row.count for row in self.rows if row.kind == CALL)

    def failure(self) -> str:
        """Why the run has failed, in one sentence; empty if it has not."""
        if self.wrong:
            return f"Promises were broken {self.wrong} times."
        if self.generator_errors:
            return f"The generator itself has failed {self.generator_errors} times; its log says where."
        if not self.calls:
            return "Not one call was made."
        for row in self.rows:
            if row.failed > MOST_FAILED * row.count and row.kind in (CALL, VISIBLE):
                return f"Of {row.count} in the row {row.name!r}, {row.failed} failed: more than {MOST_FAILED:.0%}."
        return ""

    def as_dict(self) -> dict[str, object]:
        return {
            "calls": self.calls,
            "wrong": self.wrong,
            "generator_errors": self.generator_errors,
            "rows": [asdict(row) for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
        }


def summarize(runner: Runner) -> Summary:
    """Of all processes, if this one is their master."""
    findings = [
        Finding(error.name, _words(error.error), error.occurrences, _is_wrong(error.error))
        for error in runner.stats.errors.values()
    ]
    findings.sort(key=lambda finding: (not finding.wrong, finding.row))
    errors = sum(int(raised["count"]) for raised in runner.exceptions.values())
    return Summary(_rows(runner.stats.entries.values()), findings, errors)


def _rows(entries: Iterable[StatsEntry]) -> list[Row]:
    return sorted(
        (
            Row(
                kind=entry.method,
                name=entry.name,
                count=entry.num_requests,
                failed=entry.num_failures,
                per_second=round(entry.total_rps, 2),
                p50_ms=entry.get_response_time_percentile(0.50),
                p95_ms=entry.get_response_time_percentile(0.95),
                p99_ms=entry.get_response_time_percentile(0.99),
                max_ms=round(entry.max_response_time, 1),
            )
            for entry in entries
        ),
        key=lambda row: (row.kind, -row.count, row.name),
    )


def _is_wrong(error: object) -> bool:
    """An exception of this process, or the repr of a worker's."""
    return isinstance(error, Wrong) or str(error).startswith(f"{Wrong.__name__}(")


def _words(error: object) -> str:
    return _REPR.sub(r"\2", error) if isinstance(error, str) else str(error)
