"""Reads against everything that goes on: own writes, relations, cursors, caches, requests that come twice."""

from __future__ import annotations

import pytest

from tests.support.sim import READY, Person, System, settings, simulate

SEEDS = (1, 2, 3)
ONCE = "6f1c0f0e-9c1e-4b1e-8f6e-0d3a5b7c9e11"


def pair(system: System) -> tuple[Person, Person]:
    """(author, follower), with nothing under way."""
    author, reader = system.people("author reader")
    reader.follow(author)
    system.rest()
    return author, reader


def test_a_writer_sees_his_own_writes_before_any_worker_runs() -> None:
    def scenario(system: System) -> None:
        person = system.person("person")
        posts = []
        for _ in range(3):
            posts.append(person.post())
            assert person.home() == posts[::-1]
        person.delete(posts.pop(1))
        assert person.home() == posts[::-1]

    simulate(1, scenario, start=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_sees_his_own_write_while_his_posts_are_being_read(seed: int) -> None:
    """A fill of his recent posts is under way: it has read the store before his write, and must not stand."""

    def scenario(system: System) -> None:
        person = system.person("person")
        person.page()
        system.evict("recent")
        filling = system.hold("filler", "tweets.list_recent.done")
        filler = system.begin("filler", person.page)
        filling.wait()
        post = person.post()
        filling.open()
        filler.result()
        assert person.home() == [post]

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fill_that_began_before_an_unfollow_does_not_stand(seed: int) -> None:
    """The event's consumer, who deletes the entry again, comes later."""

    def scenario(system: System) -> None:
        author, reader = pair(system)
        author.post()
        system.rest()
        mending = system.hold("relations-follower", "cache.delete")
        filling = system.hold("filler", "graph.get_relations.done")
        filler = system.begin("filler", reader.page)
        filling.wait()
        reader.unfollow(author)
        filling.open()
        filler.result()
        assert reader.home() == []
        mending.open()

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_joins_a_fill_that_is_older_than_a_change_he_must_see(seed: int) -> None:
    """The fill has put the relations into the cache and has not ended; then he unfollows, and reads."""

    def scenario(system: System) -> None:
        author, reader = pair(system)
        author.post()
        system.rest()
        reader.home()
        system.evict("rel")
        system.evict("recent")
        busy = system.hold("filler", "cache.cas_many.done")
        filler = system.begin("filler", reader.page)
        busy.wait()
        reader.unfollow(author)
        reading = system.begin("reader", reader.page)
        system.sleep(0.2)
        busy.open()
        filler.result()
        assert reading.result().ids == []

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_of_two_changes_at_once_the_later_one_is_seen(seed: int) -> None:
    """The first has stored a follow and comes late to the cache, where the second has been in between."""

    def scenario(system: System) -> None:
        reader, author = system.people("reader author")
        author.post()
        system.rest()
        reader.home()
        late = system.hold("first", "cache.delete", "cache.set")
        first = system.begin("first", lambda: reader.follow(author))
        late.wait()
        reader.unfollow(author)
        late.open()
        first.result()
        assert not reader.relationships([author])[author.user_id].following
        assert reader.home() == []

    simulate(seed, scenario)


def test_a_deleted_post_is_gone_on_the_next_read_of_everybody() -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        post = author.post()
        system.rest()
        assert reader.home() == author.home() == [post]
        author.delete(post)
        assert reader.home() == author.home() == []

    simulate(1, scenario)


def test_a_post_that_is_found_twice_is_shown_once() -> None:
    """It is in the stored home, and among the posts of one whose backfill is not marked yet."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        system.rest()
        late = system.hold("relations-follower", "tweets.list_recent")
        reader.follow(author)
        late.wait()
        post = author.post()
        system.sleep(1)
        assert system.sql("homes", "SELECT tweet_id FROM home WHERE user_id = ?", reader.user_id) == [(post,)]
        assert reader.home() == [post]
        late.open()

    simulate(1, scenario)


def test_a_walk_passes_over_what_may_not_be_shown() -> None:
    """There is so much of it that pages come out short, or empty, and still lead on."""

    def scenario(system: System) -> None:
        author, reader = pair(system)
        last = author.post()
        gone = [author.post() for _ in range(25)]
        system.rest()
        for post in gone:
            author.delete(post)
        shown = author.post()
        system.rest()
        pages = reader.walk(2, most_pages=20)
        assert [tweet_id for page in pages for tweet_id in page.ids] == [shown, last]
        assert any(not page.ids for page in pages)

    simulate(1, scenario, settings(timeline={"scan_per_page": 6}))


def test_a_walk_shows_what_was_there_at_its_first_page_though_posts_come_and_go() -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        posts = [author.post() for _ in range(12)]
        system.rest()
        page = reader.page(size=3)
        seen = page.ids
        while page.token:
            author.post()
            system.sleep(0.3)
            page = reader.page(page.token, 3)
            seen += page.ids
        assert seen == posts[::-1]

    simulate(1, scenario)


def test_a_walk_shows_no_more_than_a_home_holds_excluded_kinds_counted() -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        posts = [author.post() for _ in range(4)]
        replies = [author.post("I see", reply_to=posts[-1]) for _ in range(3)]
        system.rest()
        assert reader.home(2) == [*replies[::-1], *posts[:1:-1]]
        assert reader.home(2, exclude_replies=True) == posts[:1:-1]

    simulate(1, scenario, settings(timeline={"home_size": 5}))


def test_a_refresh_answers_only_what_is_newer_and_leaves_out_what_it_is_told_to() -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        old = [author.post() for _ in range(3)]
        answer = author.post("I see", reply_to=old[0])
        repost = author.repost(reader.post())
        new = author.post()
        system.rest()
        assert new in reader.home(since_tweet_id=old[-1])
        assert not set(old) & set(reader.home(size=1, since_tweet_id=old[-1]))
        assert answer in reader.home()
        assert answer not in reader.home(exclude_replies=True)
        assert repost not in reader.home(exclude_reposts=True)

    simulate(1, scenario, settings(timeline={"repost_window": 0}))


@pytest.mark.parametrize("seed", SEEDS)
def test_one_request_id_called_twice_at_once_has_one_effect(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        claimed = system.hold("first", "tweets.create")
        first = system.begin("first", lambda: author.post(request_id=ONCE))
        claimed.wait()
        second = author.post(request_id=ONCE)
        claimed.open()
        assert first.result() == second
        system.rest()
        assert reader.home() == author.home() == [second]

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_request_id_that_is_called_again_after_a_crash_finishes_under_its_id(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = pair(system)
        dead = system.hold("dies", "tweets.create")
        system.begin("dies", lambda: author.post(request_id=ONCE))
        dead.wait()
        claimed = system.sql("tweets", "SELECT tweet_id FROM claims")[0][0]
        assert author.post(request_id=ONCE) == claimed
        system.rest()
        assert reader.home() == [claimed]

    simulate(seed, scenario)


def test_a_reply_stands_above_its_parent_whatever_the_clocks_say() -> None:
    """The parent was written by a process whose clock is ahead."""

    def scenario(system: System) -> None:
        author, reader = pair(system)
        ahead = system.serve("ahead", clock_offset_ms=30_000)
        parent = system.via(author, ahead).post()
        reply = author.post("I see", reply_to=parent)
        assert reply > parent
        system.rest()
        page = reader.page()
        assert (page.ids, page.status) == ([reply, parent], READY)

    simulate(1, scenario)
