"""What the tests read of the Dockerfile and of .dockerignore."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Instruction:
    """`name` in capitals; `flags`: `--network=none` and the like; `rest`: what follows them."""

    name: str
    flags: tuple[str, ...]
    rest: str

    def words(self) -> list[str]:
        """Of an instruction in the form of a JSON array, or of one whose arguments are words."""
        words: list[str] = json.loads(self.rest) if self.rest.startswith("[") else self.rest.split()
        return words


@dataclass(frozen=True)
class Stage:
    """`base`: an image, or the name of another stage."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    def only(self, name: str) -> Instruction:
        (instruction,) = self.all(name)
        return instruction


def stages(text: str) -> list[Stage]:
    """Of a Dockerfile whose first instruction is FROM; the last stage is the image."""
    lines = "".join(line for line in text.splitlines(keepends=True) if not line.lstrip().startswith("#"))
    found: list[tuple[str, str, list[Instruction]]] = []
    for line in lines.replace("\\\n", " ").splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        flags = re.match(r"(?:--\S+\s+)*", rest.lstrip())
        assert flags
        instruction = Instruction(name.upper(), tuple(flags[0].split()), rest.lstrip()[flags.end() :].strip())
        if instruction.name == "FROM":
            base, *named = instruction.rest.split()
            found.append((named[1] if named else "", base, []))
        else:
            found[-1][2].append(instruction)
    return [Stage(name, base, tuple(instructions)) for name, base, instructions in found]


def the_dockerfile() -> list[Stage]:
    return stages((ROOT / "Dockerfile").read_text("utf-8"))


def let_through() -> tuple[list[str], list[str]]:
    """Of .dockerignore: the paths that it takes back from `*`, and the patterns that it then leaves out again."""
    lines = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    everything, *others = [line for line in lines if line]
    assert everything == "*"
    return [line[1:] for line in others if line.startswith("!")], [line for line in others if not line.startswith("!")]
