"""The root command's machinery: global options may stand anywhere, and no failure ends in a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from itertools import islice
from typing import Any

import typer
from typer.core import TyperGroup

from murmuration_client.cli import exits
from murmuration_client.cli.output import Output
from murmuration_client.cli.session import Session
from murmuration_client.errors import MurmurationError

VALUED_OPTIONS = frozenset({"--target", "--as", "--timeout"})
FLAGS = frozenset({"--json"})


def hoist(arguments: Sequence[str]) -> list[str]:
    """The arguments with the global options moved to the front; what follows `--` stays where it is."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in FLAGS or ("=" in argument and argument.partition("=")[0] in VALUED_OPTIONS):
            front.append(argument)
        elif argument in VALUED_OPTIONS:
            front += [argument, *islice(remaining, 1)]
        else:
            rest.append(argument)
    return front + rest


class MurmurGroup(TyperGroup):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, hoist(args))

    def invoke(self, ctx: Any) -> Any:
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except MurmurationError as error:
            exits.tell(error, _output(ctx))
            raise typer.Exit(exits.exit_code(error)) from None
        except UnicodeEncodeError:
            _output(ctx).note("murmur: An argument is not UTF-8 text.\n  Check the terminal's encoding.")
            raise typer.Exit(exits.USAGE) from None
        except KeyboardInterrupt:
            _output(ctx).note("murmur: Interrupted; what the server had taken by then stays.")
            raise typer.Exit(exits.INTERRUPTED) from None
        except BrokenPipeError:
            _discard_stdout()
            raise typer.Exit(0) from None  # The reader has what it wanted.
        return result


def _output(ctx: Any) -> Output:
    return ctx.obj.output if isinstance(ctx.obj, Session) else Output(as_json=False)


def _discard_stdout() -> None:
    """What is still buffered goes nowhere, so that the interpreter's last flush does not fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
