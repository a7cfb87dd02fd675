"""Who sees what: candidates are decided by the reader's present relations, and by what is gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from murmuration_server.graph.client import Relations
from murmuration_server.tweets.client import Candidate, TweetKind, TweetRecord


@dataclass(frozen=True, slots=True)
class Reader:
    """`barred`: whoever the reader blocks or is blocked by, as far as it is known."""

    user_id: int
    relations: Relations
    barred: frozenset[int]


def allowed_by_relations(candidate: Candidate, reader: Reader) -> bool:
    """What can be said without the post itself."""
    relations = reader.relations
    own = candidate.author_id == reader.user_id
    if not own and candidate.author_id not in relations.visible:
        return False
    kind = candidate.kind
    if kind is TweetKind.REPOST:
        return _repost_allowed(candidate, reader)
    if kind is TweetKind.REPLY and not own:
        # A thread of the author's own needs no rule of its own: whoever sees it follows its parent's author.
        return candidate.subject_author_id == reader.user_id or candidate.subject_author_id in relations.following
    return True


def _repost_allowed(candidate: Candidate, reader: Reader) -> bool:
    if candidate.subject_author_id in reader.barred:
        return False
    relations = reader.relations
    return candidate.author_id == reader.user_id or not (
        candidate.author_id in relations.reposts_hidden or candidate.subject_author_id in relations.muted
    )


def allowed_by_content(candidate: Candidate, records: Mapping[int, TweetRecord], reader: Reader) -> bool:
    """Whether it stands, what it is about stands, and it mentions nobody who is barred."""
    record = records.get(candidate.tweet_id)
    if record is None or record.deleted:
        return False
    kind = candidate.kind
    if is_own_post(candidate, reader):
        return True
    if candidate.subject_id:
        subject = records.get(candidate.subject_id)
        if subject is None or subject.deleted:
            return False
        if kind is TweetKind.REPOST:
            record = subject
    return not record.mentioned or reader.barred.isdisjoint(record.mentioned)


def is_own_post(candidate: Candidate, reader: Reader) -> bool:
    """The reader's own words stand, whoever they mention or answer; his reposts are others' words."""
    return candidate.author_id == reader.user_id and candidate.kind is not TweetKind.REPOST


def people_in(candidate: Candidate, records: Mapping[int, TweetRecord]) -> Iterable[int]:
    """Everybody who appears in an entry: to ask about those who block a reader whom very many block."""
    yield candidate.author_id
    if candidate.subject_id:
        yield candidate.subject_author_id
    shown = candidate.subject_id if candidate.kind is TweetKind.REPOST else candidate.tweet_id
    yield from records[shown].mentioned


def repeats(entry: Candidate, older: Sequence[Candidate]) -> bool:
    """A repost is dropped if its original or another repost of it is among the next older entries."""
    original = entry.subject_id
    return any(
        other.tweet_id == original or (other.kind is TweetKind.REPOST and other.subject_id == original)
        for other in older
    )
