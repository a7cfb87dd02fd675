"""The table of parts agrees with itself and with what is built from it."""

from __future__ import annotations

import pytest

from murmuration_server.roles.gateway import FORWARDED
from murmuration_server.roles.parts import ALL, GATEWAY, PARTS, ROLES, SERVING, callees, internal_routes


def test_each_part_is_a_role_and_all_has_them_all() -> None:
    names = [part.name for part in PARTS]
    assert [ROLES[name] for name in names] == [(name,) for name in names]
    assert sorted(ROLES[ALL]) == sorted(names)


def test_what_is_called_is_served_by_one_part() -> None:
    served = [service for part in PARTS for service in part.internal]
    assert len(set(served)) == len(served)
    assert {service for part in PARTS for service in part.calls} <= set(served)


@pytest.mark.parametrize(
    ("role", "called"),
    [
        ("users", []),
        ("graph", ["users"]),
        ("tweets", ["users", "graph"]),
        ("timeline", ["users", "graph", "tweets"]),
        ("admin", ["users", "graph", "timeline"]),
        ("relay", []),
        ("fanout", ["graph", "tweets", "timeline"]),
        (GATEWAY, list(SERVING)),
        (ALL, []),
    ],
)
def test_a_role_calls_the_roles_that_serve_what_it_calls(role: str, called: list[str]) -> None:
    assert list(callees(role)) == called


def test_the_gateway_hands_on_every_public_service_and_no_other() -> None:
    public = {part.name: part.serves for part in PARTS if part.serves}
    assert {part: (service.name,) for part, service in FORWARDED.items()} == public
    assert not any(".internal." in service.full_name for service in FORWARDED.values())


def test_routes_are_by_the_full_names_of_services() -> None:
    assert internal_routes({"graph": 1, "timeline": 2}) == {
        "murmuration.internal.v1.GraphReadService": 1,
        "murmuration.internal.v1.GraphRepairService": 1,
        "murmuration.internal.v1.GraphAdminService": 1,
        "murmuration.internal.v1.HomeStateService": 2,
    }
