"""Terraform's functions that encode, decode and hash, and those on network addresses."""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
import io
import ipaddress
import json
import re
import urllib.parse
import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final, NoReturn

from karma_core.inference import numbers
from karma_core.inference.conversion import Uncertain, Unconvertible
from karma_core.inference.numbers import Number
from karma_core.inference.values import Value

_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NAMESPACES: Final = {
    "dns": uuid.NAMESPACE_DNS,
    "url": uuid.NAMESPACE_URL,
    "oid": uuid.NAMESPACE_OID,
    "x500": uuid.NAMESPACE_X500,
}
_ADDRESS_BITS: Final = {4: 32, 6: 128}
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def jsonencode(value: Value) -> str:
    """As Go writes it: keys sorted, `<`, `>` and `&` escaped, numbers in full."""
    return "".join(_json(value))


def _json(value: Value) -> Iterator[str]:
    match value:
        case None | bool():
            yield json.dumps(value)
        case str():
            if _CONTROL.search(value):
                raise Uncertain
            text = json.dumps(value, ensure_ascii=False)
            yield "".join(_ESCAPED.get(character, character) for character in text)
        case int() | float() | Fraction() | Decimal():
            yield numbers.text(value)
        case list():
            yield "[" + ",".join(map(jsonencode, value)) + "]"
        case dict():
            entries = (f"{jsonencode(name)}:{jsonencode(value[name])}" for name in sorted(value))
            yield "{" + ",".join(entries) + "}"
        case _:
            raise Uncertain


def jsondecode(text: str) -> Value:
    """Objects and tuples; of a key that stands twice the last counts."""

    def refuse(_: str) -> NoReturn:
        raise ValueError

    def number(digits: str) -> Number:
        parsed = numbers.parsed(digits)
        if parsed is None:
            raise Uncertain
        return parsed

    try:
        return json.loads(text, parse_float=number, parse_int=number, parse_constant=refuse)
    except ValueError as error:
        raise Unconvertible from error


def _base64decode(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise Uncertain
    try:
        return base64.b64decode(text, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unconvertible from error


def _csvdecode(text: str) -> Value:
    if '"' in text or "\r" in text or not text:
        raise Uncertain
    header, *rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if len(set(header)) != len(header) or any(len(row) != len(header) for row in rows):
        raise Unconvertible
    return [dict(zip(header, row, strict=True)) for row in rows]


def _hash(name: str, *, as_base64: bool = False) -> Callable[[str], str]:
    def function(text: str) -> str:
        made = hashlib.new(name, text.encode(), usedforsecurity=False)
        return base64.b64encode(made.digest()).decode() if as_base64 else made.hexdigest()

    return function


def _uuidv5(namespace: str, name: str) -> str:
    try:
        space = _NAMESPACES.get(namespace) or uuid.UUID(namespace)
    except ValueError as error:
        raise Unconvertible from error
    return str(uuid.uuid5(space, name))


# -- network addresses --------------------------------------------------------------------------------


def _network(prefix: str) -> _Network:
    if re.search(r"(^|\.)0\d", prefix) or "%" in prefix:
        raise Uncertain  # Terraform takes leading zeros, as it did long ago
    if "/" not in prefix or not prefix.rpartition("/")[2].isdigit():
        raise Unconvertible
    return ipaddress.ip_network(prefix, strict=False)


def _whole(*given: Number) -> list[int]:
    if not all(isinstance(number, int) for number in given):
        raise Unconvertible
    return [int(number) for number in given]


def _cidrhost(prefix: str, host: Number) -> str:
    network, (number,) = _network(prefix), _whole(host)
    if not -network.num_addresses <= number < network.num_addresses:
        raise Unconvertible
    first = int(network.network_address)
    return str(network.network_address.__class__(first + number % network.num_addresses))


def _cidrnetmask(prefix: str) -> str:
    network = _network(prefix)
    if network.version != 4:  # noqa: PLR2004 - IPv6 has none
        raise Unconvertible
    return str(network.netmask)


def _cidrsubnet(prefix: str, newbits: Number, netnum: Number) -> str:
    network, (bits, number) = _network(prefix), _whole(newbits, netnum)
    length = network.prefixlen + bits
    if bits < 0 or number < 0:
        raise Uncertain
    if length > _ADDRESS_BITS[network.version] or not 0 <= number < 2**bits:
        raise Unconvertible
    first = int(network.network_address) + (number << (_ADDRESS_BITS[network.version] - length))
    return f"{network.network_address.__class__(first)}/{length}"


def _cidrsubnets(prefix: str, *newbits: Number) -> list[str]:
    """One network after the other, each at the next place where its size fits."""
    network = _network(prefix)
    at, end = int(network.network_address), int(network.broadcast_address)
    made = []
    for bits in _whole(*newbits):
        length = network.prefixlen + bits
        if bits < 1 or length > _ADDRESS_BITS[network.version]:
            raise Unconvertible
        size = 1 << (_ADDRESS_BITS[network.version] - length)
        at = -(-at // size) * size
        if at + size - 1 > end:
            raise Unconvertible
        made.append(f"{network.network_address.__class__(at)}/{length}")
        at += size
    return made


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "base64decode": _base64decode,
    "base64encode": lambda text: base64.b64encode(text.encode()).decode(),
    "base64sha256": _hash("sha256", as_base64=True),
    "base64sha512": _hash("sha512", as_base64=True),
    "cidrhost": _cidrhost,
    "cidrnetmask": _cidrnetmask,
    "cidrsubnet": _cidrsubnet,
    "cidrsubnets": _cidrsubnets,
    "csvdecode": _csvdecode,
    "jsondecode": jsondecode,
    "md5": _hash("md5"),
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "sha512": _hash("sha512"),
    "urlencode": lambda text: urllib.parse.quote_plus(text, safe=""),
    "uuidv5": _uuidv5,
}
