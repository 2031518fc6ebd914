"""The address of a caller behind proxies: `X-Forwarded-For` counts only where a trusted proxy sent it.

Everybody can write the header. So the list is read from its end, which the nearest proxy wrote, and the
first address that is no trusted proxy's is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

MOST_HOPS: Final = 20
"""Addresses of one header that are looked at, from its end. Ours."""
_SCHEMES: Final = frozenset({"http", "https"})


class TrustedProxies:
    """Middleware: the scope's client and scheme are those that trusted proxies tell of.

    `trusted` are addresses and networks. Without any, the headers are never looked at.
    """

    def __init__(self, app: ASGIApp, trusted: Iterable[str] = ()) -> None:
        self._app = app
        self._networks = tuple(ip_network(entry) for entry in trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, its caller corrected."""
        if self._networks and scope["type"] == "http" and self._trusts((scope["client"] or ("",))[0]):
            scope = {**scope, **self._forwarded(scope)}
        await self._app(scope, receive, send)

    def _forwarded(self, scope: Scope) -> Scope:
        """What the nearest proxy says of the caller."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            if name in {b"x-forwarded-for", b"x-forwarded-proto"}:
                headers.setdefault(name.decode(), []).append(value.decode("latin-1"))
        facts: Scope = {}
        client = self._caller(headers)
        if client:
            facts["client"] = (client, 0)
        scheme = ",".join(headers.get("x-forwarded-proto", [])).rpartition(",")[2].strip().lower()
        if scheme in _SCHEMES:
            facts["scheme"] = scheme
        return facts

    def _caller(self, headers: Mapping[str, list[str]]) -> str:
        """The nearest address that no trusted proxy has; empty where the header names none.

        What is no address ends the search: everything before it was written by somebody unknown.
        """
        listed = ",".join(headers.get("x-forwarded-for", [])).split(",")
        nearest = ""
        for entry in listed[::-1][:MOST_HOPS]:
            address = _address(entry)
            if address is None:
                break
            nearest = str(address)
            if not self._trusts(nearest):
                break
        return nearest

    def _trusts(self, client: str) -> bool:
        address = _address(client)
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address in an entry, also with a port (`192.0.2.1:80`, `[2001:db8::1]:80`); None where none is."""
    entry = text.strip()
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        address = ip_address(entry)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
