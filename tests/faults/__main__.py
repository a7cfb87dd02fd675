"""`make faults`: kills a system under load again and again, and looks for everything that was acked.

Each round: people use the system; at a random moment a process, or all of them, is killed with SIGKILL; what is dead is
begun again; then lists, homes, relations and counts are compared with a model that heard only what was answered.
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.faults.kills import Kill, kill
from tests.faults.moments import MOMENTS
from tests.faults.system import VICTIMS, Fortress

GOAL_MS = 3000
"""From a kill to the first good answer, and its delivery."""
LINE = "{:>3}  {:<10} {:<12} {:>7} {:>11} {:>6} {:>8} {:>5} {:>7}  {}"


def plan(kills: int, random: Random) -> list[tuple[str, str]]:
    """Each victim at each moment, as far as the number goes, in an order by chance."""
    pairs: list[tuple[str, str]] = []
    while len(pairs) < kills:
        every = [(victim, during) for during in MOMENTS for victim in VICTIMS]
        random.shuffle(every)
        pairs += every
    return pairs[:kills]


def run(kills: int, seed: int, show: bool) -> list[Kill]:
    random, done = Random(seed), []
    with (
        tempfile.TemporaryDirectory(prefix="murmuration-faults-") as folder,
        Fortress(Path(folder) / "data", seed) as fortress,
    ):
        for number, (victim, during) in enumerate(plan(kills, random), start=1):
            one = kill(fortress, number, victim, during, random)
            done.append(one)
            if show:
                print(line(one), flush=True)
    return done


def line(one: Kill) -> str:
    numbers = (one.at_ms, one.recovery_ms, one.acked, one.repeated, one.lost, one.doubled)
    verdict = "as the model" if not one.wrong else f"{len(one.wrong)} differ: {one.wrong[0]}"
    return LINE.format(one.number, one.victim, one.during, *numbers, verdict)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make faults", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="how many (default: 30)")
    parser.add_argument(
        "--seed", type=int, default=None, help="repeats the order, the moments and the people's choices"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    options = parser.parse_args()
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    if not options.json:
        print(f"seed {seed} (repeat with: make faults ARGS='--seed {seed}')\n")
        print(
            LINE.format("", "killed", "during", "at ms", "recovery ms", "acked", "repeated", "lost", "doubled", "homes")
        )
    begun = time.monotonic()
    done = run(options.kills, seed, show=not options.json)
    recoveries = sorted(one.recovery_ms for one in done)
    facts = {
        "seed": seed,
        "seconds": round(time.monotonic() - begun, 1),
        "acked": sum(one.acked for one in done),
        "lost": sum(one.lost for one in done),
        "doubled": sum(one.doubled for one in done),
        "differences": sum(len(one.wrong) for one in done),
        "recovery_ms_median": statistics.median(recoveries),
        "recovery_ms_most": recoveries[-1],
        "recovery_ms_goal": GOAL_MS,
        "recovery_within_goal": sum(ms <= GOAL_MS for ms in recoveries),
    }
    if options.json:
        print(json.dumps({**facts, "kills": [one.facts() for one in done]}, indent=2))
    else:
        print(
            f"\n{len(done)} kills in {facts['seconds']} s: {facts['acked']} calls acked, {facts['lost']} lost, "
            f"{facts['doubled']} doubled, {facts['differences']} differences from the model."
            f"\nRecovery: median {facts['recovery_ms_median']:.0f} ms, at most {facts['recovery_ms_most']} ms; "
            f"{facts['recovery_within_goal']} of {len(done)} within {GOAL_MS} ms."
        )
    return 0 if all(one.whole for one in done) else 1


if __name__ == "__main__":
    sys.exit(main())
