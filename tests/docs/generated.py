"""The parts of documents that are made from the code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from murmuration.v1.errors_pb2 import ErrorReason
from murmuration_client.advice import ADVICE
from murmuration_client.errors import class_of
from murmuration_server.platform.config import PREFIX, Settings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.metrics import Metrics
from murmuration_server.roles.parts import EMBEDDED, PARTS
from tests.docs.pages import ROOT

_UNITS = {"ms": "ms", "seconds": "s", "bytes": "bytes"}
_REASON_PREFIX = "ERROR_REASON_"

MEANINGS = {
    "data": "the folder of the files; made if it is not there",
    "log_level": "of what processes print on stderr",
    "server.host": "where to serve: an address of this machine",
    "server.port": "where to serve; 0: any free port",
    "server.threads": "calls that are worked on at once",
    "server.max_concurrent_calls": "calls that are accepted at once; more are refused",
    "server.max_message_bytes": "of a request",
    "server.default_deadline_seconds": "of a call that sets none",
    "server.max_deadline_seconds": "a later deadline becomes this one",
    "server.drain_seconds": "how long a stop waits for calls under way",
    "timeline.max_page_size": "items; a caller who asks for more gets these",
    "timeline.cursor_age_ms": "how long a cursor of a home is good",
    "graph.max_following": "accounts that one may follow",
    "graph.followers_per_shard": "the number of an author's shards grows by one for each of these",
    "graph.mode_policy": "`hybrid`: the follower count decides; the others fix it, but for pinned authors",
    "graph.pull_above_followers": "with more, an author's next posts are stamped PULL",
    "graph.push_below_followers": "with fewer, an author who is pulled is pushed again",
    "graph.max_blocks_cached": "blockers that a user's cache entry holds; of more, the store is asked",
    "outbox.bucket_ms": "the width of a bucket; see ARCHITECTURE.md",
}
"""Of settings whose field in config.py has no description."""


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def settings() -> str:
    """A table for what stands above the sections, and one for each section."""
    top = {name: field for name, field in Settings.model_fields.items() if not _is_section(field)}
    parts = ["## Above the sections", _settings_table("", top)]
    for name, field in Settings.model_fields.items():
        if _is_section(field):
            section: type[BaseModel] = field.annotation  # type: ignore[assignment]
            parts += [f"## [{name}]", _settings_table(f"{name}.", section.model_fields)]
    return "\n\n".join(parts)


def meaning(key: str, field: FieldInfo) -> str:
    return field.description or MEANINGS.get(key, "")


def all_settings() -> dict[str, FieldInfo]:
    """Key (`section.name`) to field."""
    found = {}
    for name, field in Settings.model_fields.items():
        if _is_section(field):
            section: type[BaseModel] = field.annotation  # type: ignore[assignment]
            found.update({f"{name}.{inner}": value for inner, value in section.model_fields.items()})
        else:
            found[name] = field
    return found


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _settings_table(prefix: str, fields: dict[str, FieldInfo]) -> str:
    rows = []
    for name, field in fields.items():
        key = prefix + name
        variable = PREFIX + key.upper().replace(".", "__")
        unit = _UNITS.get(name.rpartition("_")[2], "")
        rows.append((f"`{name}`", _default(field), unit, _range(field), meaning(key, field), f"`{variable}`"))
    return table(("key", "default", "unit", "may be", "meaning", "variable"), rows)


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None:
        return "none"
    if value == ():
        return "none"
    if isinstance(value, int | float):
        return f"{value:,}" if value >= 10_000 else f"{value:g}"
    return f"`{value}`"


def _range(field: FieldInfo) -> str:
    annotation = field.annotation
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if annotation in (str, Path, SecretStr):
        return {str: "text", Path: "a path", SecretStr: "text, secret"}[annotation]
    if get_origin(annotation) is dict:
        return "a table of texts"
    kind = next((part for part in get_args(annotation) if part is not NoneType), annotation)
    words = "a number" if kind is float else "a whole number"
    if get_origin(annotation) is tuple:
        words = "a list of texts" + (", secret" if kind is SecretStr else "")
    for limit in field.metadata:
        words += _limit(limit)
    return words


def _limit(limit: Any) -> str:
    if isinstance(limit, Ge):
        return f", at least {limit.ge:,}"
    if isinstance(limit, Gt):
        return f", above {limit.gt:,}"
    if isinstance(limit, Le):
        return f", at most {limit.le:,}"
    if isinstance(limit, MaxLen):
        return f", at most {limit.max_length:,}"
    if isinstance(limit, MinLen):
        return f", at least {limit.min_length:,}"
    if getattr(limit, "pattern", None):
        return f", as `{limit.pattern}`"
    raise TypeError(f"unknown limit {limit}")


def metrics() -> str:
    rows = []
    for metric in vars(Metrics()).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            name = family.name + ("_total" if family.type == "counter" else "")
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)  # there is no public way to them
            rows.append((f"`{name}`", family.type, labels or "-", family.documentation))
    return table(("metric", "type", "labels", "meaning"), rows)


def errors() -> str:
    said = _comments((ROOT / "protos" / "murmuration" / "v1" / "errors.proto").read_text("utf-8"))
    rows = []
    for name, number in ErrorReason.items():
        if number:
            code = MurmurationError(number, "").code
            short = name.removeprefix(_REASON_PREFIX)
            rows.append((f"`{name}`", code.name, class_of(code, short).__name__, said.get(name, "-"), ADVICE[short]))
    return table(("reason", "status", "class in `murmuration_client`", "when", "what to do"), rows)


def _comments(proto: str) -> dict[str, str]:
    """Enum value to the comment above it."""
    found = {}
    for comment, name in re.findall(r"((?: *//[^\n]*\n)+) *(\w+) = \d+;", proto):
        found[name] = " ".join(line.strip().removeprefix("//").strip() for line in comment.strip().splitlines())
    return found


def parts() -> str:
    where = {part: role for role, names in EMBEDDED.items() for part in names}
    rows = [
        (
            f"`{part.name}`",
            where[part.name],
            *(_names(names) for names in (part.serves, part.internal, part.calls, part.consumes, part.produces)),
            _names(part.writes),
            _names(part.reads),
        )
        for part in PARTS
    ]
    headers = ("part", "process", "serves", "internal", "calls", "consumes", "produces", "writes", "reads")
    return table(headers, rows)


def _names(names: Sequence[str]) -> str:
    return ", ".join(names) or "-"
