"""A crowd that uses the whole system at once, each member checking at once what was promised to him."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from murmuration.v1.errors_pb2 import ErrorReason
from murmuration_server.platform.errors import MurmurationError, Unavailable
from murmuration_server.platform.ids import time_ms
from tests.support.model import Entry, Kind, Model
from tests.support.sim import DEGRADED, READY, Person, System, settings

FAULTS = ("homes.write", "log.append", "graph.list_followers", "states.active_at", "tweets.restore", "log.commit")
"""Calls of workers that fail now and then."""
FAULT_SHARE = 0.03
EXPECTED = ("ERROR_REASON_TWEET_NOT_FOUND", "ERROR_REASON_BLOCKED")


def seeds(least: int) -> list[int]:
    """TEST_SEEDS: how many times as many; for long nights."""
    return list(range(1, 1 + int(least * float(os.environ.get("TEST_SEEDS", "1")))))


def crowd_settings(seed: int) -> Any:
    """Small figures, so that few posts and people come to every bound; some differ from seed to seed."""
    chance = Random(f"{seed}-settings")
    return settings(
        timeline={
            "home_size": chance.choice([12, 800]),
            "repost_window": 3,
            "fetch": 4,
            "activity_horizon_ms": 3000,
            "activity_margin_ms": 1000,
            "activity_touch_ms": 200,
            "rebuild_retry_ms": 1000,
            "view_full_refresh_ms": 700,
            "view_merge_authors": chance.choice([1, 64]),
        },
        tweets={"recent_size": chance.choice([4, 800])},
        graph={
            "followers_per_shard": 3,
            "pull_above_followers": chance.choice([2, 1000]),
            "push_below_followers": 1,
            "mode_refresh_ms": 50,
            "max_blocks_cached": chance.choice([1, 4096]),
        },
        fanout={
            "page_size": 2,
            "large_followers": 2,
            "batch": 3,
            "partitions": 2,
            "backfill_size": chance.choice([2, 100]),
            "rebuild_size": chance.choice([3, 1200]),
        },
        outbox={"bucket_ms": 500, "resweep_ms": 500, "margin_ms": 100},
    )


@dataclass
class Crowd:
    """`scenario` is what `simulate` runs."""

    seed: int
    members: int = 6
    tasks: int = 3
    actions: int = 14
    faults: bool = True
    clock_offset_ms: int | None = None
    """Of a second serving process; None: there is none."""
    people: list[Person] = field(default_factory=list)
    blocked_pairs: set[frozenset[int]] = field(default_factory=set)
    follows: dict[tuple[int, int], bool] = field(default_factory=dict)
    acked_ms: dict[int, int] = field(default_factory=dict)

    def scenario(self, system: System) -> None:
        self._system = system
        chosen = system.settings
        self.model = Model(home_size=chosen.timeline.home_size, repost_window=chosen.timeline.repost_window)
        if self.clock_offset_ms is not None:
            system.spread(self.clock_offset_ms, f"{self.seed}-processes")
        self.people = [system.person(f"user{number}") for number in range(self.members)]
        if self.faults:
            self._break_now_and_then()
        self._check_first_follows()
        lives = [(f"crowd-{number}", partial(self._live, number)) for number in range(self.tasks)]
        system.together(*lives, ("operator", self._operate))
        system.runtime.hooks.clear()
        self.check_at_rest()

    def check_at_rest(self) -> None:
        self._system.rest()
        self._learn_relations()
        # The first reading may ask for rebuilds; the second is of what they leave.
        for _ in range(2):
            for person in self.people:
                self._check_home(person)
            self._system.rest()
        for person in self.people:
            self._check_counts(person)

    def _check_first_follows(self) -> None:
        """Some follows stand from the beginning, so that deliveries have somewhere to go."""
        chance = Random(f"{self.seed}-first")
        for person in self.people:
            for other in chance.sample([one for one in self.people if one is not person], 2):
                self._follow(person, other, chance)

    def _live(self, number: int) -> None:
        share = self.people[number :: self.tasks]
        chance = Random(f"{self.seed}-{number}")
        acts = [self._post] * 5 + [self._reply, self._repost, self._delete] * 2 + [self._unfollow] * 2
        acts += [self._follow] * 3 + [self._mute, self._unmute, self._block, self._unblock] + [self._walk] * 3
        for _ in range(self.actions):
            person = chance.choice(share)
            other = chance.choice([one for one in self.people if one is not person])
            try:
                chance.choice(acts)(person, other, chance)
            except MurmurationError as error:
                if ErrorReason.Name(error.reason) not in EXPECTED:
                    raise
            if chance.random() < 0.3:
                self._system.runtime.sleep(chance.uniform(0, 0.9))

    def _operate(self) -> None:
        """Flushes caches, moves authors between modes, asks for rebuilds."""
        chance = Random(f"{self.seed}-operator")
        for _ in range(self.actions // 2):
            what, person = chance.choice(["flush", "mode", "mode", "mode", "rebuild"]), chance.choice(self.people)
            if what == "flush":
                self._system.serving.cache.flush(self._system.call())
            elif what == "mode":
                self._system.pin_mode(person, chance.choice([0, 1, 2]))
            else:
                self._system.request_rebuild(person)
            self._system.runtime.sleep(chance.uniform(0, 0.5))

    def _break_now_and_then(self) -> None:
        chance, runtime = Random(f"{self.seed}-faults"), self._system.runtime
        self._system.expects_errors = True

        def fail(*_arguments: object) -> None:
            if chance.random() < FAULT_SHARE and not runtime.task_name().startswith(("crowd", "main", "operator")):
                raise Unavailable("a part that the test breaks")

        self._system.runtime.hooks.update(dict.fromkeys(FAULTS, fail))

    # What members do; each is followed by what was promised for the next read.

    def _post(self, person: Person, other: Person, chance: Random) -> None:
        mentions = chance.random() < 0.2
        tweet_id = person.post(f"hello @{other.handle}" if mentions else "hello")
        self._add(person, tweet_id, Kind.POST, mentions=frozenset({other.user_id} if mentions else ()))
        assert tweet_id in person.page().ids, "he does not see his own post"

    def _reply(self, person: Person, other: Person, chance: Random) -> None:
        parent = self._any_post(chance)
        tweet_id = person.post("I see", reply_to=parent)
        about = self.model.original(parent).id
        assert tweet_id > about
        self._add(person, tweet_id, Kind.REPLY, about)
        assert tweet_id in person.page().ids, "he does not see his own reply"

    def _repost(self, person: Person, other: Person, chance: Random) -> None:
        subject = self._any_post(chance)
        tweet_id = person.repost(subject)
        if tweet_id not in self.model.entries:
            self._add(person, tweet_id, Kind.REPOST, self.model.original(subject).id)

    def _delete(self, person: Person, other: Person, chance: Random) -> None:
        own = [entry.id for entry in self._standing() if entry.author == person.user_id]
        if own:
            tweet_id = chance.choice(own)
            person.delete(tweet_id)
            self.model.delete(tweet_id)
            assert tweet_id not in person.home(), "he sees what he deleted"

    def _follow(self, person: Person, other: Person, chance: Random) -> None:
        known = person.relationships([other])[other.user_id].following
        before = self._plain_posts(other)
        person.follow(other, hide_reposts=chance.random() < 0.2)
        self.follows[person.user_id, other.user_id] = True
        home = person.home()
        # Of whom he followed already, posts may still be on their way.
        if not known and self._unhindered(person, other) and len(home) < self._system.settings.timeline.home_size:
            after = self._plain_posts(other)
            assert before & after <= set(home), "a follow does not bring the posts"

    def _unfollow(self, person: Person, other: Person, chance: Random) -> None:
        person.unfollow(other)
        self.follows[person.user_id, other.user_id] = False
        assert other.user_id not in self._authors(person), "an unfollow does not act"

    def _mute(self, person: Person, other: Person, chance: Random) -> None:
        person.mute(other)
        assert other.user_id not in self._authors(person), "a mute does not act"

    def _unmute(self, person: Person, other: Person, chance: Random) -> None:
        person.unmute(other)

    def _block(self, person: Person, other: Person, chance: Random) -> None:
        self.blocked_pairs.add(frozenset({person.user_id, other.user_id}))
        person.block(other)
        items = [item for page in person.walk() for item in page.items]
        people = {item.tweet.author_id for item in items} | {item.tweet.reposted_user_id for item in items}
        assert other.user_id not in people, "a block does not act"

    def _unblock(self, person: Person, other: Person, chance: Random) -> None:
        person.unblock(other)

    def _walk(self, person: Person, other: Person, chance: Random) -> None:
        gone = frozenset(self.model.deleted)
        home = person.home(size=chance.randint(1, 7))
        assert not gone & set(home), "a deleted post is shown"
        self._check_delivered(person, other)

    def _check_delivered(self, person: Person, other: Person) -> None:
        """All that was acked before the moment that a page names is in it."""
        if not self._unhindered(person, other):
            return
        page = person.page()
        # The moment is named by the clock of the process that answers.
        as_of_ms = page.as_of_ms - abs(self.clock_offset_ms or 0)
        before = {tweet_id for tweet_id in self._plain_posts(other) if self.acked_ms[tweet_id] < as_of_ms}
        if self._unhindered(person, other) and page.status == READY and not page.token:
            missing = {tweet_id: self.acked_ms[tweet_id] for tweet_id in before & self._plain_posts(other)}
            for tweet_id in page.ids:
                missing.pop(tweet_id, None)
            assert not missing, f"less is delivered than is said, as of {page.as_of_ms}"

    # What they look at.

    def _add(
        self, person: Person, tweet_id: int, kind: Kind, about: int = 0, mentions: frozenset[int] = frozenset()
    ) -> None:
        self.acked_ms[tweet_id] = self._system.runtime.now_ms()
        self.model.add(Entry(tweet_id, person.user_id, time_ms(tweet_id), kind, about, mentions))

    def _standing(self) -> list[Entry]:
        return [entry for entry in self.model.entries.values() if entry.id not in self.model.deleted]

    def _any_post(self, chance: Random) -> int:
        standing = [entry.id for entry in self._standing()]
        return chance.choice(standing) if standing else 1

    def _plain_posts(self, author: Person) -> set[int]:
        return {
            entry.id
            for entry in self._standing()
            if entry.author == author.user_id and entry.kind is Kind.POST and not entry.mentions
        }

    def _authors(self, person: Person) -> set[int]:
        return {item.tweet.author_id for page in person.walk() for item in page.items}

    def _unhindered(self, person: Person, other: Person) -> bool:
        found = person.relationships([other])[other.user_id]
        return found.following and not (found.muting or found.blocking or found.blocked_by)

    def _learn_relations(self) -> None:
        """Who blocks whom while others follow is decided by who comes last: the model is told what came of it."""
        for person in self.people:
            for other_id, found in person.relationships(one for one in self.people if one is not person).items():
                pair = person.user_id, other_id
                if frozenset(pair) not in self.blocked_pairs:
                    assert found.following == self.follows.get(pair, False), "what was acked does not stand"
                if found.following:
                    self.model.follow(*pair, hide_reposts=not found.shows_reposts)
                if found.muting:
                    self.model.mutes.add(pair)
                if found.blocking:
                    self.model.blocks.add(pair)

    def _check_home(self, person: Person) -> None:
        wanted = self.model.home(person.user_id, self._system.runtime.now_ms())
        for size in (100, 3):
            pages = person.walk(size)
            assert {page.status for page in pages} <= {READY, DEGRADED}
            found = [tweet_id for page in pages for tweet_id in page.ids]
            assert found == wanted, f"{person}, pages of {size}"

    def _check_counts(self, person: Person) -> None:
        assert person.follow_counts() == self.model.follow_counts(person.user_id)
        for entry in self._standing():
            if entry.author == person.user_id and entry.kind is not Kind.REPOST:
                assert person.counts(entry.id) == self.model.counts(entry.id)
