"""Requests that another web site makes a browser send: recognised by Host, Origin and Sec-Fetch-Site.

A browser on this machine or in this network reaches what listens here, whatever page is open in it. It says
in `Origin` and `Sec-Fetch-Site` (W3C: Fetch Metadata Request Headers) which page asks, and in `Host` under
which name. A name that an attacker's DNS points here (DNS rebinding) is recognised by `Host`: names have to
be known; addresses are never looked up, and always count. Programs send neither header of a page and pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from karma_core.errors import Refused
from karma_core.ids import shown

LOOPBACK_NAME: Final = "localhost"
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
OWN_SITE: Final = frozenset({b"same-origin", b"none"})
"""Values of Sec-Fetch-Site of a page of the same origin, and of a person's own doing (an address typed)."""
EMBEDDED: Final = frozenset({b"object", b"embed", b"iframe", b"frame", b"fencedframe"})
"""Values of Sec-Fetch-Dest of a navigation inside another page."""
DEFAULT_PORTS: Final = (":80", ":443")
Headers = Iterable[tuple[bytes, bytes]]


class ForeignPage(Refused):
    """A request that another site made a browser send, or one under a name that is not the server's."""

    code = "foreign-page"


@dataclass(frozen=True)
class Asking:
    """What a request's headers say of who asks; empty where a header is missing."""

    hosts: tuple[bytes, ...] = ()
    origin: bytes | None = None
    site: bytes = b""
    mode: bytes = b""
    target: bytes = b""

    @classmethod
    def of(cls, headers: Headers) -> Asking:
        """Read the headers; several Host headers are kept, of others the last one counts."""
        hosts, last = [], dict[bytes, bytes]()
        for name, value in headers:
            if name == b"host":
                hosts.append(value.lower())
            elif name == b"origin" or name.startswith(b"sec-fetch-"):
                last[name] = value.lower()
        return cls(
            hosts=tuple(hosts),
            origin=last.get(b"origin"),
            site=last.get(b"sec-fetch-site", b""),
            mode=last.get(b"sec-fetch-mode", b""),
            target=last.get(b"sec-fetch-dest", b""),
        )


class OwnNames:
    """The names and origins of one server.

    `names` are host names beside `localhost` and all IP addresses; `addresses` are URLs under which people
    reach it (behind a proxy, say), whose names and origins count.
    """

    def __init__(self, names: Iterable[str] = (), addresses: Iterable[str] = ()) -> None:
        urls = [urlsplit(address.lower()) for address in addresses if address]
        self._names = {LOOPBACK_NAME, *map(str.lower, names), *(url.hostname or "" for url in urls)} - {""}
        self._origins = {f"{url.scheme}://{url.netloc}".encode() for url in urls}
        self._known: set[bytes] = set()

    def refusal(self, method: str, headers: Headers) -> ForeignPage | None:
        """Return why a request is refused; None where it is the server's own page's or a program's.

        A link from elsewhere may be followed to a page, in a window of its own: GET alone, not in a frame.
        """
        asking = Asking.of(headers)
        if len(asking.hosts) != 1 or not self._is_own_host(asking.hosts[0]):
            return _foreign_host(asking.hosts)
        return self._refusal_of_page(method, asking)

    def refusal_of_page(self, method: str, headers: Headers) -> ForeignPage | None:
        """As `refusal`, where somebody else sees to it that Host is a name of the server's: a gateway."""
        return self._refusal_of_page(method, Asking.of(headers))

    def _refusal_of_page(self, method: str, asking: Asking) -> ForeignPage | None:
        if asking.origin is not None and asking.origin in self._origins:
            return None
        host = asking.hosts[0] if asking.hosts else b""
        if asking.origin is not None and _place(asking.origin.partition(b"://")[2]) != _place(host):
            return _foreign_origin(asking.origin)
        if asking.site and asking.site not in OWN_SITE and not _is_followed_link(method, asking):
            return _foreign_origin(asking.site)
        return None

    def _is_own_host(self, host: bytes) -> bool:
        """Whether Host names this server; those that do are remembered, and are few but for addresses."""
        if host in self._known:
            return True
        name = _name_of(host.decode("latin-1"))
        if name not in self._names and not _is_address(name):
            return False
        if len(self._known) < len(self._names) * 4 + 64:
            self._known.add(host)
        return True


def _is_followed_link(method: str, asking: Asking) -> bool:
    return method in SAFE_METHODS and asking.mode == b"navigate" and asking.target not in EMBEDDED


def _name_of(host: str) -> str:
    """The name or address in a Host header, without port and brackets; empty where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _place(netloc: bytes) -> str:
    """Host and port of an origin or a Host header; the usual ports of HTTP and TLS are left out."""
    text = netloc.decode("latin-1")
    for port in DEFAULT_PORTS:
        text = text.removesuffix(port)
    return text


def _foreign_host(hosts: tuple[bytes, ...]) -> ForeignPage:
    said = ", ".join(shown(host.decode("latin-1")) for host in hosts) or "nothing"
    return ForeignPage(
        "the request is not for this server",
        why=f"its Host is {said}, which is no name of this server",
        next_step="use its address; or say the name: api.allowed_hosts, api.public_url, PREFECT_UI_URL",
        code="foreign-host",
    )


def _foreign_origin(said: bytes) -> ForeignPage:
    return ForeignPage(
        "the request comes from another site's page",
        why=f"the browser says {shown(said.decode('latin-1'))}",
        next_step="open the server's own pages; api.public_url names their address behind a proxy",
    )
