"""How people name accounts on the command line: `alice`, `@alice` or `id:123`."""

from __future__ import annotations

import typer

from murmuration_client.terms import MAX_ID

ID_PREFIX = "id:"


def parse_user(name: str) -> int | str:
    """An id (int) or a handle (str, without "@"). Raises typer.BadParameter."""
    if name.startswith(ID_PREFIX):
        return _parse_id(name.removeprefix(ID_PREFIX))
    handle = name.removeprefix("@")
    if not handle:
        raise typer.BadParameter("a handle is missing; name an account as alice, @alice or id:123")
    return handle


def _parse_id(digits: str) -> int:
    # len: int() refuses thousands of digits, with words that help nobody.
    if digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_ID)) and 0 < int(digits) <= MAX_ID:
        return int(digits)
    raise typer.BadParameter(f"{ID_PREFIX} must be followed by a number from 1 to {MAX_ID}")
