"""What every measurement is given: how much to do, somebody who makes load, and the world that several share."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from benchmarks.deployed import Deployed
from benchmarks.load import Generator
from benchmarks.profile import recorded
from benchmarks.rounds import interleave
from benchmarks.system import Measured, Murmurd
from tools.stack.stack import Stack

T = TypeVar("T")


class Bench:
    """`quick`: sizes that show that it runs, and figures that mean little. `profiles`: a folder for profiles of the
    system while it is measured. Close it."""

    def __init__(self, rounds: int, *, quick: bool = False, quiet: bool = False, profiles: Path | None = None) -> None:
        self.rounds, self.quick, self._quiet = rounds, quick, quiet
        self._closing = ExitStack()
        self.generator = self._closing.enter_context(Generator())
        self._began = time.monotonic()
        self._profiles = profiles
        self._stack: Stack | None = None

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def size(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def seconds(self, full: float, quick: float = 0.3) -> float:
        return quick if self.quick else full

    def rng(self, name: str) -> random.Random:
        """Each measurement draws from a source of its own, so one can be run alone and is the same."""
        return random.Random(f"murmuration {name}")

    def say(self, line: str) -> None:
        """Progress, to stderr."""
        if not self._quiet:
            print(f"{time.monotonic() - self._began:6.1f} s  {line}", file=sys.stderr, flush=True)

    def interleave(self, sides: Mapping[str, Callable[[], T]], rounds: int = 0) -> dict[str, list[T]]:
        return interleave(sides, rounds or self.rounds, self.say)

    @contextmanager
    def murmurd(self, settings: Mapping[str, str] | None = None) -> Iterator[Murmurd]:
        """A system with an empty folder, stopped and removed afterwards."""
        with Murmurd(settings) as system:
            yield system

    def stack(self) -> Stack:
        """Real servers, begun once for all that are measured on them: what one measurement leaves, the next one finds.
        Raises `ServerFailed`, `Missing`."""
        if self._stack is None:
            with ExitStack() as begun:
                folder = Path(begun.enter_context(tempfile.TemporaryDirectory(prefix="murmuration-bench-")))
                stack = Stack(folder, say=self.say)
                begun.callback(stack.stop, kill=True)
                stack.start()
                self._closing.push(begun.pop_all())
            self._stack = stack
        return self._stack

    @contextmanager
    def deployed(
        self, counts: Mapping[str, int] | None = None, settings: Mapping[str, str] | None = None
    ) -> Iterator[Deployed]:
        """Processes of all roles on the stack, one of each unless `counts` says more; stopped afterwards."""
        stack = self.stack()
        self.say("starting the roles")
        with Deployed(stack, counts or {}, settings or {}) as system:
            yield system

    @contextmanager
    def measuring(self, system: Measured, *processes: str) -> Iterator[None]:
        """Around the rounds of a measurement: what is profiled, where profiles are wanted. `processes`: by their names,
        if not all; where there are many, to look at all of them at once would be most of what they do."""
        if self._profiles is None:
            yield
            return
        pids = {name: pid for name, pid in system.pids().items() if not processes or name in processes}
        with recorded(pids, self._profiles) as files:
            yield
        for file in files:
            self.say(f"profile: {file}")

    def second_generator(self, stack: ExitStack) -> Generator:
        """Another process that makes load, for what runs beside what is measured."""
        return stack.enter_context(Generator())
