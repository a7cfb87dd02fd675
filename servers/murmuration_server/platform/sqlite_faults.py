"""What SQLite's result codes mean to whoever keeps the system running: one sentence, and what to do."""

from __future__ import annotations

import sqlite3

from murmuration_server.platform.errors import StoreFault, Unavailable

_MASK = 0xFF
"""Of an extended result code: the primary one (sqlite.org/rescode.html)."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def is_of_the_file(error: BaseException) -> bool:
    """Whether the file or its disk is at fault, and not what was asked of it."""
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


def is_damage(error: sqlite3.Error) -> bool:
    return _primary(error) in _DAMAGED


def fault(file: str, error: sqlite3.Error) -> StoreFault | Unavailable:
    """What a call is told that met `error`."""
    code = _primary(error)
    if code == sqlite3.SQLITE_FULL:
        return StoreFault(f"The disk that holds {file} is full: free some space, and writes go on by themselves.")
    if code == sqlite3.SQLITE_IOERR:
        return StoreFault(f"The disk that holds {file} fails ({error}): check it, its quota and its free space.")
    if code in _DAMAGED:
        return StoreFault(f"{file} is damaged ({error}): stop murmurd and restore the data folder from a backup.")
    return Unavailable(f"the store {file} ({error})")


def refusal(path: object, error: sqlite3.Error) -> str:
    """Why the file at `path` cannot be opened."""
    if is_damage(error):
        return f"{path} is not a readable database ({error}). Restore the data folder from a backup."
    return f"Cannot open {path}: {error}. Check that the folder exists, is writable and has free space."


def _primary(error: sqlite3.Error) -> int | None:
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & _MASK
