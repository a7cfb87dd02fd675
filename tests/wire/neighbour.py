"""An ordinary caller beside the bad ones: his calls are answered, rightly and soon, all the while."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from murmuration.v1 import timeline_pb2, user_pb2
from tests.process.running import Api, until

SLOWEST_SECONDS = 10.0
"""On two cores that run other tests too. Alone it is milliseconds; a server that is stopped up needs its deadline."""


class Neighbour:
    """Reads a user and a home in turn, in `callers` threads, until left."""

    def __init__(self, target: str, user: int, callers: int = 1) -> None:
        self._api, self._user = Api(target), user
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read) for _ in range(callers)]
        self.calls = 0
        self.slowest = 0.0
        self.failures: list[Exception] = []

    def __enter__(self) -> Neighbour:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._api.__exit__()

    def has_called(self, times: int) -> None:
        """Waits for so many answers more."""
        wanted = self.calls + times
        until(f"{times} answers to a neighbour", lambda: self.calls >= wanted or self.failures)

    def was_served(self) -> None:
        assert not self.failures
        assert self.slowest < SLOWEST_SECONDS

    def _read(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                found = self._api.call("users.GetUser", user_pb2.GetUserRequest(user_id=self._user))
                assert found.user.handle == "author"
                page = self._api.call("timeline.ListHomeTimeline", timeline_pb2.ListHomeTimelineRequest(), self._user)
                assert page.items
            except Exception as error:
                self.failures.append(error)
                return
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.calls += 1
            self._stop.wait(0.005)
