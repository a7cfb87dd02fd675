"""`murmurd migrate`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, fail, load_settings

DEFAULT_SECONDS = 300.0


def migrate(
    config: ConfigOption = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the database to answer, and for another migration to end.")
    ] = False,
    seconds: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=1, help="How long all of it may take.")
    ] = DEFAULT_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print the steps as one JSON document.")] = False,
) -> None:
    """Makes the keyspace and the tables in the CQL database (section `cql`), or brings them up to this version.

    Safe to run again, and from two places at once: one works, the other waits (--wait) or says so. Run it before the
    processes of a new version start; those of the version before go on working.
    """
    from murmuration_server.platform.call import Call
    from murmuration_server.platform.cql.failures import CqlUnusable
    from murmuration_server.platform.cql.migrate import Applied, wait_for_database
    from murmuration_server.platform.cql.migrate import migrate as run
    from murmuration_server.platform.errors import MurmurationError
    from murmuration_server.platform.metrics import Metrics
    from murmuration_server.platform.runtime import ThreadRuntime
    from murmuration_server.roles.cql import SCHEMAS

    settings, runtime, metrics = load_settings(config).cql, ThreadRuntime(), Metrics()
    call = Call.background(runtime, seconds)

    def say(applied: Applied) -> None:
        if not as_json:
            typer.echo(f"{applied.service}: step {applied.number} done.")

    try:
        if wait:
            wait_for_database(settings, runtime, metrics, call)
        done = run(settings, runtime, metrics, call, SCHEMAS, wait=wait, on_step=say)
    except (CqlUnusable, MurmurationError) as error:
        fail(str(error))
    if as_json:
        steps = [{"service": applied.service, "number": applied.number} for applied in done]
        typer.echo(json.dumps({"keyspace": settings.keyspace, "applied": steps}))
    elif not done:
        typer.echo(f"The keyspace {settings.keyspace} is up to date.")
