"""Text that may be printed: other people's words must not steer the terminal or reorder the line around them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from datetime import datetime

# Control, format, surrogate, line separator, paragraph separator. Unassigned code points stay: they may be newer emoji.
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # emoji sequences, and scripts that need them
_TAGS = range(0xE0020, 0xE0080)  # in flags of regions


def printable(text: str, *, newlines: bool = False) -> str:
    """The text with control characters, bidirectional overrides and the like as `\\x1b`, `\\u202e`.

    newlines: whether line feeds stay as they are.
    """
    return _replace_unsafe(text, "\n" if newlines else "", _python_escape)


def printable_json(document: object, *, indent: int | None = 2) -> str:
    """The document as JSON that keeps letters of all scripts and escapes what a terminal may act on.

    indent: of each level; None: all on one line.
    """
    return _replace_unsafe(json.dumps(document, indent=indent, ensure_ascii=False), "\n", _json_escape)


def local_time(milliseconds: int) -> str:
    """Milliseconds since 1970 as local time, to the minute; the bare number where no calendar has it."""
    try:
        return datetime.fromtimestamp(milliseconds / 1000).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, OSError, ValueError):
        return str(milliseconds)


def _replace_unsafe(text: str, keep: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char in keep or _is_safe(char) else escape(char) for char in text)


def _is_safe(char: str) -> bool:
    return (
        char.isprintable()
        or char in _JOINERS
        or ord(char) in _TAGS
        or unicodedata.category(char) not in _UNSAFE_CATEGORIES
    )


def _python_escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _json_escape(char: str) -> str:
    return json.dumps(char, ensure_ascii=True)[1:-1] if char != "\x7f" else "\\u007f"
