"""What a load found, as data: from Locust's figures, of one process or of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from locust.stats import RequestStats, StatsEntry

from loadtest.calls import CALL, VISIBLE
from loadtest.checks import Wrong

MOST_FAILED = 0.01
"""Of a row's calls; above, the run has failed."""


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
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

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
            "rows": [asdict(row) for row in self.rows],
            "findings": [asdict(finding) for finding in self.findings],
        }


def summarize(stats: RequestStats) -> Summary:
    findings = [
        Finding(error.name, _words(error.error), error.occurrences, _is_wrong(error.error))
        for error in stats.errors.values()
    ]
    findings.sort(key=lambda finding: (not finding.wrong, finding.row))
    return Summary(_rows(stats.entries.values()), findings)


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
    """Workers send errors as their repr."""
    return isinstance(error, Wrong) or str(error).startswith(f"{Wrong.__name__}(")


def _words(error: object) -> str:
    text = str(error)
    return text.partition("(")[2].removesuffix(")").strip("'\"") if "(" in text else text
