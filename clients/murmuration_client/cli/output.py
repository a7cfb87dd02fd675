"""Where answers and errors go: answers to stdout, as a table for people or as one JSON document; all else to stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NoReturn

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from murmuration_client.cli.text import printable, printable_json

WIDTH_OF_A_PIPE = 10_000  # characters: no cell is folded or cut for a program that reads along


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def _console(*, stderr: bool) -> Console:
    console = _Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        console.width = WIDTH_OF_A_PIPE
    return console


class Output:
    """as_json: one JSON document on stdout for an answer, one line of JSON for each of many that come one by one, and
    one line of JSON on stderr for an error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.stdout = _console(stderr=False)
        self.stderr = _console(stderr=True)

    def show(self, answer: Message | Mapping[str, Any], for_people: Callable[[], RenderableType]) -> None:
        """Prints an answer; `for_people` is asked for its table or sentence only if that is what will be printed."""
        if self.as_json:
            document = as_dict(answer) if isinstance(answer, Message) else answer
            sys.stdout.write(printable_json(document) + "\n")
            sys.stdout.flush()
        else:
            self.stdout.print(for_people())

    def line(self, answer: Mapping[str, Any], for_people: str) -> None:
        """Prints one of many answers, at once: a line of text, or a line of JSON."""
        text = printable_json(answer, indent=None) if self.as_json else printable(for_people)
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(self, sentence: str) -> None:
        """Says something besides the answer, on stderr."""
        self.stderr.print(printable(sentence))


def as_dict(message: Message) -> dict[str, Any]:
    """A message in protobuf's canonical JSON form: camelCase names, 64-bit integers as strings, fields at 0 too."""
    return MessageToDict(message, always_print_fields_with_no_presence=True)


def sentence(text: str) -> Text:
    """Text for people, with nothing in it that a terminal acts on."""
    return Text(printable(text, newlines=True))


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, folded: Collection[str] = ()) -> Table:
    """A table of texts, each made safe to print; the columns `folded` give way where the terminal is narrow."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        made.add_column(header, overflow="fold", no_wrap=header not in folded)
    for row in rows:
        made.add_row(*(sentence(cell) for cell in row))
    return made
