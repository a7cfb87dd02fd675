"""What is wrong with a configuration, fault by fault, with what mends it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from murmuration_server.cli.config.sources import ENVIRONMENT, effective, source_of
from murmuration_server.platform.config import PREFIX, ConfigError, Settings, load, read_file


@dataclass(frozen=True, slots=True)
class Fault:
    """key: "section.name", or the variable; empty where it is the file. place: the file or variable that says it."""

    key: str
    place: str
    what: str
    mend: str


def faults_of(file: Path | None) -> list[Fault]:
    """All that would keep a process from starting with this file and this environment."""
    try:
        settings = load(file)
    except ConfigError as error:
        if not error.faults:
            return [Fault("", str(file), str(error), "Give a TOML file that can be read.")]
        in_file = read_file(file)
        return [_fault(key, what, in_file, file) for key, what in error.faults]
    return [] if (fault := address_fault(settings)) is None else [fault]


def address_fault(settings: Settings) -> Fault | None:
    """Whether the address is one that may be served before there is authentication."""
    host = settings.server.host
    if settings.server.auth == "trusted-metadata":
        return None
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if loopback:
        return None
    return Fault(
        "server.host",
        "",
        f"server.host is {host}, but callers name themselves and are believed, so only addresses of this machine "
        "are served.",
        "Set it to 127.0.0.1; or, where nobody reaches the port who was not authenticated before, set server.auth to "
        "trusted-metadata.",
    )


def _fault(key: str, what: str, in_file: dict[str, object], file: Path | None) -> Fault:
    what = what.removeprefix("Value error, ")
    source, place = source_of(key, in_file, file) if key else ("", "")
    if key.startswith(PREFIX):
        place = key
    elif not place:
        place = str(file) if file is not None else "the environment"
    if what in ("unknown", "Extra inputs are not permitted"):
        return Fault(key, place, "there is no such setting", _other_name(key))
    where = f"the variable {place}" if source == ENVIRONMENT else place
    default = _defaults().get(key)
    otherwise = "" if default is None else f" Left out, it is {default}."
    return Fault(key, place, what, f"Change it in {where}.{otherwise}")


def _other_name(key: str) -> str:
    names = _defaults()
    variables = {f"{PREFIX}{name.replace('.', '__').upper()}": name for name in names}
    known = [*variables] if key.startswith(PREFIX) else [*names, *{name.partition(".")[0] for name in names}]
    close = get_close_matches(key.upper() if key.startswith(PREFIX) else key, known, n=1, cutoff=0.6)
    if not close and "." not in key:
        close = [name for name in names if name.endswith(f".{key}")][:1]
    meant = f"Did you mean {close[0]}?" if close else "Take it out."
    return f"{meant} `murmurd config show` lists all settings."


def _defaults() -> dict[str, object]:
    return {setting.key: setting.default for setting in effective(Settings.model_construct(), None)}
