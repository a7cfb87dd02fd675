"""AdminService: parse, call, present."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from murmuration.admin.v1 import admin_pb2 as api
from murmuration.v1.tweet_pb2 import DELIVERY_MODE_PULL, DELIVERY_MODE_PUSH, DELIVERY_MODE_UNSPECIFIED
from murmuration_server.admin import present
from murmuration_server.admin.dead_letters import page
from murmuration_server.admin.imports import GraphImport
from murmuration_server.admin.locate import Locator
from murmuration_server.admin.ring_preview import preview_ring
from murmuration_server.eventlog.dead_letter import DeadLetter, LetterState
from murmuration_server.eventlog.dead_letters import DeadLetters
from murmuration_server.graph.client import PULL, PUSH, GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.checks import check_id, check_ids
from murmuration_server.platform.errors import InvalidField, UserNotFound
from murmuration_server.platform.paging import PageTokens, SigningKeys, page_size
from murmuration_server.sharding.placement import Placement
from murmuration_server.timeline.client import DeliveryStatus, HomeStateClient
from murmuration_server.tweets.client import TweetClient
from murmuration_server.users.client import UserClient

MAX_BATCH = 5000
MAX_LETTERS = 100
MAX_PREVIEWED_USERS, SAMPLED_USERS = 500, 200
DEFAULT_LETTERS_A_PAGE, MAX_LETTERS_A_PAGE = 100, 1000
_LETTER_STATES = {
    LetterState.OPEN: api.DeadLetter.STATE_OPEN,
    LetterState.RETRIED: api.DeadLetter.STATE_RETRIED,
    LetterState.DROPPED: api.DeadLetter.STATE_DROPPED,
}
_MODES = {DELIVERY_MODE_UNSPECIFIED: 0, DELIVERY_MODE_PUSH: PUSH, DELIVERY_MODE_PULL: PULL}


class AdminService:
    def __init__(
        self,
        users: UserClient,
        graph: GraphClient,
        tweets: TweetClient,
        homes: HomeStateClient,
        status: DeliveryStatus,
        letters: DeadLetters,
        placement: Placement,
        keys: SigningKeys,
    ) -> None:
        self._users, self._graph, self._homes, self._status = users, graph, homes, status
        self._placement, self._locator = placement, Locator(users, graph, tweets, homes, placement)
        self._letters, self._letter_pages = letters, PageTokens("ListDeadLetters", keys)

    def ImportGraph(self, call: Call, requests: Iterator[api.ImportGraphRequest]) -> api.ImportGraphResponse:
        load = GraphImport(self._users, self._graph)
        for request in requests:
            if len(request.users) > MAX_BATCH or len(request.follows) > MAX_BATCH:
                raise InvalidField("users, follows", f"at most {MAX_BATCH} of each a message")
            load.add_users(call, [(user.handle, user.display_name) for user in request.users])
            load.add_follows(
                call,
                [line.follower_handle for line in request.follows],
                [line.followee_handle for line in request.follows],
            )
        return api.ImportGraphResponse(
            users_created=load.users_created,
            users_found=load.users_found,
            follows_created=load.follows_created,
            follows_found=load.follows_found,
        )

    def RebuildTimeline(self, call: Call, request: api.RebuildTimelineRequest) -> api.RebuildTimelineResponse:
        user_id = check_id("user_id", request.user_id)
        self._users.require(call, user_id)
        self._homes.request_rebuild(call, user_id)
        return api.RebuildTimelineResponse()

    def GetBacklog(self, call: Call, request: api.GetBacklogRequest) -> api.GetBacklogResponse:  # noqa: ARG002
        delivered = self._status.measure(call)
        now = call.runtime.now_ms()
        return api.GetBacklogResponse(
            outbox_rows=delivered.outbox_rows,
            lanes=[
                api.LaneBacklog(
                    group=lane.group,
                    topic=lane.topic,
                    records=lane.records,
                    oldest_age_ms=0 if lane.oldest_origin_ms is None else max(0, now - lane.oldest_origin_ms),
                )
                for lane in delivered.lanes
            ],
            delivered_until_ms=delivered.until_ms,
            lag_ms=delivered.lag_ms,
        )

    def SetAuthorMode(self, call: Call, request: api.SetAuthorModeRequest) -> api.SetAuthorModeResponse:
        user_id = check_id("user_id", request.user_id)
        if request.mode not in _MODES:
            raise InvalidField("mode", "must be PUSH, PULL, or unspecified to let the follower count decide")
        self._users.require(call, user_id)
        mode = self._graph.pin_mode(call, user_id, _MODES[request.mode])
        return api.SetAuthorModeResponse(mode=present.PUBLIC_MODES[mode])

    def LocateUser(self, call: Call, request: api.LocateUserRequest) -> api.LocateUserResponse:
        which = request.WhichOneof("key")
        if which is None:
            raise InvalidField("key", "set user_id or handle")
        if which == "user_id":
            user_id = check_id("user_id", request.user_id)
        else:
            user_id = self._users.resolve(call, [request.handle]).get(request.handle, 0)
            if not user_id:
                raise UserNotFound(request.handle)
        return api.LocateUserResponse(location=present.user_location(self._locator.locate(call, user_id)))

    def PreviewRing(self, call: Call, request: api.PreviewRingRequest) -> api.PreviewRingResponse:
        user_ids = check_ids("user_ids", request.user_ids, MAX_PREVIEWED_USERS)
        rings = self._placement.rings(call)
        users = user_ids or self._users.sample(call, SAMPLED_USERS)
        preview = preview_ring(rings, request.add_nodes, request.remove_nodes, users)
        return present.ring_preview(preview, len(users))

    def ListDeadLetters(self, call: Call, request: api.ListDeadLettersRequest) -> api.ListDeadLettersResponse:
        before = self._letter_pages.position(0, request.page_token)
        size = page_size(request.page_size, DEFAULT_LETTERS_A_PAGE, MAX_LETTERS_A_PAGE)
        letters = self._letters.all(call)
        found, go_on = page(letters, size, before, request.group, settled=request.include_settled)
        return api.ListDeadLettersResponse(
            dead_letters=[_letter(letter) for letter in found],
            next_page_token="" if go_on is None else self._letter_pages.make(0, go_on),
        )

    def GetDeadLetter(self, call: Call, request: api.GetDeadLetterRequest) -> api.GetDeadLetterResponse:
        letter = self._letters.get(call, request.dead_letter_id)
        shown = _letter(letter)
        shown.value = letter.value
        return api.GetDeadLetterResponse(dead_letter=shown)

    def RetryDeadLetters(self, call: Call, request: api.RetryDeadLettersRequest) -> api.RetryDeadLettersResponse:
        letters = self._letters.retry(call, _checked(request.dead_letter_ids))
        return api.RetryDeadLettersResponse(dead_letters=[_letter(letter) for letter in letters])

    def DropDeadLetters(self, call: Call, request: api.DropDeadLettersRequest) -> api.DropDeadLettersResponse:
        letters = self._letters.drop(call, _checked(request.dead_letter_ids))
        return api.DropDeadLettersResponse(dead_letters=[_letter(letter) for letter in letters])


def _checked(letter_ids: Sequence[str]) -> Sequence[str]:
    if not 0 < len(letter_ids) <= MAX_LETTERS:
        raise InvalidField("dead_letter_ids", f"between 1 and {MAX_LETTERS} of them")
    return letter_ids


def _letter(letter: DeadLetter) -> api.DeadLetter:
    return api.DeadLetter(
        dead_letter_id=letter.letter_id,
        group=letter.group,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        key=letter.key,
        origin_ms=letter.origin_ms,
        reason=letter.reason,
        set_aside_ms=letter.set_aside_ms,
        state=_LETTER_STATES[letter.state],
        settled_ms=letter.settled_ms,
    )
