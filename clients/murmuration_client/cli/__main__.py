"""Entry point of `murmur`. Imports Typer and rich, which a bare install of the client lacks, only when it runs."""

from __future__ import annotations

import io
import sys

NEEDED = frozenset({"typer", "rich"})
EXIT_USAGE = 2


def main() -> None:
    """Runs the command line and exits with one of the codes that `murmur --help` lists."""
    try:
        from murmuration_client.cli.app import app
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in NEEDED:
            raise
        print("murmur needs Typer and rich: run `pip install 'murmuration[cli]'`.", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="murmur")


if __name__ == "__main__":
    main()
