"""Graphs with faults: what is wrong is named, what came before it stands, and importing again completes it."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, user_pb2
from murmuration_client.errors import MurmurationError
from murmuration_client.status import from_rpc
from tests.inputs.people import INVALID, NOT_FOUND, People, new_handle
from tests.process.running import Api, until

MOST = 5_000


def _message(
    users: Iterable[str] = (), follows: Iterable[tuple[str, str]] = (), display_name: str = ""
) -> admin_pb2.ImportGraphRequest:
    return admin_pb2.ImportGraphRequest(
        users=[admin_pb2.ImportedUser(handle=handle, display_name=display_name) for handle in users],
        follows=[admin_pb2.ImportedFollow(follower_handle=one, followee_handle=other) for one, other in follows],
    )


def _import(api: Api, *messages: admin_pb2.ImportGraphRequest) -> admin_pb2.ImportGraphResponse:
    try:
        return api.stubs.admin.ImportGraph(iter(messages), timeout=30)
    except grpc.RpcError as error:
        raise from_rpc(error, api.target, 30) from error


def _refused(
    people: People, code: grpc.StatusCode, reason: str, field: str | None, *messages: admin_pb2.ImportGraphRequest
) -> MurmurationError:
    with people.undisturbed(), pytest.raises(MurmurationError) as failure:
        _import(people.api, *messages)
    error = failure.value
    assert (error.code, error.reason) == (code, reason), error
    if field is not None:
        assert [name.partition("[")[0] for name, _ in error.field_violations] == [field]
    return error


def _following(api: Api, handle: str) -> list[str]:
    user_id = api.call("users.GetUser", user_pb2.GetUserRequest(handle=handle)).user.user_id
    ids = api.call("graph.ListFollowing", graph_pb2.ListFollowingRequest(user_id=user_id)).user_ids
    users = api.call("users.BatchGetUsers", user_pb2.BatchGetUsersRequest(user_ids=ids)).users
    return sorted(user.handle for user in users)


@pytest.fixture
def pair(api: Api) -> tuple[str, str]:
    handles = new_handle(), new_handle()
    _import(api, _message(handles))
    return handles


def test_an_import_of_nothing(people: People, api: Api) -> None:
    with people.undisturbed():
        assert _import(api) == admin_pb2.ImportGraphResponse()
        assert _import(api, _message(), _message()) == admin_pb2.ImportGraphResponse()


def test_a_self_follow(people: People, pair: tuple[str, str]) -> None:
    one, other = pair
    error = _refused(people, INVALID, "INVALID_FIELD", "follows", _message(follows=[(one, other), (one, one)]))
    assert one in error.message
    assert _following(people.api, one) == []


def test_a_self_follow_in_another_spelling(people: People, pair: tuple[str, str]) -> None:
    one = pair[0]
    _refused(people, INVALID, "INVALID_FIELD", "follows", _message(follows=[(one, one.upper())]))


@pytest.mark.parametrize("place", ["follower", "followee"])
def test_a_handle_that_nobody_has(people: People, pair: tuple[str, str], place: str) -> None:
    one, other = pair
    nobody = new_handle()
    line = (nobody, other) if place == "follower" else (one, nobody)
    error = _refused(people, NOT_FOUND, "USER_NOT_FOUND", None, _message(follows=[(one, other), line]))
    assert nobody in error.message
    assert _following(people.api, one) == []


@pytest.mark.parametrize("handle", ["", "a b", "\u0430lice", "a" * 16, "\0"])
def test_a_follow_of_a_handle_that_nobody_may_have(people: People, pair: tuple[str, str], handle: str) -> None:
    line = pair[0], handle
    with people.undisturbed(), pytest.raises(MurmurationError) as failure:
        _import(people.api, _message(follows=[line]))
    assert failure.value.code in (INVALID, NOT_FOUND), failure.value
    assert failure.value.reason in ("INVALID_FIELD", "USER_NOT_FOUND")


@pytest.mark.parametrize("handle", ["", "a b", "\u0430lice", "a" * 16, "\0"])
def test_an_account_with_a_handle_that_nobody_may_have(people: People, handle: str) -> None:
    """None of its message is stored."""
    good = new_handle()
    _refused(people, INVALID, "INVALID_FIELD", None, _message([good, handle]))
    people.refused("users.GetUser", user_pb2.GetUserRequest(handle=good), NOT_FOUND, "USER_NOT_FOUND")


def test_an_account_with_a_name_that_nobody_may_have(people: People) -> None:
    good = new_handle()
    _refused(people, INVALID, "INVALID_FIELD", None, _message([good], display_name="a" * 51))
    people.refused("users.GetUser", user_pb2.GetUserRequest(handle=good), NOT_FOUND, "USER_NOT_FOUND")


def test_repetitions_within_a_message_between_messages_and_between_imports(
    people: People, api: Api, pair: tuple[str, str]
) -> None:
    one, other = pair
    fresh = new_handle()
    lines = [(one, other), (one, other), (one.upper(), other)]
    messages = [_message([one, fresh, fresh.upper()], lines), _message([fresh], [(one, other)])]
    with people.undisturbed():
        first = _import(api, *messages)
        second = _import(api, *messages)
    assert (first.users_created, first.users_found) == (1, 3)
    assert (first.follows_created, first.follows_found) == (1, 3)
    assert (second.users_created, second.users_found) == (0, 4)
    assert (second.follows_created, second.follows_found) == (0, 4)
    assert _following(api, one) == [other]


@pytest.mark.parametrize("what", ["users", "follows"])
def test_more_than_5000_in_a_message(people: People, pair: tuple[str, str], what: str) -> None:
    one, other = pair
    message = _message([one] * (MOST + 1)) if what == "users" else _message(follows=[(one, other)] * (MOST + 1))
    with people.undisturbed(), pytest.raises(MurmurationError) as failure:
        _import(people.api, message)
    assert (failure.value.code, failure.value.reason) == (INVALID, "INVALID_FIELD")
    assert any(what in name for name, _ in failure.value.field_violations)
    assert _following(people.api, one) == []


def test_5000_in_a_message(api: Api, pair: tuple[str, str]) -> None:
    answer = _import(api, _message([pair[0]] * MOST, [pair] * MOST))
    assert (answer.users_found, answer.follows_created, answer.follows_found) == (MOST, 1, MOST - 1)


def test_what_came_before_a_faulty_message_stands_and_again_completes_it(api: Api) -> None:
    one, other, third = new_handle(), new_handle(), new_handle()
    messages = [_message([one, other], [(one, other)]), _message(follows=[(other, third)])]
    with pytest.raises(MurmurationError, match=third):
        _import(api, *messages)
    assert _following(api, one) == [other]
    answer = _import(api, _message([third]), *messages)
    assert (answer.users_created, answer.follows_created, answer.follows_found) == (1, 1, 1)
    assert _following(api, other) == [third]


def test_a_message_that_is_none_amid_an_import(people: People, api: Api, pair: tuple[str, str]) -> None:
    call = api.channel.stream_unary("/murmuration.admin.v1.AdminService/ImportGraph")
    messages = [_message(follows=[pair]).SerializeToString(), b"\xff\xff\xff"]
    with people.undisturbed(), pytest.raises(grpc.RpcError) as failure:
        call(iter(messages), timeout=30)
    error = from_rpc(failure.value, api.target, 30)
    assert (error.code, error.reason) == (INVALID, "MALFORMED_REQUEST")
    assert _following(api, pair[0]) == [pair[1]]


def test_an_import_that_its_caller_gives_up(people: People, api: Api, pair: tuple[str, str]) -> None:
    silent = threading.Event()

    def messages() -> Iterable[admin_pb2.ImportGraphRequest]:
        yield _message(follows=[pair])
        silent.wait(60)

    call = api.stubs.admin.ImportGraph.future(iter(messages()), timeout=60)
    until("the first message to be worked on", lambda: _following(api, pair[0]) == [pair[1]])
    call.cancel()
    silent.set()
    assert _import(api, _message([new_handle()])).users_created == 1
