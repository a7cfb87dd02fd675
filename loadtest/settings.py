"""What a load is made of: the options that `make load` and Locust share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadtest.graphs import SocialGraph, read, synthetic
from loadtest.shapes import Shape
from loadtest.workload import MIXES, Mix

DEFAULT_USERS, DEFAULT_MEAN_FOLLOWERS, DEFAULT_POSTS = 5_000, 40.0, 4_000
DEFAULT_RATE, DEFAULT_SECONDS, DEFAULT_SEED = 100.0, 120.0, 7
DEFAULT_MIX, DEFAULT_SHAPE = "everyday", Shape.CONSTANT


@dataclass(frozen=True)
class LoadSettings:
    """graph: a file, or None for a synthetic graph of so many users. rate: steps a second, at most."""

    mix_name: str = DEFAULT_MIX
    shape: Shape = DEFAULT_SHAPE
    rate: float = DEFAULT_RATE
    seconds: float = DEFAULT_SECONDS
    seed: int = DEFAULT_SEED
    users: int = DEFAULT_USERS
    mean_followers: float = DEFAULT_MEAN_FOLLOWERS
    graph: Path | None = None

    @property
    def mix(self) -> Mix:
        return MIXES[self.mix_name]

    def make_graph(self) -> SocialGraph:
        """The same in every process. Raises GraphUnusable."""
        return read(self.graph) if self.graph else synthetic(self.users, self.mean_followers, self.seed)

    def locust_options(self) -> list[str]:
        """As loadtest/locustfile.py takes them."""
        options = [
            ("--mix", self.mix_name),
            ("--shape", self.shape),
            ("--rate", self.rate),
            ("--seconds", self.seconds),
            ("--seed", self.seed),
            ("--graph-users", self.users),
            ("--graph-mean", self.mean_followers),
        ]
        if self.graph:
            options.append(("--graph", self.graph))
        return [word for name, value in options for word in (name, str(value))]
