"""`murmurd demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from murmuration_server.cli.common import fail


def demo(
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Repeats a run. Default: random.")] = None,
    graph: Annotated[
        Path | None, typer.Option("--graph", help="Lines of follower<TAB>followee, plain or gzip.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only 2,000 followers.")] = False,
) -> None:
    """Shows in a minute what the system does, and that it is right: a real graph, a celebrity, a crash."""
    try:
        from loadtest.demo.run import Options, run_demo
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("loadtest"):
            raise
        fail(
            "The demo comes with a checkout of the repository, not with an installed package. "
            "Run `make demo` in a checkout."
        )

    raise typer.Exit(run_demo(Options(seed=seed, graph=graph, keep=keep, as_json=as_json, quick=quick)))
