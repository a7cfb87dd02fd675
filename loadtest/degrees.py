"""How many followers people have: the law of the synthetic graph, and how it was fitted to the real ones.

    python -m loadtest.degrees

makes the fit anew from loadtest/data and prints it beside the law that is used.

The law is a mixture of two Weibull distributions, each fitted by greatest likelihood to one real graph:

- the body, to all users of socfb-reed98, the whole network of one place: most people have tens of followers;
- the tail, to the 100 accounts of ego-twitter-top100, by what they have above the smallest of them: some have
  thousands.

The share of the tail is that of the second graph: 100 of its 28,559 users. Followers of its other users are not in it,
so this is an assumption, and a low one. A power law was tried for the tail, and is too far from it (the command says
how far): the accounts were chosen for being large, and near their smallest there are fewer than a power law has.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"
FRIENDS = DATA / "socfb-reed98.tsv.gz"
FAMOUS = DATA / "ego-twitter-top100.tsv.gz"

_STEPS = 100
_HALF = 0.5
"""Degrees are whole numbers: `d` stands for all from d - 1/2 to d + 1/2."""


@dataclass(frozen=True)
class Weibull:
    """P(X > x) = exp(-(x / scale) ** shape)."""

    shape: float
    scale: float

    @property
    def mean(self) -> float:
        return self.scale * math.gamma(1 + 1 / self.shape)

    def below(self, value: float) -> float:
        """P(X <= value)."""
        return -math.expm1(-((value / self.scale) ** self.shape)) if value > 0 else 0.0

    def draw(self, rng: random.Random) -> float:
        return rng.weibullvariate(self.scale, self.shape)


@dataclass(frozen=True)
class DegreeLaw:
    """Followers of a user: with probability `tail_share` tail_from + tail, else body."""

    body: Weibull
    tail: Weibull
    tail_from: float
    tail_share: float

    @property
    def mean(self) -> float:
        return (1 - self.tail_share) * self.body.mean + self.tail_share * (self.tail_from + self.tail.mean)

    def draw(self, rng: random.Random) -> float:
        return self.tail_from + self.tail.draw(rng) if rng.random() < self.tail_share else self.body.draw(rng)


FITTED = DegreeLaw(Weibull(1.114, 40.71), Weibull(1.164, 739.5), tail_from=304.5, tail_share=100 / 28_559)


def fit_weibull(values: Sequence[float]) -> Weibull:
    """Of greatest likelihood: the fixed point of 1/k = sum(x^k ln x) / sum(x^k) - mean(ln x), then the scale."""
    logs = [math.log(value) for value in values]
    mean_log, shape = math.fsum(logs) / len(logs), 1.0
    for _ in range(_STEPS):
        powers = [value**shape for value in values]
        weighted = math.fsum(power * log for power, log in zip(powers, logs, strict=True)) / math.fsum(powers)
        shape = (shape + 1 / (weighted - mean_log)) / 2
    return Weibull(shape, (math.fsum(value**shape for value in values) / len(values)) ** (1 / shape))


def fit(friends: Sequence[int], famous: Sequence[int], users: int) -> DegreeLaw:
    """friends: degrees of a whole network. famous: those of the largest accounts among `users`."""
    tail_from = min(famous) - _HALF
    tail = fit_weibull([degree - tail_from for degree in famous])
    return DegreeLaw(fit_weibull(friends), tail, tail_from, len(famous) / users)


def distance(values: Sequence[float], below: Callable[[float], float]) -> float:
    """Kolmogorov and Smirnov's: how far the values' distribution is from `below`, at most."""
    ordered, count = sorted(values), len(values)
    return max(
        max((place + 1) / count - below(value), below(value) - place / count) for place, value in enumerate(ordered)
    )


def refused_above(count: int) -> float:
    """The distance that 5% of samples of so many exceed although they follow the law (asymptotic)."""
    return 1.358 / math.sqrt(count)


def power_law(values: Sequence[int]) -> tuple[float, Callable[[float], float]]:
    """(exponent, P(X <= x)) of greatest likelihood from the least value on (Clauset, Shalizi, Newman 2009, eq. 3.7)."""
    least = min(values) - _HALF
    exponent = 1 + len(values) / math.fsum(math.log(value / least) for value in values)
    return exponent, lambda value: 1 - (value / least) ** (1 - exponent)


def real_degrees() -> tuple[list[int], list[int], int]:
    """(degrees of the friends' network, followers of the famous accounts, users of their graph)."""
    from loadtest.graphs import read

    friends, famous = read(FRIENDS, both_ways=True), read(FAMOUS)
    counts = [len(famous.followers(user)) for user in famous.users]
    return (
        [len(friends.followers(user)) for user in friends.users],
        [count for count in counts if count],
        len(counts),
    )


def main() -> None:
    friends, famous, users = real_degrees()
    law = fit(friends, famous, users)
    exponent, power = power_law(famous)
    excess = [degree - law.tail_from for degree in famous]
    rows = [
        ("body", len(friends), law.body, distance(friends, law.body.below)),
        ("tail", len(famous), law.tail, distance(excess, law.tail.below)),
    ]
    print("Weibull     users   shape    scale    distance   refused above (5%)")
    for name, count, part, far in rows:
        print(f"{name:8} {count:8}  {part.shape:6.3f} {part.scale:8.2f}  {far:10.3f}   {refused_above(count):10.3f}")
    share = f"{law.tail_share:.5f} of the users ({len(famous)}/{users})"
    print(f"The tail begins at {law.tail_from:g} followers, for {share}.")
    far, limit = distance(famous, power), refused_above(len(famous))
    verdict = "refused" if far > limit else "not refused"
    print(f"A power law for the tail: exponent {exponent:.2f}, distance {far:.3f}: {verdict}.")
    print(f"Mean of the law: {law.mean:.1f} followers. In use: {FITTED}")


if __name__ == "__main__":
    main()
