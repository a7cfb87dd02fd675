"""Where the value of each setting comes from."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr

from murmuration_server.platform.config import PREFIX, Settings, read_file

DEFAULT, FILE, ENVIRONMENT = "default", "file", "environment"

_SECRET_WORDS = ("password", "secret", "token", "key.pem", "jaas")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting in force. key: "section.name". source: DEFAULT, FILE or ENVIRONMENT. place: the file's or variable's
    name, empty for a default. default: what it is where nobody says anything. secret: whether all of the value is."""

    key: str
    value: object
    source: str
    place: str
    default: object
    secret: bool


def effective(settings: Settings, file: Path | None) -> list[Setting]:
    """Every setting of `settings`, which were loaded from this file and the environment, with its source."""
    in_file = read_file(file)
    standard = {key: value for key, value, _ in _walk(Settings.model_construct())}
    found = []
    for key, value, secret in _walk(settings):
        source, place = source_of(key, in_file, file)
        found.append(Setting(key, value, source, place, standard[key], secret))
    return found


def source_of(key: str, in_file: Mapping[str, object], file: Path | None) -> tuple[str, str]:
    """Who says what a key is: the environment before the file. Answers source and place."""
    section, _, name = key.rpartition(".")
    if variable := _variable(section, name):
        return ENVIRONMENT, variable
    table = in_file.get(section) if section else in_file
    if file is not None and isinstance(table, dict) and name in table:
        return FILE, str(file)
    return DEFAULT, ""


def is_secret(name: str) -> bool:
    """Whether a property of this name (as kafka.properties has them) holds what is not for everybody's eyes."""
    return any(word in name.lower() for word in _SECRET_WORDS)


def _variable(section: str, name: str) -> str | None:
    """The variable that sets a key: its own, one below it (of a table), or its whole section's, which is JSON."""
    wanted = f"{PREFIX}{f'{section}__' if section else ''}{name}".upper()
    for variable in os.environ:
        if variable.upper() == wanted or variable.upper().startswith(f"{wanted}__"):
            return variable
        if section and variable.upper() == f"{PREFIX}{section}".upper() and name in _json_keys(os.environ[variable]):
            return variable
    return None


def _json_keys(text: str) -> frozenset[str]:
    try:
        value = json.loads(text)
    except ValueError:
        return frozenset()
    return frozenset(value) if isinstance(value, dict) else frozenset()


def _walk(settings: BaseModel, prefix: str = "") -> Iterator[tuple[str, object, bool]]:
    """(key, value, whether it is secret)."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _walk(value, f"{prefix}{name}.")
        else:
            plain = _plain(value)
            yield f"{prefix}{name}", plain, plain != value and not isinstance(value, Path)


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return tuple(_plain(each) for each in value)
    return str(value) if isinstance(value, Path) else value
