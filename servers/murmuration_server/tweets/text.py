"""The rules for a post's text: what may be written, how long it counts, what it points at."""

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

import regex

from murmuration_server.tweets.entities import (
    MAX_ENTITIES_OF_A_KIND,
    Hashtag,
    Link,
    Mention,
    Span,
    find_hashtags,
    find_links_and_emails,
    find_mentions,
)
from murmuration_server.tweets.text_length import weighted_length

__all__ = [
    "MAX_WEIGHTED_LENGTH",
    "Hashtag",
    "Link",
    "Mention",
    "ParsedText",
    "Span",
    "TextRejected",
    "TextRule",
    "parse",
]

MAX_WEIGHTED_LENGTH: Final = 280
# No work is done for a longer text: the eleven links that fit may have over a thousand code points each.
MAX_RAW_CODE_POINTS: Final = 16 * 1024
# Ordinary words stack two to five; the tallest known in use, a Tibetan monogram, stacks eight.
MAX_STACKED_MARKS: Final = 8
# Putting marks into their canonical order takes quadratic time, so a tall stack is refused before
# it. NFC composes at most four code points into one, so that many marks are too many after it too.
_HOPELESS_MARKS: Final = 4 * (MAX_STACKED_MARKS + 2)

TextRule = Literal[
    "EMPTY",
    "TOO_LONG",
    "CONTROL_CHARACTER",
    "BIDI_OVERRIDE",
    "TOO_MANY_MARKS",
    "TOO_MANY_ENTITIES",
    "NOT_UNICODE",
]

_SURROGATE = regex.compile(r"[\uD800-\uDFFF]")
_CONTROL = regex.compile(r"[^\P{Cc}\n\t]")
_BIDI_OVERRIDE = regex.compile(r"[\u202A-\u202E\u2066-\u2069]")
_HOPELESS_STACK = regex.compile(rf"\p{{M}}{{{_HOPELESS_MARKS}}}")
# A zero-width character between two marks does not part them on the screen.
_TALL_STACK = regex.compile(rf"(?V1)(?:\p{{M}}[\p{{DI}}--\p{{M}}]*+){{{MAX_STACKED_MARKS + 1}}}")
# Something to see: neither space nor control, nor ignorable when drawn (zero-width characters,
# fillers, selectors), nor the blank Braille pattern, nor a format character that draws nothing.
_VISIBLE = regex.compile(r"(?V1)[^\p{Z}\p{Cc}\p{DI}\u2800[\p{Cf}--\p{Prepended_Concatenation_Mark}]]")


class TextRejected(ValueError):
    """A text that may not be posted; `rule` names the broken rule and str() says what to do."""

    def __init__(self, rule: TextRule, sentence: str) -> None:
        super().__init__(sentence)
        self.rule: str = rule


@dataclass(frozen=True, slots=True)
class ParsedText:
    """A text that may be posted, in NFC and without white space around it, and what is in it.

    Offsets are in code points of `text`; each kind of entity is in the order of the text, and no
    two entities of any kind overlap.
    """

    text: str
    weighted_length: int
    mentions: tuple[Mention, ...]
    hashtags: tuple[Hashtag, ...]
    links: tuple[Link, ...]


def parse(text: str) -> ParsedText:
    """Check `text` against every rule of a post and find what it mentions, tags and links to.

    Parsing the result's own text gives the same result. Takes time linear in the text's length.

    Raises:
        TextRejected: for the first rule broken, and nothing else for any string.
    """
    _check_raw(text)
    text = unicodedata.normalize("NFC", text).strip()
    _check_normal(text)
    taken = find_links_and_emails(text)
    links = tuple(span for span in taken if isinstance(span, Link))
    mentions = find_mentions(text, taken)
    hashtags = find_hashtags(text, taken)
    for kind, found in (("links", links), ("mentions", mentions), ("hashtags", hashtags)):
        if len(found) > MAX_ENTITIES_OF_A_KIND:
            raise TextRejected(
                "TOO_MANY_ENTITIES", f"The text has more than {MAX_ENTITIES_OF_A_KIND} {kind}; remove some."
            )
    length = weighted_length(text, links)
    if length > MAX_WEIGHTED_LENGTH:
        raise TextRejected(
            "TOO_LONG",
            f"The text counts as {length} of at most {MAX_WEIGHTED_LENGTH} characters; shorten it.",
        )
    return ParsedText(text, length, mentions, hashtags, links)


def _check_raw(text: str) -> None:
    """Refuse what must not reach normalisation, or would be stripped away unseen."""
    if len(text) > MAX_RAW_CODE_POINTS:
        raise TextRejected("TOO_LONG", f"The text has more than {MAX_RAW_CODE_POINTS} code points; shorten it.")
    if found := _SURROGATE.search(text):
        raise TextRejected(
            "NOT_UNICODE",
            f"The text has half of a surrogate pair at offset {found.start()}; send valid Unicode.",
        )
    if found := _CONTROL.search(text):
        raise TextRejected(
            "CONTROL_CHARACTER",
            f"The text has control character U+{ord(found[0]):04X} at offset {found.start()}; "
            "of these, only line feed and tab may be used.",
        )
    if found := _BIDI_OVERRIDE.search(text):
        raise TextRejected(
            "BIDI_OVERRIDE",
            f"The text has direction control U+{ord(found[0]):04X} at offset {found.start()}; remove it.",
        )
    _refuse_stack(_HOPELESS_STACK, text)


def _check_normal(text: str) -> None:
    if not _VISIBLE.search(text):
        raise TextRejected("EMPTY", "The text has nothing to see in it; write something.")
    _refuse_stack(_TALL_STACK, text)


def _refuse_stack(stack: regex.Pattern[str], text: str) -> None:
    if found := stack.search(text):
        raise TextRejected(
            "TOO_MANY_MARKS",
            f"The text has more than {MAX_STACKED_MARKS} combining marks on one character "
            f"at offset {found.start()}; remove some.",
        )
