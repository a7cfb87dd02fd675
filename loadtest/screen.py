"""What people see: a heading for each part, bars while it works, tables when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from loadtest.outcome import Check

Advance = Callable[[int], None]


class Screen:
    def __init__(self, *, quiet: bool) -> None:
        self.console = Console(quiet=quiet, highlight=False)

    def say(self, text: str, style: str = "") -> None:
        self.console.print(Text(text), style=style)

    def heading(self, title: str, meaning: str) -> None:
        """`meaning`: one line for somebody new: what is proven here, and what the result means."""
        self.console.print()
        self.console.print(Text(title, style="bold cyan"))
        self.console.print(Text(meaning, style="italic"))

    @contextmanager
    def bar(self, title: str, total: int | None) -> Iterator[Advance]:
        """A bar while the block runs; yields the function that sets how many of `total` are done."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True, disable=not self.console.is_terminal) as progress:
            task = progress.add_task(title, total=total)
            yield lambda done: progress.update(task, completed=done)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """The first column to the left, the others, figures, to the right."""
        table = Table(box=box.SIMPLE, pad_edge=False)
        for place, column in enumerate(columns):
            table.add_column(column, justify="right" if place else "left", no_wrap=not place)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def text_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Everything to the left, long cells folded."""
        table = Table(box=box.SIMPLE, pad_edge=False)
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def checks(self, checks: Sequence[Check]) -> None:
        for check in checks:
            self.console.print(_verdict(check), Text(check.name), Text(check.figure, style="dim"))

    def summary(self, checks: Sequence[tuple[str, Check]]) -> None:
        table = Table(box=box.SIMPLE, pad_edge=False)
        for column in ("part", "check", "", "figures"):
            table.add_column(column)
        for part, check in checks:
            table.add_row(part, Text(check.name), _verdict(check), Text(check.figure))
        self.console.print(table)


def _verdict(check: Check) -> Text:
    return Text("PASS", style="bold green") if check.passed else Text("FAIL", style="bold red")
