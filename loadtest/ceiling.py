"""For Locust: first pages of homes as fast as they come, to see what the generator itself can do.

    locust -f loadtest/ceiling.py --host 127.0.0.1:PORT --headless --users 16

Made for the server of loadtest/bare.py: each page is called, parsed, looked at and recorded as in a load.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from locust import User, constant, events, task
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtest.calls import recorded
from loadtest.generator import CALL_SECONDS, TIMING, Recorder, patch_grpc
from loadtest.player import read_page
from loadtest.summary import summarize
from murmuration_client import Client

ANYBODY = 1


class Process:
    """One channel a process."""

    client: Client | None = None


class Reader(User):
    wait_time = constant(0)

    @task
    def home(self) -> None:
        assert Process.client is not None
        actor = Process.client
        recorded(Recorder(self.environment), TIMING, "home", lambda: read_page(actor))


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    parser.add_argument("--report", default="", help="a folder for ceiling.json")


@events.test_start.add_listener
def begin(environment: Environment, **_: Any) -> None:
    patch_grpc()
    Process.client = Client(str(environment.host), timeout=CALL_SECONDS, actor_id=ANYBODY)


@events.quitting.add_listener
def tell(environment: Environment, **_: Any) -> None:
    report: str = getattr(environment.parsed_options, "report", "")
    if report and environment.runner and not isinstance(environment.runner, WorkerRunner):
        path = Path(report) / "ceiling.json"
        path.write_text(json.dumps(summarize(environment.runner).as_dict(), indent=2))
