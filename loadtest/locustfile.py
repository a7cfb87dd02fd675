"""Load on a Murmuration system, for Locust: in one process or many, with its web page or without.

    locust -f loadtest/locustfile.py --host 127.0.0.1:7700 --mix everyday --rate 100

The system must hold the graph: `make load` starts one, loads the graph and then runs this. How many people play follows
from --rate, over the time by --shape; Locust's own number of users has no effect.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import gevent
from locust import LoadTestShape, User, constant, events, task
from locust.env import Environment
from locust.exception import StopUser
from locust.runners import MasterRunner, Runner, WorkerRunner

from loadtest import settings as defaults
from loadtest.crowd import Share
from loadtest.generator import Generator
from loadtest.settings import LoadSettings
from loadtest.shapes import Shape, rate_at
from loadtest.summary import summarize
from loadtest.workload import MIXES

SHARE_MESSAGE = "murmuration-share"
SPAWNED_PER_SECOND = 100
PROGRESS_SECONDS = 1.0


class Process:
    """This process's generator, and which part of the people is its own. A master generates nothing; a worker waits for
    the master to name its part, and one that comes after the start has none."""

    generator: Generator | None = None
    share: Share | None = None


class Person(User):
    wait_time = constant(0)  # sessions carry their own pauses

    def on_start(self) -> None:
        if Process.generator is None or Process.share is None:
            raise StopUser
        self._player = Process.generator.player()

    @task
    def session(self) -> None:
        self._player.play_session()


class Profile(LoadTestShape):
    """The people who play make the rate: each makes a step in every `think_seconds` of the mix, in the mean."""

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        options = settings_of(self.runner.environment)
        elapsed = self.get_run_time()
        if elapsed >= options.seconds:
            return None
        rate = rate_at(options.shape, options.rate, elapsed, options.seconds)
        return max(1, round(rate * options.mix.think_seconds)), SPAWNED_PER_SECOND


def settings_of(environment: Environment) -> LoadSettings:
    given: Any = environment.parsed_options
    return LoadSettings(
        mix_name=given.mix,
        shape=Shape(given.shape),
        rate=float(given.rate),
        seconds=float(given.seconds),
        seed=int(given.seed),
        users=int(given.graph_users),
        mean_followers=float(given.graph_mean),
        graph=Path(given.graph) if given.graph else None,
    )


@events.init_command_line_parser.add_listener
def add_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("Murmuration")
    group.add_argument("--mix", choices=list(MIXES), default=defaults.DEFAULT_MIX, help="what people do")
    group.add_argument("--shape", choices=list(Shape), default=defaults.DEFAULT_SHAPE, help="the rate over the time")
    group.add_argument("--rate", type=float, default=defaults.DEFAULT_RATE, help="steps a second, at most")
    group.add_argument("--seconds", type=float, default=defaults.DEFAULT_SECONDS, help="how long it lasts")
    group.add_argument("--seed", type=int, default=defaults.DEFAULT_SEED, help="of graph and choices")
    group.add_argument("--graph", default="", help="a file of follower<TAB>followee lines; default: synthetic")
    group.add_argument("--graph-users", type=int, default=defaults.DEFAULT_USERS, help="of the synthetic graph")
    group.add_argument(
        "--graph-mean", type=float, default=defaults.DEFAULT_MEAN_FOLLOWERS, help="its mean number of followers"
    )
    group.add_argument("--report", default="", help="a folder for summary.json, and for progress.jsonl meanwhile")


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if not isinstance(runner, MasterRunner):
        Process.generator = Generator(settings_of(environment), environment)
    if isinstance(runner, WorkerRunner):
        runner.register_message(SHARE_MESSAGE, _take_share)
    else:
        Process.share = Share()
        report: str = getattr(environment.parsed_options, "report", "")
        if report:
            gevent.spawn(_tell_progress, runner, Path(report) / "progress.jsonl")


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    runner = environment.runner
    if isinstance(runner, MasterRunner):
        workers = runner.clients.ready
        for index, worker in enumerate(workers):
            runner.send_message(SHARE_MESSAGE, {"index": index, "of": len(workers)}, worker.id)
    elif Process.generator is not None and Process.share is not None:
        Process.generator.begin(str(environment.host), Process.share)


@events.test_stop.add_listener
def end(environment: Environment, **_: Any) -> None:  # noqa: ARG001
    if Process.generator is not None:
        Process.generator.end()


@events.quitting.add_listener
def judge(environment: Environment, **_: Any) -> None:
    """A run with a finding ends with status 1, and says what it was in one sentence."""
    if environment.runner is None or isinstance(environment.runner, WorkerRunner):
        return
    summary = summarize(environment.runner)
    failure = summary.failure()
    environment.process_exit_code = 1 if failure else 0
    report: str = getattr(environment.parsed_options, "report", "")
    if report:
        (Path(report) / "summary.json").write_text(json.dumps(summary.as_dict() | {"failure": failure}, indent=2))
    elif failure:
        print(failure)


def _take_share(environment: Environment, msg: Any, **_: Any) -> None:  # noqa: ARG001
    Process.share = Share(msg.data["index"], msg.data["of"])


def _tell_progress(runner: Runner, path: Path) -> None:
    """A line a second: what a program that runs this may show meanwhile."""
    with path.open("w", buffering=1) as file:
        while True:
            summary = summarize(runner)
            line = {
                "people": runner.user_count,
                "calls": summary.calls,
                "wrong": summary.wrong,
                "failed": sum(finding.count for finding in summary.findings if not finding.wrong),
            }
            file.write(json.dumps(line) + "\n")
            gevent.sleep(PROGRESS_SECONDS)
