"""What is compared runs in turns."""

from __future__ import annotations

from benchmarks.rounds import interleave


def test_every_round_has_each_side_once_and_turns_the_order_round() -> None:
    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    measured = interleave({name: lambda name=name: side(name) for name in "ABC"}, 3)
    assert "".join(order) == "ABCCBAABC"
    assert measured == {"A": [1.0, 6.0, 7.0], "B": [2.0, 5.0, 8.0], "C": [3.0, 4.0, 9.0]}


def test_it_says_where_it_is() -> None:
    said: list[str] = []
    interleave({"A": lambda: 0}, 2, said.append)
    assert said == ["round 1 of 2: A", "round 2 of 2: A"]
