"""Whether a target is this very machine, where nobody listens in between."""

from __future__ import annotations

_SOCKET_SCHEMES = ("unix:", "unix-abstract:")


def is_loopback(target: str) -> bool:
    """Whether a gRPC target can lead nowhere but to this machine: a loopback address, "localhost", a Unix socket.

    A name asked of a name server that the target itself names ("dns://server/localhost") may lead anywhere.
    """
    if target.startswith(_SOCKET_SCHEMES):
        return True
    scheme, colon, rest = target.partition(":")
    if colon and scheme == "dns":
        return _is_loopback_host(_host(rest.removeprefix("///") if rest.startswith("///") else rest))
    if colon and scheme in ("ipv4", "ipv6"):
        return all(_is_loopback_host(_host(address)) for address in rest.split(","))
    return _is_loopback_host(_host(target))


def _host(address: str) -> str:
    """Of "host", "host:port", "[v6]:port" or a bare IPv6 address."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def _is_loopback_host(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    import ipaddress  # Two milliseconds, which only callers with a token pay.

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
