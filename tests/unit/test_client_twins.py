"""The two clients have the same surface: names, parameters, defaults, annotations, help."""

from __future__ import annotations

import inspect
import re

import pytest

import murmuration_client
from murmuration_client import AdminCalls, Client, HomeWalk, HomeWatch, RenewedToken, aio

TWINS: list[tuple[type, type]] = [
    (Client, aio.AsyncClient),
    (AdminCalls, aio.AsyncAdminCalls),
    (HomeWalk, aio.AsyncHomeWalk),
    (HomeWatch, aio.AsyncHomeWatch),
    (RenewedToken, aio.AsyncRenewedToken),
]
# Of the constructors: what is given to each is of its own kind.
OF_THEIR_KIND = {"token", "interceptors", "fetch", "caller", "responses"}

each_pair = pytest.mark.parametrize(("one", "twin"), TWINS, ids=lambda kind: kind.__name__)


def surface(kind: type) -> dict[str, object]:
    """Public members by name; those of iteration and of `with` by what they are for."""
    special = {"__init__", "__call__"} & {name for base in kind.__mro__[:-1] for name in vars(base)}
    names = {name for name in dir(kind) if not name.startswith("_")} | special
    iteration = {"__next__": "next", "__anext__": "next", "__enter__": "enter", "__aenter__": "enter"}
    names |= {name for name in iteration if hasattr(kind, name)}
    return {iteration.get(name, name): inspect.getattr_static(kind, name) for name in names}


def parameters(member: object) -> list[tuple[str, object, object, str]]:
    assert callable(member)
    return [
        (name, each.kind, each.default, "" if name in OF_THEIR_KIND else plain(each.annotation))
        for name, each in inspect.signature(member).parameters.items()
    ]


def plain(annotation: object) -> str:
    """An annotation without what makes it asynchronous."""
    return re.sub(r"\bAsync", "", str(annotation))


@each_pair
def test_they_have_the_same_members(one: type, twin: type) -> None:
    assert surface(one).keys() == surface(twin).keys()


@each_pair
def test_members_take_and_answer_the_same(one: type, twin: type) -> None:
    others = surface(twin)
    for name, member in surface(one).items():
        other = others[name]
        if isinstance(member, property):
            assert isinstance(other, property), name
            member, other = member.fget, other.fget
        if not callable(member):
            continue
        assert callable(other), name
        assert parameters(member) == parameters(other), name
        returns = [plain(inspect.signature(each).return_annotation) for each in (member, other)]
        assert returns[0] == returns[1], name


@each_pair
def test_members_have_help(one: type, twin: type) -> None:
    others = surface(twin)
    for name, member in surface(one).items():
        if name.startswith("__") or name in ("next", "enter"):
            continue
        assert member.__doc__, name
        assert others[name].__doc__, name


def test_calls_of_the_twin_are_to_be_awaited_or_walked() -> None:
    for name, member in surface(aio.AsyncClient).items():
        if name in ("acting_as", "with_timeout", "__init__") or not inspect.isfunction(member):
            continue
        walks = inspect.isasyncgenfunction(member) or "Async" in str(inspect.signature(member).return_annotation)
        assert inspect.iscoroutinefunction(member) or walks, name


def test_all_that_is_exported_exists() -> None:
    for module in (murmuration_client, aio):
        assert all(hasattr(module, name) for name in module.__all__)
        assert module.__all__ == sorted(module.__all__)
