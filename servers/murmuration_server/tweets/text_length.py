"""How much a post weighs against its limit.

The rule is the published one of the best-known microblog (its text library's configuration,
version 3): a code point weighs 2 unless it lies in one of four ranges of shorter scripts and
punctuation, where it weighs 1; an emoji weighs 2 however many code points draw it; a link weighs
23 however long it is.
"""

from collections.abc import Iterable
from typing import Final

import regex

from murmuration_server.tweets.entities import Span

DEFAULT_WEIGHT: Final = 2
LIGHT_WEIGHT: Final = 1
EMOJI_WEIGHT: Final = 2
LINK_WEIGHT: Final = 23

# Code points of weight 1; a range's end is exclusive, as everywhere in Python.
LIGHT_RANGES: Final = (range(4352), range(8192, 8206), range(8208, 8224), range(8242, 8248))

# The longest family and couple emoji join four people. A longer chain is counted piece by piece:
# were it one emoji, a post of any size could weigh 2.
MAX_JOINED_EMOJI: Final = 4

# Only emoji of several code points need finding; one alone weighs what its code point does. The
# shapes are those of Unicode Technical Standard #51, with bounds.
_TINTED = r"\p{Emoji_Modifier_Base}\uFE0F?\p{Emoji_Modifier}"  # with a skin tone
_PIECE = rf"(?:{_TINTED}|\p{{Extended_Pictographic}}\uFE0F?)"
_EMOJI_SEQUENCE = regex.compile(
    r"\p{Regional_Indicator}{2}"  # a country's flag
    r"|[0-9#*]\uFE0F?\u20E3"  # a keycap
    r"|\U0001F3F4[\U000E0020-\U000E007E]{1,7}\U000E007F"  # a region's flag: letters of its code as tags
    rf"|{_PIECE}(?:\u200D{_PIECE}){{1,{MAX_JOINED_EMOJI - 1}}}"
    rf"|{_TINTED}"
    r"|\p{Extended_Pictographic}\uFE0F"
)


def weighted_length(text: str, links: Iterable[Span]) -> int:
    """Return the weight of NFC `text`, in which `links` are the spans that count as links.

    `links` are in order and do not overlap. The weight is in the microblog's "characters", of
    which a post may have 280.
    """
    total = 0
    done = 0
    for link in links:
        total += _plain_weight(text[done : link.start]) + LINK_WEIGHT
        done = link.end
    return total + _plain_weight(text[done:])


def _plain_weight(text: str) -> int:
    rest, emoji = _EMOJI_SEQUENCE.subn("", text)
    return int(emoji) * EMOJI_WEIGHT + sum(_code_point_weight(ord(character)) for character in rest)


def _code_point_weight(code_point: int) -> int:
    light = any(code_point in light_range for light_range in LIGHT_RANGES)
    return LIGHT_WEIGHT if light else DEFAULT_WEIGHT
