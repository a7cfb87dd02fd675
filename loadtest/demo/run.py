"""The demo from its beginning to its end: the system up, the stages in turn, the summary, and all cleared away."""

from __future__ import annotations

import json
import os
import platform
import random
import secrets
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from loadtest.demo.cast import Cast, GraphMissing, find_graph, read_cast
from loadtest.demo.stages import acks, crash, delivery, homes, load, modes, relations, why
from loadtest.demo.system import DemoSystem
from loadtest.demo.world import TooSlow, World
from loadtest.outcome import Check, Outcome
from loadtest.screen import Screen
from loadtest.system import System, SystemFailed
from murmuration_client import Client, MurmurationError

STAGES = (load, acks, delivery, modes, crash, relations, homes, why)
SEED_BITS = 32
CALL_SECONDS = 10.0
INTERRUPTED = 130
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of few followers a delivery must still take long enough to be killed halfway.
QUICK_SETTINGS = {"FANOUT__PAGE_SIZE": "20", "FANOUT__LARGE_FOLLOWERS": "1000"}


@dataclass(frozen=True)
class Options:
    seed: int | None = None
    graph: Path | None = None
    keep: bool = False
    as_json: bool = False
    quick: bool = False


@dataclass
class Report:
    """`stages`: by name, in order."""

    seed: int
    stages: dict[str, Outcome] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def checks(self) -> list[tuple[str, Check]]:
        return [(name, check) for name, outcome in self.stages.items() for check in outcome.checks]

    @property
    def passed(self) -> bool:
        return not self.failure and all(check.passed for _, check in self.checks)


def run_demo(options: Options, begin: Callable[[Mapping[str, str]], DemoSystem] = System) -> int:
    """Answers the exit status: 0 if every check passed. `begin`: starts a system with these settings (SECTION__KEY to
    value); by default `murmurd up`."""
    for number in ENDING:
        signal.signal(number, _interrupt)
    screen = Screen(quiet=options.as_json)
    report = Report(secrets.randbits(SEED_BITS) if options.seed is None else options.seed)
    began = time.monotonic()
    try:
        cast = read_cast(find_graph(options.graph), random.Random(report.seed), quick=options.quick)
    except GraphMissing as error:
        print(f"murmurd demo: {error}", file=sys.stderr)
        return 1
    screen.say(f"Seed {report.seed}: `--seed {report.seed}` repeats its names, texts and choices.")
    system = begin(QUICK_SETTINGS if options.quick else {})
    kept = False
    try:
        _show(options, screen, report, system, cast)
        _finish(options, screen, report, time.monotonic() - began)
        if options.keep and not report.failure:
            kept = True
            _say_how_to_go_on(system, cast)
    except KeyboardInterrupt:
        print("murmurd demo: interrupted; stopping the system and removing its data.", file=sys.stderr)
        return INTERRUPTED
    finally:
        if not kept:
            for number in ENDING:
                signal.signal(number, signal.SIG_IGN)  # nobody leaves before it is cleared away
            system.stop()
    return 0 if report.passed else 1


def _show(options: Options, screen: Screen, report: Report, system: DemoSystem, cast: Cast) -> None:
    began = time.monotonic()
    try:
        with screen.bar("starting", None):
            system.await_ready()
        report.seconds["start"] = time.monotonic() - began
        with Client(system.target, timeout=CALL_SECONDS) as client:
            world = World(client, system, cast, report.seed, options.quick)
            for number, stage in enumerate(STAGES):
                screen.heading(f"{number}. {stage.TITLE}" if number else stage.TITLE, stage.MEANING)
                name, began = stage.__name__.rsplit(".", 1)[1], time.monotonic()
                world.begin(name)
                report.stages[name] = stage.run(world, screen)
                report.seconds[name] = time.monotonic() - began
                screen.checks(report.stages[name].checks)
    except SystemFailed as error:
        report.failure = str(error)
    except (MurmurationError, TooSlow, OSError) as error:
        report.failure = f"{error}{system.last_lines()}"


def _finish(options: Options, screen: Screen, report: Report, seconds: float) -> None:
    machine = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "system": platform.system()}
    if options.as_json:
        document = {
            "passed": report.passed,
            "seed": report.seed,
            "seconds": round(seconds, 2),
            "machine": machine,
            "failure": report.failure,
            "checks": [{"part": part, **asdict(check)} for part, check in report.checks],
            "figures": {name: outcome.figures for name, outcome in report.stages.items()},
            "stage_seconds": {name: round(spent, 2) for name, spent in report.seconds.items()},
        }
        print(json.dumps(document, indent=2))
    screen.heading("Summary", "Every figure above was measured in this run, on this machine.")
    screen.summary(report.checks)
    screen.say(
        f"{machine['cores']} cores, Python {machine['python']}, {machine['system']}; {seconds:.0f} s; "
        f"seed {report.seed}."
    )
    if report.failure:
        print(f"murmurd demo: {report.failure}", file=sys.stderr)


def _say_how_to_go_on(system: DemoSystem, cast: Cast) -> None:
    murmur = f"{_beside_python('murmur')} --target {system.target}"
    lines = [
        f"It keeps running on {system.target}, data in {system.data}. Try:",
        f"  {murmur} --as reads_it_all home",
        f'  {murmur} --as stella_live post "Hello, everybody"',
        f"  {murmur} --as {cast.followers[0]} home --limit 5",
        f"  {murmur} --as {cast.followers[0]} unfollow stella_live",
        f"  {murmur} user show {cast.authors[0]}",
        system.how_to_stop,
    ]
    print("\n".join(lines), file=sys.stderr)


def _beside_python(program: str) -> str:
    """How to call a program that was installed with this one."""
    path = Path(sys.executable).with_name(program)
    if not path.exists():
        return program
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
