"""`murmurd doctor`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, DataOption
from murmuration_server.cli.doctor.finding import FAIL, OK, WARN, Finding


def doctor(
    config: ConfigOption = None,
    data: DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Says what is wrong with this installation and what to do. Changes no data, starts nothing.

    Give it the options and variables that `murmurd up` gets. Exit codes: 0 all is well (warnings too), 1 something
    failed.
    """
    if data is not None:
        os.environ["MURMURATION_DATA"] = str(data)
    findings = []
    for finding in examine(config):
        findings.append(finding)
        if not as_json:
            typer.echo(f"{finding.status:4}  {finding.check}: {finding.what}")
            if finding.step:
                typer.echo(f"      {finding.step}")
    failed = sum(finding.status == FAIL for finding in findings)
    warned = sum(finding.status == WARN for finding in findings)
    if as_json:
        told = [
            {"check": each.check, "status": each.status, "what": each.what, "nextStep": each.step} for each in findings
        ]
        typer.echo(json.dumps({"well": not failed, "findings": told}, indent=2))
    else:
        typer.echo(f"{len(findings)} checks: {failed} failed, {warned} to be known.")
    raise typer.Exit(1 if failed else 0)


def examine(config: Path | None) -> Iterator[Finding]:
    """All checks, one after the other. Without settings that can be used, those that need none."""
    from murmuration_server.cli.config.faults import faults_of
    from murmuration_server.cli.config.sources import effective
    from murmuration_server.cli.doctor import installation, machine, servers
    from murmuration_server.platform.config import load
    from murmuration_server.platform.runtime import ThreadRuntime

    yield from installation.python()
    yield from installation.generated_code()
    faults = faults_of(config)
    for fault in faults:
        name = f"{fault.key}: " if fault.key and fault.key not in fault.what else ""
        yield Finding("settings", FAIL, f"{name}{fault.what}", fault.mend)
    if faults:
        yield from installation.packages({"server"})
        yield from machine.descriptors()
        return
    settings = load(config)
    yield Finding("settings", OK, f"{config or 'The defaults and the environment'}: usable.")
    runtime = ThreadRuntime()
    kinds = servers.configured(settings, effective(settings, config))
    yield from installation.packages({"distributed"} if kinds else {"server"})
    yield from machine.data_folder(settings)
    yield from machine.free_space(settings)
    yield from machine.files(settings, runtime)
    yield from machine.clock(settings, runtime)
    yield from machine.descriptors()
    yield from machine.ports(settings)
    yield from servers.reachable(kinds)
