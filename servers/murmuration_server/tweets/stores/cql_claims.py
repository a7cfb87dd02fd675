"""Request ids that are taken, in a CQL keyspace: each by one lightweight transaction, each with its end."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS
from murmuration_server.platform.cql.failures import DATABASE, OutcomeUnknown
from murmuration_server.platform.cql.session import CONDITIONAL_TRIES, CqlSession
from murmuration_server.platform.errors import Unavailable
from murmuration_server.tweets.store import Claim
from murmuration_server.tweets.stores.cql_schema import CLAIM_HELD, CLAIM_TAKE, CLAIM_TAKE_OVER


class CqlClaims:
    def __init__(self, session: CqlSession, request_id_ms: int) -> None:
        self._session = session
        # A day longer, for clocks that are apart: who asks decides by `expired_before_ms`.
        self._ttl_seconds = (request_id_ms + DAY_MS) // 1000

    def take(self, call: Call, claim: Claim, expired_before_ms: int) -> Claim:
        """As `TweetStore.claim`. An attempt of the caller's own that got no answer comes back as what stands."""
        key = claim.actor_id, claim.method, claim.request_id
        values = claim.digest, claim.tweet_id, claim.mode, claim.claimed_ms
        for _ in range(CONDITIONAL_TRIES):
            row = self._session.claim(call, (CLAIM_TAKE, (*key, *values, self._ttl_seconds)), (CLAIM_HELD, key))
            if row is None:
                return claim
            held = Claim(*row)
            if held.claimed_ms >= expired_before_ms:
                return held
            try:
                request = (self._ttl_seconds, *values, *key, held.tweet_id, held.claimed_ms)
                if self._session.apply_if(call, CLAIM_TAKE_OVER, *request):
                    return claim
            except OutcomeUnknown:
                # The next look tells.
                pass
        raise Unavailable(f"{DATABASE} (others claim the same request_id)")
