"""Placement where all lies in files of one machine, and the cache within one process."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import NoCacheRing
from murmuration_server.sharding.placement import Placed, Rings, Scheme
from murmuration_server.sharding.user_tables import Owner


class EmbeddedPlacement:
    """`files`: names of those that hold rows of users; every user has rows in each."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = tuple(files)

    def locate(self, call: Call, owner: Owner) -> Placed:  # noqa: ARG002
        return Placed(Scheme.FILES, files=self._files)

    def rings(self, call: Call) -> Rings:  # noqa: ARG002
        raise NoCacheRing
