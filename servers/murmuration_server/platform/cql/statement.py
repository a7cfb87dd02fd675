"""Statements, as data: prepared once a process, and sent with what stands here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """CQL with `?` for each value. Each may be sent again without harm, but for `conditional` ones.

    `conditional`: a lightweight transaction (`IF …`). `serial`: a read that first finishes or undoes whatever
    lightweight transaction is under way, so that it shows how one that timed out ended. `falls_back`: a read that is
    better answered by one replica than not at all, for a call that may fall back.
    """

    text: str
    conditional: bool = False
    serial: bool = False
    falls_back: bool = False


Request = tuple[Statement, Sequence[object]]
"""A statement and its values."""
