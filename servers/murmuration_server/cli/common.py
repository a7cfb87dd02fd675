"""What commands share: options, the configuration, and how a command fails."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from murmuration_server.platform.config import ConfigError, Settings, load

ConfigOption = Annotated[Path | None, typer.Option("--config", help="A TOML file; see docs/configuration.md.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder. Default: ./murmuration-data.")]
DRIVER_LOGGERS = ("cassandra.cluster", "cassandra.connection", "cassandra.pool")
MISSING = "it needs more than was installed ({}): pip install 'murmuration[distributed]'."
"""Of a module's name: why a command of the distributed engine does not run."""


def load_settings(config: Path | None) -> Settings:
    """The settings of this file and the environment; ends the program with what is wrong with them."""
    try:
        return load(config)
    except ConfigError as error:
        fail(str(error))


def log_to_stderr(settings: Settings, role: str) -> None:
    """Log lines say which role they are of."""
    logging.basicConfig(
        level=settings.log_level.upper(), format=f"%(asctime)s {role} %(levelname)s %(name)s: %(message)s"
    )
    for name in DRIVER_LOGGERS:
        logging.getLogger(name).addFilter(_without_trace)
    if settings.server.auth == "trusted-metadata":
        logging.getLogger(__name__).warning(
            "server.auth is trusted-metadata: whoever reaches %s:%d acts as whoever he says he is.",
            settings.server.host,
            settings.server.port,
        )


def _without_trace(record: logging.LogRecord) -> bool:
    """The database's driver adds a trace to each node that does not answer, each time."""
    record.exc_info = record.exc_text = None
    return True


def fail(message: str) -> NoReturn:
    """Ends the program with exit code 1 and a sentence on stderr that says what to do."""
    print(f"murmurd: {message}", file=sys.stderr)
    raise typer.Exit(1)
