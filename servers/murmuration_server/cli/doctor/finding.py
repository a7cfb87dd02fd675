"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """status: OK; WARN: it works, and something is to be known; FAIL: `murmurd up` or its users will meet it.

    what: one sentence. step: what to do next; empty if all is well.
    """

    check: str
    status: str
    what: str
    step: str = ""
