"""Two calls in turns by one caller: what one costs beside the other, on the same machine at the same moment."""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.intervals import median_of, percentile
from benchmarks.load import Request
from benchmarks.results import Row

Pair = tuple[list[float], list[float]]
WARM_CALLS = 50


def in_turns(bench: Bench, target: str, one: Request, other: Request, calls: int) -> list[Pair]:
    """For each round the seconds of `calls` calls of each: one, other, other, one, and so on, each after the answer to
    the last. Before the rounds both are made some times without being counted."""

    def one_round(pairs: int) -> Pair:
        requests = [one, other, other, one] * (pairs // 2)
        tally = bench.generator.make_all(target, requests, in_flight=1, connections=1)
        answered = list(zip(requests, tally.latencies, strict=True))
        return (
            [seconds for request, seconds in answered if request is one],
            [seconds for request, seconds in answered if request is other],
        )

    one_round(WARM_CALLS)
    return bench.interleave({"both in turns": lambda: one_round(calls)})["both in turns"]


def row_of_medians(name: str, names: tuple[str, str], rounds: list[Pair]) -> Row:
    """The ratio of the medians of each round. `names`: of the two calls, as they stand in the detail and in plots."""
    ratios = [percentile(one, 0.5) / percentile(other, 0.5) for one, other in rounds]
    series = {side: [percentile(pair[place], 0.5) * 1000 for pair in rounds] for place, side in enumerate(names)}
    detail = {f"{side.replace(' ', '_')}_p50_ms": median_of(values).value for side, values in series.items()}
    return Row(name, median_of(ratios), len(ratios), detail, series)
