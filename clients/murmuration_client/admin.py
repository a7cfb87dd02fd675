"""AdminService: operators' calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import grpc

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.caller import Calls
from murmuration_client.graph_import import IMPORT_TIMEOUT_SECONDS, ImportProgress, ImportRequests
from murmuration_client.operations import admin as operations
from murmuration_client.paging import pages
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

    def locate_user(self, user: int | str) -> admin_pb2.UserLocation:
        """Where a user, named by id or handle, lives: the nodes or files that hold his rows, his cache node and what is
        cached of him, his followers' shards, his home's state. Raises NotFound, Unavailable."""
        return self._caller.run(operations.locate_user(user))

    def preview_ring(
        self, add_nodes: Sequence[str] = (), remove_nodes: Sequence[str] = (), *, user_ids: Sequence[int] = ()
    ) -> admin_pb2.PreviewRingResponse:
        """Which share of cache entries would get another node if nodes (host:port) were added or removed, and which of
        these users would; of a sample of users where none is named. At most 500. Changes nothing.

        Raises InvalidArgument, FailedPrecondition where there are no cache nodes, Unavailable.
        """
        return self._caller.run(operations.preview_ring(add_nodes, remove_nodes, user_ids))

    def iter_dead_letters(
        self, group: str = "", *, include_settled: bool = False, page_size: int = 0
    ) -> Iterator[admin_pb2.DeadLetter]:
        """Records that consumers could not handle, the newest first, without their bytes; pages are fetched as they are
        needed. group: of this consumer group only. include_settled: also those that were retried or dropped."""

        def fetch(token: str) -> admin_pb2.ListDeadLettersResponse:
            return self._caller.run(
                operations.list_dead_letters(group, page_size, token, include_settled=include_settled)
            )

        for page in pages(fetch):
            yield from page.dead_letters

    def get_dead_letter(self, letter_id: str) -> admin_pb2.DeadLetter:
        """One of them, with its bytes. Raises NotFound."""
        return self._caller.run(operations.get_dead_letter(letter_id))

    def retry_dead_letters(self, letter_ids: Sequence[str]) -> list[admin_pb2.DeadLetter]:
        """Puts the records of at most 100 letters on their topics again; answers them as they are then. Those that were
        settled stay as they are. Raises NotFound, having done nothing, Overloaded."""
        return self._caller.run(operations.retry_dead_letters(letter_ids))

    def drop_dead_letters(self, letter_ids: Sequence[str]) -> list[admin_pb2.DeadLetter]:
        """Gives the records of at most 100 letters up; otherwise as `retry_dead_letters`."""
        return self._caller.run(operations.drop_dead_letters(letter_ids))
