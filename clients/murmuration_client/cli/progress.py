"""A progress bar on stderr, where stderr is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from murmuration_client.cli.output import Output


@contextmanager
def bar(output: Output, title: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs; yields the function that sets how many of `total` (None: unknown) are done."""
    if not output.stderr.is_terminal:
        yield lambda _done: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # 30 ms

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=output.stderr, transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)
