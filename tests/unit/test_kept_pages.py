"""How much is kept of first pages."""

from __future__ import annotations

from typing import Any

from murmuration_server.platform.call import Call
from murmuration_server.timeline.cursor import Query
from murmuration_server.timeline.kept_pages import BYTES_A_PAGE, Asked, KeptPages
from tests.support.contract_clock import SetClock


class Trusting:
    """A validator for which all holds."""

    def begin(self, call: Call) -> int:
        return 0

    def proof(self, begun: int, made_of: Any) -> int:
        return begun

    def holds_at_hand(self, call: Call, proof: int) -> bool:
        return True

    holds = holds_at_hand


class Bench:
    def __init__(self, kept: int) -> None:
        clock = SetClock()
        self.call = Call.background(clock, 600)
        self.pages = KeptPages(Trusting(), clock, kept)

    def keep(self, user_id: int, size: int) -> None:
        draft = self.pages.begin(self.call)
        assert draft is not None
        self.pages.keep(asked(user_id), draft, b"x" * size)

    def kept(self, *user_ids: int) -> list[int]:
        return [user_id for user_id in user_ids if self.pages.at_hand(self.call, asked(user_id))]


def asked(user_id: int) -> Asked:
    return Asked(Query(user_id, 0, False, False), 20)


def test_the_oldest_of_too_many_goes() -> None:
    bench = Bench(kept=2)
    for user_id in (1, 2, 1, 3):
        bench.keep(user_id, 10)
    assert bench.kept(1, 2, 3) == [1, 3]


def test_large_pages_are_fewer() -> None:
    bench = Bench(kept=3)
    bench.keep(1, BYTES_A_PAGE)
    bench.keep(2, 2 * BYTES_A_PAGE)
    assert bench.kept(1, 2) == [1, 2]
    bench.keep(3, BYTES_A_PAGE + 1)
    assert bench.kept(1, 2, 3) == [3]
    bench.keep(3, 1)
    bench.keep(4, 3 * BYTES_A_PAGE - 1)
    assert bench.kept(3, 4) == [3, 4], "what it was replaced by counts, and not what was replaced"
    bench.keep(5, 3 * BYTES_A_PAGE + 1)
    assert bench.kept(3, 4, 5) == []
