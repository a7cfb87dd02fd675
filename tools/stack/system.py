"""A system for the demo: the stack, and each role a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from loadtest.system import SystemFailed, delivered_rows
from tools.stack.process import ServerFailed
from tools.stack.roles import GATEWAY, Roles
from tools.stack.stack import Stack

WORKER = "fanout"


class StackSystem:
    """Implements `loadtest/demo/system.py:DemoSystem` on servers that run already and go on afterwards.

    settings: SECTION__KEY to value, for every role.
    """

    how_to_stop = "Ctrl-C stops it all."

    def __init__(self, stack: Stack, settings: Mapping[str, str]) -> None:
        self._stack = stack
        self.roles = Roles(stack.config, stack.folder / "roles", settings=settings)
        self.target = self.roles.target
        try:
            self.roles.begin()
        except BaseException:
            self.roles.kill()
            raise

    @property
    def data(self) -> Path:
        return self._stack.folder

    def await_ready(self) -> None:
        try:
            self.roles.await_ready()
        except ServerFailed as error:
            raise SystemFailed(str(error)) from None

    def kill_worker(self) -> None:
        self.roles.process(WORKER).kill()

    def await_restart(self, seconds: float) -> None:  # noqa: ARG002 - a start has its own limit
        """Nobody watches over these processes: this starts the worker again, as a supervisor would have done."""
        try:
            self.roles.process(WORKER).start()
        except ServerFailed as error:
            raise SystemFailed(str(error)) from None

    def delivered_rows(self) -> int:
        return delivered_rows(self.roles.process(WORKER).metrics_port)

    def last_lines(self) -> str:
        said = [f"{name}:\n{self.roles.process(name).last_lines()}" for name in (WORKER, GATEWAY)]
        return "\nTheir last lines:\n" + "\n".join(said)

    def stop(self) -> None:
        self.roles.stop()
