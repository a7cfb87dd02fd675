"""How settings are read from variables of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource


class OrderedEnvironment(EnvSettingsSource):
    """Variables in the order of their names: a whole table, as JSON, comes before those of its keys, which are put into
    it. The library takes them in the order in which they were set, and a table then hides the keys before it."""

    def explode_env_vars(self, field_name: str, field: FieldInfo, env_vars: Mapping[str, str | None]) -> dict[str, Any]:
        return super().explode_env_vars(field_name, field, dict(sorted(env_vars.items())))
