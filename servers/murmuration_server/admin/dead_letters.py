"""Pages of dead letters."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.dead_letter import DeadLetter, LetterState


def page(
    letters: Sequence[DeadLetter], size: int, before_ms: int | None, group: str, *, settled: bool
) -> tuple[list[DeadLetter], int | None]:
    """Of letters that come newest first: those of before a time, and the time to go on before (None at the end).

    Letters of one millisecond stay together, so a page may be longer than `size`.
    """
    wanted = [
        letter
        for letter in letters
        if (before_ms is None or letter.set_aside_ms < before_ms)
        and (settled or letter.state is LetterState.OPEN)
        and (not group or letter.group == group)
    ]
    end = min(size, len(wanted))
    while end < len(wanted) and wanted[end].set_aside_ms == wanted[end - 1].set_aside_ms:
        end += 1
    return wanted[:end], wanted[end - 1].set_aside_ms if end < len(wanted) else None
