"""What a post's text points at: people, subjects and web pages.

Every offset is in Unicode code points of the text given, end exclusive. Every search here is
linear in the text, also for a text made to be slow: repeats are possessive, look-behinds stop a
run of characters from being tried again from its middle, and the link library is asked only where
a link may begin and no more once there are too many links.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import regex

MAX_ENTITIES_OF_A_KIND: Final = 50
# The longest link the best-known microblog's text library takes. A longer one is plain text.
MAX_LINK_CODE_POINTS: Final = 4096


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the text, in code points, end exclusive."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Mention(Span):
    """A handle as typed, without its '@'; whether anybody has it is not known here."""

    handle: str


@dataclass(frozen=True, slots=True)
class Hashtag(Span):
    """A tag as typed, without its '#'."""

    tag: str


@dataclass(frozen=True, slots=True)
class Link(Span):
    """A web page's address as typed, with https:// before it where no scheme was typed."""

    url: str


_WORD = r"\p{L}\p{M}\p{N}_"
_LABEL = r"[A-Za-z0-9]++(?:-++[A-Za-z0-9]++)*+"

# The handle's shape is users/handles.py's.
_MENTION = regex.compile(rf"(?<![{_WORD}@])@([A-Za-z0-9_]{{1,15}}+)(?![{_WORD}@])")

# A joiner belongs to a word only where spelling needs it: after an Arabic letter or after a mark
# such as an Indic virama (Unicode Standard Annex #31). Elsewhere it would make two tags that look
# the same. The mark that turns '#' or a digit into an emoji is no part of a word.
_TAG_CHARACTER = r"[\p{L}\p{N}_[\p{M}--[\uFE0F\u20E3]]]"
_HASHTAG = regex.compile(
    rf"(?V1)(?<![{_WORD}&#＃])[#＃]"
    r"(?=[\p{N}\p{M}]*+[\p{L}_])"  # not a bare number, such as '#1'
    rf"((?!\p{{M}})(?:{_TAG_CHARACTER}|(?<=[\p{{Arabic}}\p{{M}}])[\u200C\u200D](?=[\p{{L}}\p{{M}}]))++)"
)

# Where a link may begin, and e-mail addresses, which are neither links nor mentions. An address
# without a scheme is ASCII, as the published rules have it: in other scripts a neighbouring word
# would join the name. A scheme may follow any script's letters, since it cannot be mistaken.
_LINK_OR_EMAIL = regex.compile(
    r"(?<![A-Za-z0-9_])(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?+:)(?=//)"
    rf"|(?<![{_WORD}])(?P<email>[A-Za-z0-9_][A-Za-z0-9_.+%\-]{{0,63}}+@{_LABEL}(?:\.{_LABEL})++)"
    rf"|(?<![{_WORD}.@＠#＃/:\-])(?P<host>{_LABEL}(?:\.{_LABEL})++)(?![{_WORD}@\-])"
    r"(?![^\s@/\[\]()]{0,50}@)"  # a name before '@' would be read as a password's owner
)


def find_links_and_emails(text: str) -> list[Span]:
    """Return the links of `text` (as Link) and its e-mail addresses (as plain Span), in order.

    Links are http:// and https:// addresses and bare names under a known top-level domain; no
    other scheme is one. Stops one past MAX_ENTITIES_OF_A_KIND links.
    """
    found: list[Span] = []
    links = 0
    position = 0
    while links <= MAX_ENTITIES_OF_A_KIND and (candidate := _LINK_OR_EMAIL.search(text, position)):
        start, position = candidate.span()
        if candidate["email"]:
            found.append(Span(start, position))
        elif end := _link_end(text, candidate):
            # What follows the start of too long a link is not tried again: it would cost quadratic time.
            position = end
            if end - start <= MAX_LINK_CODE_POINTS:
                found.append(Link(start, end, _url(text[start:end], candidate["scheme"])))
                links += 1
    return found


def find_mentions(text: str, taken: Sequence[Span]) -> tuple[Mention, ...]:
    """Return the mentions of `text` outside the `taken` spans, in order."""
    found = (Mention(match.start(), match.end(), match[1]) for match in _MENTION.finditer(text))
    return tuple(mention for mention in found if not _overlaps(mention, taken))


def find_hashtags(text: str, taken: Sequence[Span]) -> tuple[Hashtag, ...]:
    """Return the hashtags of `text` outside the `taken` spans, in order."""
    found = (Hashtag(match.start(), match.end(), match[1]) for match in _HASHTAG.finditer(text))
    return tuple(hashtag for hashtag in found if not _overlaps(hashtag, taken))


def _link_end(text: str, candidate: Any) -> int:
    """Return where the candidate's link ends, however long it is, or 0 where it is none."""
    host = candidate["host"]
    if host and host.rpartition(".")[2].lower() not in _top_level_domains():
        return 0
    # The library wants what follows the scheme.
    start: int = candidate.start("host") if host else candidate.end("scheme")
    rest = f"//{text[start:]}" if host else text[start:]
    length = int(_linkify().test_schema_at(rest, "http:", 0))
    if not length:
        return 0
    return start + length - (len("//") if host else 0)


def _url(typed: str, scheme: str | None) -> str:
    return typed if scheme else "https://" + typed


def _overlaps(span: Span, taken: Sequence[Span]) -> bool:
    """Tell whether `span` shares a code point with one of the ordered, disjoint `taken` spans."""
    before = bisect_left(taken, span.end, key=lambda other: other.start)
    return before > 0 and taken[before - 1].end > span.start


@cache
def _linkify() -> Any:
    """Make the link library's object once, at first use, since its patterns are slow to compile.

    It only says where an address ends. Its own search of a whole text is quadratic (seconds for
    4,000 characters of '+a.'), and finds no link after a letter, as Japanese is written.
    """
    from linkify_it import LinkifyIt

    return LinkifyIt()


@cache
def _top_level_domains() -> frozenset[str]:
    from linkify_it.tlds import TLDS

    return frozenset(domain.lower() for domain in TLDS)
