"""Waiting until a post is visible in a home: what both clients share."""

from __future__ import annotations

from collections.abc import Iterable

import grpc

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client.errors import DeadlineExceeded, MurmurationError, NotVisible, Overloaded, Unavailable
from murmuration_client.pace import Pace

FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
DEFAULT_WAIT_SECONDS = 30.0

_STATUS = timeline_pb2.TimelineState


class Waiting:
    """One wait. begun: by a monotonic clock, in seconds; timeout: seconds; reader_id: None if nobody is named.

    Raises ValueError for a timeout that is not above 0.
    """

    def __init__(self, tweet: tweet_pb2.Tweet | int, reader_id: int | None, timeout: float, begun: float) -> None:
        if not timeout > 0:
            raise ValueError("timeout must be above 0 s")
        self.tweet_id = tweet if isinstance(tweet, int) else tweet.tweet_id
        self._reader_id, self._timeout, self._deadline = reader_id, timeout, begun + timeout
        self._pace = Pace(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        self._begun_ms: int | None = None
        self._verdict: MurmurationError | None = None
        self._cut_short = False

    @property
    def since(self) -> int:
        """What to ask the home for: the post and what is newer."""
        return max(0, self.tweet_id - 1)

    def timeout_of_a_call(self, usual: float, now: float) -> float:
        """Seconds: the usual timeout, or what is left of the wait, but at least a millisecond."""
        left = max(0.001, self._deadline - now)
        self._cut_short = left < usual
        return min(usual, left)

    def find(self, items: Iterable[timeline_pb2.HomeTimelineItem]) -> timeline_pb2.HomeTimelineItem | None:
        return next((item for item in items if item.tweet.tweet_id == self.tweet_id), None)

    def pause_after_read(self, state: timeline_pb2.TimelineState, now: float) -> float:
        """Seconds to pause after a read without the post. Raises NotVisible when the time is over."""
        if self._begun_ms is None:
            self._begun_ms = state.as_of_ms + state.lag_ms
        self._verdict = self._not_visible(state, self._begun_ms)
        return self._pause(self._pace.pause(), now)

    def pause_after_failure(self, error: MurmurationError, now: float) -> float:
        """Seconds to pause after a failed read. Raises the error if it will not pass.

        When the time is over, raises what the last read said that was not cut short by the end of the wait.
        """
        if not isinstance(error, Unavailable | Overloaded | DeadlineExceeded):
            raise error
        if self._verdict is None or not (self._cut_short and isinstance(error, DeadlineExceeded)):
            self._verdict = error
        return self._pause(max(self._pace.pause(), error.retry_after or 0.0), now)

    def _pause(self, seconds: float, now: float) -> float:
        if now + seconds < self._deadline:
            return seconds
        assert self._verdict is not None
        raise self._verdict

    def _not_visible(self, state: timeline_pb2.TimelineState, begun_ms: int) -> NotVisible:
        if state.status == _STATUS.STATUS_REBUILDING:
            why, advice = "the home is being rebuilt", "Wait longer: a rebuild ends by itself."
        elif state.status == _STATUS.STATUS_DEGRADED:
            why, advice = "a part of the server does not answer", "Check that the server is well, and wait longer."
        elif state.as_of_ms < begun_ms:
            why = f"delivery is {state.lag_ms / 1000:.1f} s behind"
            advice = "Wait longer; `murmur admin backlog` says what delivery waits for."
        else:
            why = "all that was posted before has been delivered"
            advice = (
                "Check that the post is not deleted, that the reader follows its author, that no mute or block stands "
                "between them, and, for a reply, that he follows the one who is answered."
            )
        reader = "nobody" if self._reader_id is None else f"user {self._reader_id}"
        return NotVisible(
            f"Post {self.tweet_id} is not in the home of {reader} after {self._timeout:g} s; {why}.",
            advice=advice,
            reason="DEADLINE_EXCEEDED",
            code=grpc.StatusCode.DEADLINE_EXCEEDED,
        )
