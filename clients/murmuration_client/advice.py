"""What to do next, for each reason: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "UNSPECIFIED": "Check that client and server are of the same release, and read the server's log.",
    "INVALID_FIELD": "Change the named field and send the request again.",
    "MALFORMED_REQUEST": "Send less in one call, and check that client and server are of the same release.",
    "ACTOR_REQUIRED": "Say for whom the call acts: `client.acting_as(user_id)`, or `murmur --as HANDLE`.",
    "NOT_ALLOWED": "Act as a user who may do this.",
    "USER_NOT_FOUND": "Check the handle or the id, or create the user first.",
    "TWEET_NOT_FOUND": "Check the id.",
    "HANDLE_TAKEN": "Choose another handle.",
    "REQUEST_ID_REUSED": "Use a new request_id for each new request, and the same one only to repeat a request.",
    "INVALID_PAGE_TOKEN": "Begin again without a page token.",
    "BLOCKED": "Nothing can be done about it while the block stands.",
    "FOLLOWING_LIMIT": "Unfollow somebody first.",
    "OVERLOADED": "Wait a moment and try again.",
    "OUTBOX_FULL": "Try again in a few minutes; the server's operator should look at the event log.",
    "UNAVAILABLE": "Wait a moment and try again; if that does not help, check that the server is well.",
    "DEADLINE_EXCEEDED": "Try again, with a longer timeout if need be.",
    "INTERNAL": "Report the error id to the server's operator.",
    "CANCELLED": "Try again.",
    "NO_CACHE_RING": "Ask a system whose cache lies on Memcached nodes, named in `memcached.nodes`.",
    "DEAD_LETTER_NOT_FOUND": "Check the id with `murmurd dlq list --all`.",
}


def advice_for(reason: str) -> str:
    """The next step for a reason (an ErrorReason's name without prefix); a general one for a reason not known here."""
    return ADVICE.get(reason, ADVICE["UNSPECIFIED"])
