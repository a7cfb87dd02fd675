"""What a HomeStore promises: rows of homes, newest first, and resume points that move with the rows they reach."""

from __future__ import annotations

from collections.abc import Callable

from murmuration_server.platform.call import Call
from murmuration_server.timeline.store import JOB_DONE, HomeStore, Progress
from murmuration_server.tweets.client import Candidate
from tests.support.contract_adapters import HOME_STORES

ADAPTERS = HOME_STORES
ALL = 1 << 62
READER, OTHER = 11, 12


def post(tweet_id: int, author_id: int = 7) -> Candidate:
    return Candidate(tweet_id, author_id, 0, 0, 1)


def ids(candidates: list[Candidate]) -> list[int]:
    return [candidate.tweet_id for candidate in candidates]


def test_a_home_is_read_newest_first_within_its_bounds(store: HomeStore, call: Call) -> None:
    store.write(call, [(READER, post(n)) for n in (3, 1, 5, 2, 4)])
    assert ids(store.read(call, READER, ALL, 0, 10)) == [5, 4, 3, 2, 1]
    assert ids(store.read(call, READER, 5, 2, 10)) == [4, 3, 2]
    assert ids(store.read(call, READER, ALL, 0, 2)) == [5, 4]


def test_a_candidate_comes_back_as_it_was_written(store: HomeStore, call: Call) -> None:
    reply = Candidate(9, 7, 3, 5, 2)
    store.write(call, [(READER, reply)])
    assert store.read(call, READER, ALL, 0, 10) == [reply]


def test_homes_are_apart(store: HomeStore, call: Call) -> None:
    store.write(call, [(READER, post(1)), (OTHER, post(2))])
    assert ids(store.read(call, READER, ALL, 0, 10)) == [1]
    assert ids(store.read(call, OTHER, ALL, 0, 10)) == [2]


def test_posts_and_readers_in_any_order_each_have_their_rows(store: HomeStore, call: Call) -> None:
    reply = Candidate(2, 8, 1, 7, 2)
    rows = [(READER, post(1)), (OTHER, post(1)), (OTHER, reply), (READER, reply), (OTHER, post(3)), (OTHER, post(1))]
    store.write(call, rows)
    assert store.read(call, READER, ALL, 0, 10) == [reply, post(1)]
    assert store.read(call, OTHER, ALL, 0, 10) == [post(3), reply, post(1)]


def test_ids_of_every_size_come_back(store: HomeStore, call: Call) -> None:
    """From the first to the last that a generator can make."""
    last = 2**63 - 1
    for user in (1, last):
        store.write(call, [(user, post(1, last)), (user, post(2, 1))])
    for user in (1, last):
        assert store.read(call, user, ALL, 0, 10) == [post(2, 1), post(1, last)]


def test_writing_a_row_again_changes_nothing(store: HomeStore, call: Call) -> None:
    for _ in range(2):
        store.write(call, [(READER, post(1))])
    assert ids(store.read(call, READER, ALL, 0, 10)) == [1]


def test_a_job_begins_at_the_beginning_and_goes_on_where_it_was(store: HomeStore, call: Call) -> None:
    assert store.progress(call, [(1, 0)]) == [0]
    store.write(call, [(READER, post(1))], [Progress(1, 0, READER)])
    assert store.progress(call, [(1, 0)]) == [READER]
    assert store.progress(call, [(1, 1)]) == [0]
    store.write(call, [], [Progress(1, 0, JOB_DONE)])
    assert store.progress(call, [(1, 0)]) == [JOB_DONE]


def test_many_resume_points_are_answered_in_the_order_asked_for(store: HomeStore, call: Call) -> None:
    """Of several posts and shards, one of them twice, and one that has not begun."""
    store.write(call, [], [Progress(1, 0, 5), Progress(1, 1, 6), Progress(2, 0, JOB_DONE)])
    jobs = [(2, 0), (1, 1), (2, 1), (1, 0), (1, 1)]
    assert store.progress(call, jobs) == [JOB_DONE, 6, 0, 5, 6]
    assert store.progress(call, []) == []


def test_a_resume_point_that_is_forgotten_is_gone(store: HomeStore, call: Call) -> None:
    store.write(call, [], [Progress(1, 0, 5), Progress(1, 1, 5)])
    store.write(call, [], [], [Progress(1, 0, 5)])
    assert store.progress(call, [(1, 0), (1, 1)]) == [0, 5]


def test_rows_and_resume_points_outlive_the_process(open_store: Callable[[], HomeStore], call: Call) -> None:
    first = open_store()
    first.write(call, [(READER, post(1))], [Progress(1, 0, READER)])
    first.close()  # type: ignore[attr-defined]
    again = open_store()
    assert ids(again.read(call, READER, ALL, 0, 10)) == [1]
    assert again.progress(call, [(1, 0)]) == [READER]


def test_a_reader_beside_the_writer_sees_what_is_written(
    store: HomeStore, open_reader: Callable[[], HomeStore], call: Call
) -> None:
    reader = open_reader()
    store.write(call, [(READER, post(1))])
    assert ids(reader.read(call, READER, ALL, 0, 10)) == [1]


def test_a_version_that_is_the_same_says_that_nothing_was_written(
    store: HomeStore, open_reader: Callable[[], HomeStore], call: Call
) -> None:
    reader = open_reader()
    seen = [reader.version(call)]
    for number in (1, 2, 3):
        store.write(call, [(READER, post(number))])
        assert reader.version(call) not in seen
        seen.append(reader.version(call))
        assert ids(reader.read(call, READER, ALL, 0, 10))[0] == number
    store.expire(call, 0, 10, 2)
    assert reader.version(call) not in seen


def test_what_is_old_goes_some_users_at_a_time(store: HomeStore, call: Call) -> None:
    store.write(
        call, [(user, post(n)) for user in (1, 2, 3) for n in (10, 20)], [Progress(10, 0, 5), Progress(20, 0, 5)]
    )
    assert store.expire(call, 0, 2, 20) == 2
    assert [ids(store.read(call, user, ALL, 0, 10)) for user in (1, 2, 3)] == [[20], [20], [20, 10]]
    assert store.expire(call, 2, 2, 20) == 3
    assert ids(store.read(call, 3, ALL, 0, 10)) == [20]
    assert store.expire(call, 3, 2, 20) == 0
    assert store.progress(call, [(10, 0), (20, 0)]) == [0, 5]
