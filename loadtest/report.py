"""The end of a load: one document for machines, one table for people, and a verdict."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.calls import CALL
from loadtest.graphs import SocialGraph
from loadtest.screen import Screen
from loadtest.settings import LoadSettings

NEAR_CEILING = 0.5
"""From this share of its ceiling on, the generator may have been what bounded a load: queues grow there already."""


@dataclass(frozen=True)
class Report:
    """found, ceiling: summaries, as loadtest/summary.py:Summary.as_dict makes them. page_bytes: of the bare server's
    answer."""

    load: LoadSettings
    processes: int
    graph: SocialGraph
    found: dict[str, Any]
    ceiling: dict[str, Any]
    page_bytes: int

    @property
    def passed(self) -> bool:
        return not self.found["failure"]

    @property
    def calls_per_second(self) -> float:
        return _calls_per_second(self.found)

    @property
    def ceiling_per_second(self) -> float:
        return _calls_per_second(self.ceiling)

    @property
    def ceiling_share(self) -> float:
        return self.calls_per_second / self.ceiling_per_second if self.ceiling_per_second else 1.0

    def as_json(self) -> str:
        settings = asdict(self.load) | {"graph": str(self.load.graph or ""), "processes": self.processes}
        document = {
            "passed": self.passed,
            **self.found,
            "calls_per_second": round(self.calls_per_second, 1),
            "generator": {
                "ceiling_per_second": round(self.ceiling_per_second, 1),
                "share": round(self.ceiling_share, 3),
                "page_bytes": self.page_bytes,
            },
            "settings": settings,
            "graph": {"users": len(self.graph.users), "follows": self.graph.follow_count},
            "machine": _machine(),
        }
        return json.dumps(document, indent=2)

    def show(self, screen: Screen, out: Path) -> None:
        screen.table(
            ["", "count", "failed", "/s", "p50", "p95", "p99", "max"],
            [_cells(row) for row in self.found["rows"]],
        )
        screen.say(
            "Times in milliseconds. Those of a step's first call count from when the step was meant to begin; those of "
            "calls that check the next read, from when they began."
        )
        if self.found["findings"]:
            screen.text_table(["", "in", "what", "times"], [_finding(finding) for finding in self.found["findings"]])
        verdict = "may have been the bound" if self.ceiling_share > NEAR_CEILING else "was not the bound"
        screen.say(
            f"The generator alone: {self.ceiling_per_second:,.0f} calls/s against a bare server that answers "
            f"{self.page_bytes:,} bytes, about as a first page here. This load made "
            f"{self.calls_per_second:,.0f} calls/s, {self.ceiling_share:.0%} of that: the generator {verdict}."
        )
        machine = _machine()
        screen.say(
            f"{machine['cores']} cores, shared with the system; Python {machine['python']}; seed {self.load.seed}. "
            f"All of it: {out}"
        )
        if self.passed:
            screen.say(f"PASS {self.found['calls']:,} calls, and no promise broken", "bold green")
        else:
            screen.say(f"FAIL {self.found['failure']}", "bold red")


def _calls_per_second(summary: dict[str, Any]) -> float:
    return float(sum(row["per_second"] for row in summary["rows"] if row["kind"] == CALL))


def _cells(row: dict[str, Any]) -> list[str]:
    times = [f"{row[name]:,.0f}" for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
    return [row["name"], f"{row['count']:,}", f"{row['failed']:,}", f"{row['per_second']:,.1f}", *times]


def _finding(finding: dict[str, Any]) -> list[str]:
    return ["WRONG" if finding["wrong"] else "failed", finding["row"], finding["what"], f"{finding['count']:,}"]


def _machine() -> dict[str, object]:
    return {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.system()}
