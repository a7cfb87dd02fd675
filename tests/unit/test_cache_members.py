"""Which nodes a configuration names, by now."""

from __future__ import annotations

import pytest

from murmuration_server.cache.members import members, resolve
from murmuration_server.platform.config import ConfigError, MemcachedSettings, load
from murmuration_server.platform.errors import Unavailable


def test_names_stand_for_themselves_and_dns_names_for_their_addresses() -> None:
    def resolver(host: str, port: int) -> list[str]:
        assert host == "cache.internal"
        return [f"10.0.0.{n}:{port}" for n in (2, 1)]

    named = members(["b:1", "dns:cache.internal:11211", "a:1", "10.0.0.1:11211"], resolver)
    assert named == ("10.0.0.1:11211", "10.0.0.2:11211", "a:1", "b:1")


def test_a_name_without_an_address_is_no_answer() -> None:
    with pytest.raises(Unavailable):
        members(["a:1", "dns:cache:1"], lambda _host, _port: [])


def test_the_systems_resolver_knows_this_machine() -> None:
    assert "127.0.0.1:11211" in resolve("127.0.0.1", 11211)
    assert resolve("::1", 5) == ["[::1]:5"]
    with pytest.raises(Unavailable, match="no-such-host"):
        resolve("no-such-host.invalid", 1)


@pytest.mark.parametrize("node", ["a", "a:", ":1", "a:b", "a:0", "a:65536", "dns:a", "a:１"])
def test_what_is_no_address_is_refused(node: str) -> None:
    with pytest.raises(ValueError, match="is not host:port"):
        MemcachedSettings(nodes=(node,))


def test_a_node_may_be_named_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        MemcachedSettings(nodes=("a:1", "a:1"))


def test_nodes_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_MEMCACHED__NODES", '["a:1", "dns:b:2"]')
    assert load().memcached.nodes == ("a:1", "dns:b:2")
    monkeypatch.setenv("MURMURATION_MEMCACHED__NODES", '["a"]')
    with pytest.raises(ConfigError, match=r"memcached.nodes: .*a is not host:port"):
        load()
