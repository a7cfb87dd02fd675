"""AdminService: operators' calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import grpc

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.caller import Calls, in_batches
from murmuration_client.status import from_rpc

# The server takes 5,000 of each in a message, and a message of 4 MiB: an account with the longest name is 230 bytes,
# a follow 40.
USERS_IN_A_MESSAGE = 2_000
FOLLOWS_IN_A_MESSAGE = 5_000
IMPORT_TIMEOUT_SECONDS = 600.0

ImportProgress = Callable[[int, int], None]


class AdminCalls(Calls):
    def import_graph(
        self,
        users: Iterable[tuple[str, str]],
        follows: Iterable[tuple[str, str]],
        *,
        progress: ImportProgress | None = None,
        timeout: float = IMPORT_TIMEOUT_SECONDS,
    ) -> admin_pb2.ImportGraphResponse:
        """Creates accounts, then follows, in bulk, and answers how many were created and found. Safe to run twice.

        users: (handle, display_name). follows: (follower's handle, followee's handle), each of an account that is in
        `users` or exists. Both are read lazily, in another thread, as fast as the server takes them.
        progress: called there after each message with the users and the follows sent so far.
        timeout: seconds for the whole import. What the server took before a failure stays; running again completes it.
        Raises what `users` or `follows` raise, InvalidArgument, NotFound, Overloaded, Unavailable, DeadlineExceeded.
        """
        requests = _Requests(users, follows, progress)
        try:
            return self._caller.stubs.admin.ImportGraph(
                iter(requests), timeout=timeout, metadata=self._caller.metadata()
            )
        except grpc.RpcError as error:
            if requests.failure is not None:
                raise requests.failure from None
            raise from_rpc(error, self._caller.target, timeout) from error

    def rebuild_timeline(self, user_id: int) -> None:
        """Has a user's home read anew from his followees' posts. Raises NotFound."""
        request = admin_pb2.RebuildTimelineRequest(user_id=user_id)
        self._caller.call(self._caller.stubs.admin.RebuildTimeline, request)

    def get_backlog(self) -> admin_pb2.GetBacklogResponse:
        """What waits to be published and delivered."""
        return self._caller.call(self._caller.stubs.admin.GetBacklog, admin_pb2.GetBacklogRequest())

    def set_author_mode(self, user_id: int, mode: tweet_pb2.DeliveryMode.ValueType) -> tweet_pb2.DeliveryMode.ValueType:
        """Pins how an author's next posts are delivered; DELIVERY_MODE_UNSPECIFIED lets the follower count decide.

        Answers the mode now in force. Raises NotFound.
        """
        request = admin_pb2.SetAuthorModeRequest(user_id=user_id, mode=mode)
        return self._caller.call(self._caller.stubs.admin.SetAuthorMode, request).mode


class _Requests:
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
