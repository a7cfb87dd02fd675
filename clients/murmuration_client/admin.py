"""AdminService: operators' calls."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.caller import Calls
from murmuration_client.graph_import import IMPORT_TIMEOUT_SECONDS, ImportProgress, ImportRequests
from murmuration_client.operations import admin as operations
from murmuration_client.status import from_rpc


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
        requests = ImportRequests(users, follows, progress)
        try:
            return self._caller.stubs.admin.ImportGraph(
                iter(requests), timeout=timeout, metadata=self._caller.metadata()
            )
        except grpc.RpcError as error:
            if requests.failure is not None:
                raise requests.failure from None
            raise from_rpc(error, self._caller.terms.target, timeout) from error

    def rebuild_timeline(self, user_id: int) -> None:
        """Has a user's home read anew from his followees' posts. Raises NotFound."""
        self._caller.run(operations.rebuild_timeline(user_id))

    def get_backlog(self) -> admin_pb2.GetBacklogResponse:
        """What waits to be published and delivered."""
        return self._caller.run(operations.get_backlog())

    def set_author_mode(self, user_id: int, mode: tweet_pb2.DeliveryMode.ValueType) -> tweet_pb2.DeliveryMode.ValueType:
        """Pins how an author's next posts are delivered; DELIVERY_MODE_UNSPECIFIED lets the follower count decide.

        Answers the mode now in force. Raises NotFound.
        """
        return self._caller.run(operations.set_author_mode(user_id, mode))
