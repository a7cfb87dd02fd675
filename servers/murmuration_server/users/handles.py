"""The rules for a user's two names: the handle others mention and the name they see."""

import re
import unicodedata
from typing import Final, Literal

MAX_HANDLE_CHARACTERS: Final = 15
MAX_DISPLAY_NAME_CODE_POINTS: Final = 50

# Anchored at both ends, so that every way of matching means the whole handle. ('$' would let a
# line feed follow it.)
HANDLE_PATTERN: Final = re.compile(rf"\A[A-Za-z0-9_]{{1,{MAX_HANDLE_CHARACTERS}}}\Z")

# NFC composes at most four code points into one. Twice that leaves room for white space around
# the name; normalising anything longer would be work for nothing, and it can be quadratic.
_MAX_RAW_DISPLAY_NAME: Final = 8 * MAX_DISPLAY_NAME_CODE_POINTS

# A name is one line, so line feed, tab and the two Unicode line breaks count as control characters.
_CONTROL = re.compile(r"[\x00-\x1F\x7F-\x9F\u2028\u2029]")
_BIDI_OVERRIDE = re.compile(r"[\u202A-\u202E\u2066-\u2069]")
_SURROGATE = re.compile(r"[\uD800-\uDFFF]")

HandleRule = Literal["EMPTY", "TOO_LONG", "BAD_CHARACTER"]
DisplayNameRule = Literal["TOO_LONG", "CONTROL_CHARACTER", "BIDI_OVERRIDE", "NOT_UNICODE"]


class HandleRejected(ValueError):
    """A string that cannot be a handle; `rule` names the broken rule and str() says what to do."""

    def __init__(self, rule: HandleRule, sentence: str) -> None:
        super().__init__(sentence)
        self.rule: str = rule


class DisplayNameRejected(ValueError):
    """A string that cannot be a display name; `rule` and str() are as for HandleRejected."""

    def __init__(self, rule: DisplayNameRule, sentence: str) -> None:
        super().__init__(sentence)
        self.rule: str = rule


def check_handle(handle: str) -> str:
    """Return `handle` as given, if it is 1 to 15 ASCII letters, digits and underscores.

    Raises:
        HandleRejected: with rule EMPTY, TOO_LONG or BAD_CHARACTER.
    """
    if HANDLE_PATTERN.match(handle):
        return handle
    if not handle:
        raise HandleRejected("EMPTY", "A handle may not be empty.")
    if len(handle) > MAX_HANDLE_CHARACTERS:
        raise HandleRejected("TOO_LONG", f"A handle may have at most {MAX_HANDLE_CHARACTERS} characters.")
    raise HandleRejected("BAD_CHARACTER", "A handle may have only ASCII letters, digits and underscores.")


def fold(handle: str) -> str:
    """Return the key under which `handle` is unique: the handle in lower case.

    Lower case is enough. Handles are ASCII only, so no letter of another script, no accent and no
    invisible character can make a second handle that looks like a first one. The handle is
    checked here too, because lower-casing is safe only in ASCII: the Kelvin sign's is a plain 'k'.

    Raises:
        HandleRejected: as check_handle does.
    """
    return check_handle(handle).lower()


def check_display_name(name: str) -> str:
    """Return `name` in NFC without white space around it, if it has at most 50 code points then.

    It may be empty, may be in any script and need not be unique.

    Raises:
        DisplayNameRejected: with rule TOO_LONG, CONTROL_CHARACTER (line breaks are such),
            BIDI_OVERRIDE or NOT_UNICODE.
    """
    too_long = DisplayNameRejected(
        "TOO_LONG", f"A display name may have at most {MAX_DISPLAY_NAME_CODE_POINTS} code points."
    )
    if len(name) > _MAX_RAW_DISPLAY_NAME:
        raise too_long
    if _SURROGATE.search(name):
        raise DisplayNameRejected("NOT_UNICODE", "A display name may not have half of a surrogate pair.")
    if _CONTROL.search(name):
        raise DisplayNameRejected("CONTROL_CHARACTER", "A display name may have no control character or line break.")
    if _BIDI_OVERRIDE.search(name):
        raise DisplayNameRejected("BIDI_OVERRIDE", "A display name may not override the direction of text.")
    name = unicodedata.normalize("NFC", name).strip()
    if len(name) > MAX_DISPLAY_NAME_CODE_POINTS:
        raise too_long
    return name
