"""Where one user lives, and what holds for him: joined from what each service and the placement say."""

from __future__ import annotations

from dataclasses import dataclass

from murmuration_server.graph.client import AuthorDelivery, GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.sharding.placement import Placed, Placement
from murmuration_server.sharding.user_tables import Owner
from murmuration_server.timeline.client import HomeReport, HomeStateClient
from murmuration_server.tweets.client import TweetClient
from murmuration_server.users.client import UserClient


@dataclass(frozen=True, slots=True)
class Location:
    """`relations_cached`, `recent_cached`: whether the cache held them when they were looked for."""

    owner: Owner
    placed: Placed
    delivery: AuthorDelivery
    home: HomeReport
    relations_cached: bool
    recent_cached: bool


class Locator:
    """Looks, and loads none of the cache entries that it tells of."""

    def __init__(
        self, users: UserClient, graph: GraphClient, tweets: TweetClient, homes: HomeStateClient, placement: Placement
    ) -> None:
        self._users, self._graph, self._tweets, self._homes = users, graph, tweets, homes
        self._placement = placement

    def locate(self, call: Call, user_id: int) -> Location:
        """Raises `UserNotFound`, `Unavailable`."""
        handle = self._users.handle(call, user_id)
        delivery = self._graph.deliveries(call, [user_id])[user_id]
        owner = Owner(user_id, handle, delivery.shards, call.runtime.now_ms())
        return Location(
            owner,
            self._placement.locate(call, owner),
            delivery,
            self._homes.inspect(call, user_id),
            self._graph.relations_are_cached(call, user_id),
            self._tweets.recent_is_cached(call, user_id),
        )
