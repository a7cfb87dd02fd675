"""Exit codes, and how an error is told: one sentence and a next step, without a traceback."""

from __future__ import annotations

import json
from typing import Any

from murmuration_client.cli.output import Output
from murmuration_client.errors import DeadlineExceeded, MurmurationError, NoServer, Overloaded, Unavailable

REFUSED = 1
USAGE = 2
NO_SERVER = 3
TRY_AGAIN = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells say it

EXIT_CODES_HELP = """\
Exit codes: 0 done, 1 the server said no, 2 wrong usage, 3 no server,
4 overloaded, unavailable or too slow: try again, 130 interrupted (Ctrl-C)."""


def exit_code(error: MurmurationError) -> int:
    """The exit code for a failed call."""
    if isinstance(error, NoServer):
        return NO_SERVER
    if isinstance(error, Overloaded | Unavailable | DeadlineExceeded):
        return TRY_AGAIN
    return REFUSED


def tell(error: MurmurationError, output: Output) -> None:
    """Prints a failed call on stderr: for people, or as one line of JSON."""
    if output.as_json:
        output.stderr.print(json.dumps({"error": _as_dict(error)}), soft_wrap=True)
        return
    output.note(f"murmur: {error.message}")
    for field, description in error.field_violations:
        if description not in error.message:
            output.note(f"  {field}: {description}")
    wait = "" if error.retry_after is None else f" The server asks to wait {error.retry_after:g} s."
    output.note(f"  {error.advice}{wait}")


def _as_dict(error: MurmurationError) -> dict[str, Any]:
    return {
        "reason": error.reason,
        "code": error.code.name,
        "message": error.message,
        "advice": error.advice,
        "fieldViolations": [{"field": field, "description": text} for field, text in error.field_violations],
        "retryAfterSeconds": error.retry_after,
        "metadata": error.metadata,
    }
