"""One kill of a campaign: in use, at a moment, then what was acked is looked for."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from random import Random

from tests.faults import checks
from tests.faults.moments import moment
from tests.faults.system import Fortress

MOST_BEFORE_SECONDS, AFTER_SECONDS = 1.0, 0.3


@dataclass(frozen=True)
class Kill:
    """`at_ms`: since the load began. `recovery_ms`: from the kill until a new post was acked and delivered. `acked` and
    `repeated` count this round's calls; `repeated` are those whose first answer was lost."""

    number: int
    victim: str
    during: str
    at_ms: int
    recovery_ms: int
    acked: int
    repeated: int
    lost: int
    doubled: int
    wrong: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return not (self.lost or self.doubled or self.wrong)

    def facts(self) -> dict[str, object]:
        return asdict(self)


def kill(fortress: Fortress, number: int, victim: str, during: str, random: Random) -> Kill:
    tally = fortress.load.tally
    acked, repeated = tally.acked, tally.repeated
    with fortress.in_use():
        begun = time.monotonic()
        threading.Event().wait(random.uniform(0.2, MOST_BEFORE_SECONDS))
        with moment(during, fortress, random):
            at = time.monotonic() - begun
            recovery = fortress.kill(victim)
        threading.Event().wait(AFTER_SECONDS)
    at_once = checks.posts(fortress.client, fortress.model, fortress.users)
    found = checks.at_rest(fortress.settled, fortress.client, fortress.model, fortress.users, random)
    return Kill(
        number,
        victim,
        during,
        round(at * 1000),
        round(recovery * 1000),
        tally.acked - acked,
        tally.repeated - repeated,
        len({*at_once.lost, *found.lost}),
        len({*at_once.doubled, *found.doubled}),
        tuple(found.wrong),
    )
