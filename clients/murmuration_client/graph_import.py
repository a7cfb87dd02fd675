"""The messages of an import of a graph: bounded, users first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from murmuration.admin.v1 import admin_pb2
from murmuration_client.batches import in_batches

# The server takes 5,000 of each in a message, and a message of 4 MiB: an account with the longest name is 230 bytes,
# a follow 40.
USERS_IN_A_MESSAGE = 2_000
FOLLOWS_IN_A_MESSAGE = 5_000
IMPORT_TIMEOUT_SECONDS = 600.0

ImportProgress = Callable[[int, int], None]


class ImportRequests:
    """The messages of an import: users first, so that each follow's accounts exist. Keeps what its sources raise, which
    gRPC would turn into a status."""

    def __init__(
        self,
        users: Iterable[tuple[str, str]],
        follows: Iterable[tuple[str, str]],
        progress: ImportProgress | None,
    ) -> None:
        self._users, self._follows, self._progress = users, follows, progress
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[admin_pb2.ImportGraphRequest]:
        try:
            yield from self._messages()
        except Exception as error:
            self.failure = error
            raise

    def _messages(self) -> Iterator[admin_pb2.ImportGraphRequest]:
        users_sent = follows_sent = 0
        for users in in_batches(self._users, USERS_IN_A_MESSAGE):
            yield admin_pb2.ImportGraphRequest(
                users=[admin_pb2.ImportedUser(handle=handle, display_name=name) for handle, name in users]
            )
            users_sent += len(users)
            self._report(users_sent, follows_sent)
        for follows in in_batches(self._follows, FOLLOWS_IN_A_MESSAGE):
            yield admin_pb2.ImportGraphRequest(
                follows=[
                    admin_pb2.ImportedFollow(follower_handle=follower, followee_handle=followee)
                    for follower, followee in follows
                ]
            )
            follows_sent += len(follows)
            self._report(users_sent, follows_sent)

    def _report(self, users_sent: int, follows_sent: int) -> None:
        if self._progress is not None:
            self._progress(users_sent, follows_sent)
