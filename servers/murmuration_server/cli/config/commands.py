"""`murmurd config show` and `murmurd config check`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, load_settings

app = typer.Typer(help="Shows the settings in force, and what is wrong with a configuration.", no_args_is_help=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def show(
    config: ConfigOption = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only what somebody has set.")] = False,
    secrets: Annotated[bool, typer.Option("--secrets", help="Also passwords and the like.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Shows every setting and where it comes from: default, file or environment. The output is TOML for --config.

    Example: murmurd config show --config murmuration.toml --changed
    """
    from murmuration_server.cli.config.sources import DEFAULT, Setting, effective, is_secret
    from murmuration_server.cli.config.toml import as_toml

    settings = effective(load_settings(config), config)
    if changed:
        settings = [setting for setting in settings if setting.source != DEFAULT]
    if not as_json:
        typer.echo(as_toml(settings, secrets=secrets))
        return

    def shown(setting: Setting) -> object:
        if secrets:
            return setting.value
        if setting.secret:
            return "(hidden)"
        if not isinstance(setting.value, Mapping):
            return setting.value
        return {key: "(hidden)" if is_secret(key) else each for key, each in setting.value.items()}

    document = {
        setting.key: {"value": shown(setting), "source": setting.source, "from": setting.place} for setting in settings
    }
    typer.echo(json.dumps({"settings": document}, indent=2))


@app.command()
def check(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A TOML file; none: the environment alone.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Says all that is wrong with a file and the environment's variables, and what mends it. Starts nothing.

    Exit codes: 0 usable, 1 not usable. Example: murmurd config check murmuration.toml
    """
    from murmuration_server.cli.config.faults import faults_of

    faults = faults_of(file)
    if as_json:
        told = [{"key": each.key, "from": each.place, "fault": each.what, "mend": each.mend} for each in faults]
        typer.echo(json.dumps({"usable": not faults, "faults": told}, indent=2))
    elif not faults:
        typer.echo(f"{file or 'The environment'}: usable.")
    else:
        for fault in faults:
            key = "" if fault.key == fault.place else fault.key
            typer.echo(f"{': '.join(part for part in (fault.place, key, fault.what) if part)}\n  {fault.mend}")
    raise typer.Exit(1 if faults else 0)
