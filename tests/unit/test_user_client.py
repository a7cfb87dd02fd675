"""What other services keep of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from murmuration.internal.v1 import user_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.none import NoCache
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.server import Dispatcher
from murmuration_server.users.client import UserClient
from murmuration_server.users.service import UserReadService
from murmuration_server.users.store import StoredUser
from tests.support.contract_clock import SetClock


class Asked:
    """A store with accounts of even ids, which says which ones it was asked about."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def get_many(self, call: Call, user_ids: Sequence[int]) -> list[StoredUser]:
        self.ids += user_ids
        return [StoredUser(user_id, f"user{user_id}", "", 1, "", b"") for user_id in user_ids if user_id % 2 == 0]


def test_an_account_is_asked_for_once_though_other_processes_serve_too() -> None:
    runtime, metrics, store = SetClock(), Metrics(), Asked()
    dispatcher = Dispatcher(runtime, metrics, ServerSettings())
    as_store: Any = store
    dispatcher.bind(user_pb2.DESCRIPTOR.services_by_name["UserReadService"], UserReadService(as_store))
    client = UserClient(InProcessChannel(dispatcher), Cache(NoCache(), runtime, metrics, local=False))
    call = Call.background(runtime, 600)
    for _ in range(2):
        assert client.records(call, [2, 3]).keys() == {2}
    assert store.ids == [2, 3, 3], "whom there is not yet there may be later"
