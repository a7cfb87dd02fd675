"""The system under test on real servers: every role in processes of its own, and a client of the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType

from benchmarks.system import CALL_SECONDS, DELIVERY_SECONDS, await_delivered
from murmuration_client import Client
from tools.stack.roles import Roles
from tools.stack.stack import Stack

POLL_SECONDS = 0.2
"""A look at the backlog asks Kafka about every group, on the cores that are measured."""
FIRST_CALL_SECONDS = 60.0
LOOK_UPS_AT_ONCE = 8


class Deployed:
    """Use as a context manager. `counts`: processes of a role, if not one. `settings`: SECTION__KEY to value, for all
    roles."""

    def __init__(self, stack: Stack, counts: Mapping[str, int], settings: Mapping[str, str]) -> None:
        self.stack = stack
        self.roles = Roles(stack.config, stack.folder / "roles", counts, settings)
        self.client = Client(self.roles.target, timeout=CALL_SECONDS)

    def __enter__(self) -> Deployed:
        try:
            self.roles.start()
            # Processes that have just begun prepare their statements.
            with Client(self.target, timeout=FIRST_CALL_SECONDS) as patient:
                await_delivered(patient, FIRST_CALL_SECONDS, POLL_SECONDS)
        except BaseException:
            self.client.close()
            self.roles.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.roles.stop()

    @property
    def target(self) -> str:
        return self.roles.target

    def pids(self) -> dict[str, int]:
        return {process.name: process.pid for process in self.roles}

    def ids_of(self, handles: Sequence[str]) -> list[int]:
        with ThreadPoolExecutor(LOOK_UPS_AT_ONCE) as pool:
            return [user.user_id for user in pool.map(self.client.get_user, handles)]

    def await_delivered(self, seconds: float = DELIVERY_SECONDS) -> float:
        return await_delivered(self.client, seconds, POLL_SECONDS)
