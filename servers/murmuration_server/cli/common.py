"""What commands share: options, the configuration, and how a command fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from murmuration_server.platform.config import ConfigError, Settings, load

ConfigOption = Annotated[Path | None, typer.Option("--config", help="A TOML file; see docs/configuration.md.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder. Default: ./murmuration-data.")]


def load_settings(config: Path | None) -> Settings:
    """The settings of this file and the environment; ends the program with what is wrong with them."""
    try:
        return load(config)
    except ConfigError as error:
        fail(str(error))


def fail(message: str) -> NoReturn:
    """Ends the program with exit code 1 and a sentence on stderr that says what to do."""
    print(f"murmurd: {message}", file=sys.stderr)
    raise typer.Exit(1)
