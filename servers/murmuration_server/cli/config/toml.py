"""Settings as TOML that `--config` reads again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from murmuration_server.cli.config.sources import DEFAULT, Setting, is_secret

HEAD = "# The settings in force. A line without a remark has its default."


def as_toml(settings: Sequence[Setting], *, secrets: bool) -> str:
    """One line a setting, with its source as a remark; sections as tables. secrets: whether secrets are written; they
    are left out with a remark otherwise."""
    lines, section = [HEAD], ""
    for setting in settings:
        table, _, name = setting.key.rpartition(".")
        if table != section:
            lines += ["", f"[{table}]"]
            section = table
        lines += _lines(name, setting, secrets)
    return "\n".join(lines)


def _lines(name: str, setting: Setting, secrets: bool) -> list[str]:
    if setting.value is None:
        return [f"# {name} is not set"]
    if setting.secret and not secrets:
        return [f"# {name} is left out; --secrets writes it"]
    value, hidden = setting.value, []
    if isinstance(value, Mapping) and not secrets:
        hidden = [key for key in value if is_secret(key)]
        value = {key: each for key, each in value.items() if key not in hidden}
    remark = "" if setting.source == DEFAULT else f"  # from {_one_line(setting.place)}"
    left_out = [f"# {name}: {_one_line(key)} is left out; --secrets writes it" for key in hidden]
    return [*left_out, f"{name} = {_value(value)}{remark}"]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_string(str(key))} = {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    raise TypeError(f"no setting is a {type(value).__name__}")


def _string(text: str) -> str:
    """A basic string of TOML: JSON's, but that TOML wants U+007F escaped and has no surrogate pairs."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)
