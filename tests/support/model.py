"""The reference model: what a home is, in the fewest words. It knows nothing of how the system does it.

A home of a reader holds the newest `home_size` of the entries that he may see, newest first (the order of ids), from
the horizon on.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field


class Kind(enum.Enum):
    POST = "post"
    REPLY = "reply"
    REPOST = "repost"


@dataclass(frozen=True)
class Entry:
    """`about`: the id of what is answered or reposted, itself never a repost. `mentions`: who existed and was named."""

    id: int
    author: int
    created_ms: int
    kind: Kind = Kind.POST
    about: int = 0
    mentions: frozenset[int] = frozenset()


@dataclass
class Model:
    home_size: int = 800
    horizon_ms: int = 30 * 86_400_000
    repost_window: int = 40
    entries: dict[int, Entry] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    follows: dict[tuple[int, int], bool] = field(default_factory=dict)
    """(follower, followee) to whether his reposts are hidden."""
    blocks: set[tuple[int, int]] = field(default_factory=set)
    mutes: set[tuple[int, int]] = field(default_factory=set)

    # What people do

    def add(self, entry: Entry) -> None:
        self.entries[entry.id] = entry

    def delete(self, id_: int) -> None:
        self.deleted.add(id_)

    def follow(self, user: int, other: int, hide_reposts: bool = False) -> None:
        self.follows[user, other] = hide_reposts

    def unfollow(self, user: int, other: int) -> None:
        self.follows.pop((user, other), None)

    def block(self, user: int, other: int) -> None:
        self.blocks.add((user, other))
        self.unfollow(user, other)
        self.unfollow(other, user)

    def original(self, id_: int) -> Entry:
        """Whoever answers or reposts a repost means what was reposted."""
        entry = self.entries[id_]
        return self.entries[entry.about] if entry.kind is Kind.REPOST else entry

    # What follows from it

    def stands(self, id_: int) -> bool:
        """Neither it nor, of a repost, its original is deleted."""
        return id_ in self.entries and id_ not in self.deleted and self.original(id_).id not in self.deleted

    def home(self, reader: int, now_ms: int) -> list[int]:
        """The ids of a home."""
        allowed = self.candidates(reader, now_ms)
        home = [entry for place, entry in enumerate(allowed) if not self._repeated(entry, allowed[place + 1 :])]
        return [entry.id for entry in home[: self.home_size]]

    def candidates(self, reader: int, now_ms: int) -> list[Entry]:
        """All that the reader may see, newest first, before repetitions are dropped."""
        recent = [entry for entry in self.entries.values() if entry.created_ms >= now_ms - self.horizon_ms]
        seen = [entry for entry in recent if self.may_see(reader, entry)]
        return sorted(seen, key=lambda entry: -entry.id)

    def may_see(self, reader: int, entry: Entry) -> bool:
        own = entry.author == reader
        if not self.stands(entry.id):
            return False
        if own and entry.kind is not Kind.REPOST:
            return True
        shown = self.original(entry.id)
        if self.barred(reader, [entry.author, shown.author, *shown.mentions]):
            return False
        if own:
            return True
        if not self.reads(reader, entry.author):
            return False
        if entry.kind is Kind.REPOST:
            return not self.follows[reader, entry.author] and (reader, shown.author) not in self.mutes
        return entry.kind is Kind.POST or self._reply_concerns(reader, entry)

    def reads(self, reader: int, other: int) -> bool:
        """Whether anything of the other may be in the reader's home."""
        return (
            (reader, other) in self.follows and (reader, other) not in self.mutes and not self.barred(reader, [other])
        )

    def barred(self, reader: int, people: Iterable[int]) -> bool:
        """Whether the reader blocks one of them, or is blocked by one."""
        return any((reader, other) in self.blocks or (other, reader) in self.blocks for other in people)

    def _reply_concerns(self, reader: int, reply: Entry) -> bool:
        parent = self.entries[reply.about]
        concerns = parent.author == reader or (reader, parent.author) in self.follows or self._is_self_thread(reply)
        return concerns and parent.id not in self.deleted

    def _is_self_thread(self, reply: Entry) -> bool:
        """Every ancestor is by its author, whether it stands or not."""
        entry = reply
        while entry.kind is Kind.REPLY:
            entry = self.entries[entry.about]
            if entry.author != reply.author:
                return False
        return True

    def _repeated(self, entry: Entry, older: list[Entry]) -> bool:
        """Whether what is reposted is found again among the next older entries."""
        return entry.kind is Kind.REPOST and any(
            other.id == entry.about or (other.kind is Kind.REPOST and other.about == entry.about)
            for other in older[: self.repost_window]
        )

    # Counts

    def counts(self, id_: int) -> tuple[int, int]:
        """Replies and reposts that are not deleted."""
        about = [entry for entry in self.entries.values() if entry.about == id_ and entry.id not in self.deleted]
        replies = sum(entry.kind is Kind.REPLY for entry in about)
        return replies, len(about) - replies

    def repost_of(self, user: int, original: int) -> int | None:
        """The user's repost that stands."""
        return next(
            (
                entry.id
                for entry in self.entries.values()
                if entry.kind is Kind.REPOST
                and (entry.author, entry.about) == (user, original)
                and entry.id not in self.deleted
            ),
            None,
        )

    def follow_counts(self, user: int) -> tuple[int, int]:
        """Followers and following."""
        return sum(pair[1] == user for pair in self.follows), sum(pair[0] == user for pair in self.follows)
