"""The commands of `murmurd`, put together.

A command is a function in a file of its own, named as the command is; its docstring is its help. Here it gets one line.
What only that command needs is imported inside the function, so that `murmurd --help` stays quick.
"""

from __future__ import annotations

import typer

from murmuration_server.cli import child, demo, dlq, health, migrate, serve, up, version
from murmuration_server.cli.config import commands as config
from murmuration_server.cli.doctor.command import doctor

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Runs Murmuration. Begin with `murmurd up`, then use `murmur` to post, follow and read; `murmurd demo` shows "
    "what the system does in a minute.",
)

app.command()(up.up)
app.command()(serve.serve)
app.command()(health.health)
app.command(hidden=True)(child.child)
app.command()(demo.demo)
app.add_typer(dlq.app, name="dlq")
app.command()(migrate.migrate)
app.add_typer(config.app, name="config")
app.command()(doctor)
app.command()(version.version)


def main() -> None:
    """Runs the command line."""
    app(prog_name="murmurd")
