"""`python -m loadtest`, which `make load` runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadtest.run import RESULTS, Options, run_load
from loadtest.settings import (
    DEFAULT_MEAN_FOLLOWERS,
    DEFAULT_MIX,
    DEFAULT_POSTS,
    DEFAULT_RATE,
    DEFAULT_SECONDS,
    DEFAULT_SEED,
    DEFAULT_SHAPE,
    DEFAULT_USERS,
    LoadSettings,
)
from loadtest.shapes import Shape
from loadtest.workload import MIXES

LEAST_USERS, MOST_USERS = 100, 1_000_000
MOST_RATE, MOST_SECONDS, MOST_PROCESSES, MOST_POSTS = 10_000.0, 24 * 3600.0, 64, 1_000_000


def _mix(name: str) -> str:
    if name not in MIXES:
        raise typer.BadParameter(f"one of: {', '.join(MIXES)}")
    return name


def main(
    mix: Annotated[str, typer.Option(callback=_mix, help=f"What people do: {', '.join(MIXES)}.")] = DEFAULT_MIX,
    rate: Annotated[float, typer.Option(min=1, max=MOST_RATE, help="Steps a second, at most.")] = DEFAULT_RATE,
    shape: Annotated[Shape, typer.Option(help="How the rate goes over the time.")] = DEFAULT_SHAPE,
    seconds: Annotated[float, typer.Option(min=1, max=MOST_SECONDS, help="How long it lasts.")] = DEFAULT_SECONDS,
    seed: Annotated[int, typer.Option(min=0, help="Of the graph and of all choices.")] = DEFAULT_SEED,
    users: Annotated[int, typer.Option(min=LEAST_USERS, max=MOST_USERS, help="Of a synthetic graph.")] = DEFAULT_USERS,
    mean_followers: Annotated[
        float, typer.Option(min=1, max=1_000, help="Of a synthetic graph; how they spread is fitted to real graphs.")
    ] = DEFAULT_MEAN_FOLLOWERS,
    graph: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Lines of follower<TAB>followee, plain or gzip, instead."),
    ] = None,
    posts: Annotated[
        int, typer.Option(min=0, max=MOST_POSTS, help="Made before the load, so that homes are not empty.")
    ] = DEFAULT_POSTS,
    processes: Annotated[int, typer.Option(min=1, max=MOST_PROCESSES, help="That generate the load.")] = 1,
    target: Annotated[str, typer.Option(help="A system that runs already; the graph is loaded into it.")] = "",
    out: Annotated[Path, typer.Option(file_okay=False, help="The folder of the results.")] = RESULTS,
    web: Annotated[bool, typer.Option("--web", help="Opens Locust's page instead of starting at once.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Prints the result as one JSON document.")] = False,
) -> None:
    """Puts load on a Murmuration system and looks at every answer. Ends with status 1 if any was wrong.

    It starts a system of its own on free ports, loads a graph, plays the workload, and measures in the same run what
    the generator could do at most.
    """
    load = LoadSettings(mix, shape, rate, seconds, seed, users, mean_followers, graph and graph.resolve())
    raise typer.Exit(run_load(Options(load, posts, processes, target, out.resolve(), as_json, web)))


if __name__ == "__main__":
    typer.run(main)
