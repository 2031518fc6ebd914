"""Allowed destinations of outgoing calls: hosts on an allow-list, private addresses only if listed.

A name that is allowed may still be pointed at this machine, the private network or the cloud's metadata
service (169.254.169.254). So the name is resolved once, every address is judged, and the connection goes to
an address that was judged: a second look-up could give another answer (DNS rebinding).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from karma_core.errors import DeployFailed, SettingsError
from karma_core.ids import shown

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]
"""(host, port) → its addresses; OSError where it has none."""
_CARRIERS: Final = tuple(IPv6Network(text) for text in ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96"))
"""IPv6 addresses that stand for the IPv4 address in their last 32 bits: NAT64 (RFC 6052), SIIT (RFC 2765),
and the old IPv4-compatible ones (RFC 4291, 2.5.5.1)."""
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
"""Begins the interface identifiers of tunnels to the IPv4 address in the last 32 bits (RFC 5214, 6.1)."""
_UNICAST: Final = IPv6Network("2000::/3")
"""What IANA has given out of IPv6 for the public internet; local prefixes of NAT64 are outside of it."""
_SPECIAL: Final = tuple(
    ip_network(text)
    for text in (
        "168.63.129.16/32",
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
    )
)
"""Blocks that some versions of Python take for global, in whole or in part: Azure's platform address, and
entries of IANA's special-purpose registries."""
_METADATA: Final = frozenset(
    ip_address(text) for text in ("168.63.129.16", "192.0.0.192", "100.100.100.200", "fd00:ec2::254")
)
"""Addresses of clouds' metadata services that are not link-local: a network around one does not list it."""


def resolve(host: str, port: int) -> list[str]:
    """The addresses that this machine's resolver gives, without doubles, in its order."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Destinations:
    """An allow-list of host names, addresses (`10.1.2.3`) and networks (`10.0.0.0/8`)."""

    def __init__(self, allowed: Iterable[str], resolve: Resolve = resolve) -> None:
        self._resolve = resolve
        entries = [_host(entry) for entry in allowed]
        self._networks = [ip_network(entry) for entry in entries if _is_network(entry)]
        self._hosts = frozenset(entry for entry in entries if "/" not in entry)

    def check_host(self, host: str) -> None:
        """DeployFailed `reload-host` unless the host is on the list, by name or as an address."""
        literal = _literal(host)
        listed = _host(host) in self._hosts or (literal is not None and self._lists(literal))
        if not listed:
            raise DeployFailed(
                f"the host {shown(host)!r} may not be called",
                why="it is not in [reload] allowed_hosts",
                next_step="add it to karma.toml if a reload action shall call it",
                code="reload-host",
                host=shown(host),
            )

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the host's addresses; DeployFailed `reload-address` unless all of them may be called."""
        self.check_host(host)
        literal = _literal(host)
        addresses = [str(literal)] if literal is not None else self._resolve(host, port)
        for text in addresses:
            address = ip_address(text.partition("%")[0])
            if _is_inner(address) and not self._lists(address):
                raise DeployFailed(
                    f"the host {shown(host)!r} may not be called",
                    why=f"it has the address {address}, which is not a public one",
                    next_step="add the address, too, to [reload] allowed_hosts if that is meant",
                    code="reload-address",
                    host=shown(host),
                    address=str(address),
                )
        return addresses

    def _lists(self, address: Address) -> bool:
        """Whether the list has the address itself, or a network around it (never for metadata services)."""
        reached = _carried(address)
        if str(reached) in self._hosts:
            return True
        alone = reached.is_link_local or reached in _METADATA
        return not alone and any(reached in network for network in self._networks)


def _host(entry: str) -> str:
    return entry.rstrip(".").lower()


def _is_network(entry: str) -> bool:
    if "/" not in entry:
        return False
    try:
        ip_network(entry)
    except ValueError as error:
        raise SettingsError(
            f"reload.allowed_hosts cannot hold {shown(entry)!r}",
            why=str(error),
            next_step="write a host name, an address, or a network like 10.0.0.0/8",
        ) from error
    return True


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _carried(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, else itself."""
    if isinstance(address, IPv4Address):
        return address
    low, interface = int(address) & 0xFFFFFFFF, int(address) >> 32 & 0xFFFFFFFF
    is_loopback = int(address) <= 1  # `::` and `::1` lie among the IPv4-compatible ones, and are none
    if interface in _ISATAP or (not is_loopback and any(address in carrier for carrier in _CARRIERS)):
        return IPv4Address(low)
    return address.ipv4_mapped or address.sixtofour or address


def _is_inner(address: Address) -> bool:
    """Whether the address leads to anything but the public internet (IANA's special-purpose registries)."""
    reached = _carried(address)
    special = any(reached in network for network in _SPECIAL if network.version == reached.version)
    outside = isinstance(reached, IPv6Address) and reached not in _UNICAST
    return special or outside or not reached.is_global or reached.is_multicast
