"""A bounded number of values: the newest."""

from __future__ import annotations

from murmuration_server.platform.newest import Newest


def test_the_one_put_there_longest_ago_goes_first() -> None:
    newest: Newest[str, int] = Newest(2)
    assert [newest.put("a", 1), newest.put("b", 2), newest.put("a", 3)] == [None, None, None]
    assert newest.put("c", 4) == 2
    assert dict(newest) == {"a": 3, "c": 4}


def test_none_may_be_kept() -> None:
    newest: Newest[str, int] = Newest(0)
    assert newest.put("a", 1) == 1
    assert not newest
