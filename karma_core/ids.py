r"""Names: their patterns, and addresses, parameter names and vertex ids made of them.

A name is checked here before it touches a path, a command line or a query. The patterns for `type`,
`nickname` and `environment` are in docs/concepts.md; `\Z` instead of `$`: `$` lets a final newline through.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from karma_core.errors import UsageError

TYPE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")
NICKNAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
ENVIRONMENT: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")
PREFIX: Final = re.compile(r"(/[A-Za-z0-9][A-Za-z0-9._-]{0,62}){1,5}\Z")

CONFIG: Final = "config"
RUNTIME: Final = "runtime"
RESERVED: Final = "_"
"""Below a prefix, names that begin so are Karma's own, and no component's."""


def shown(name: object) -> str:
    """A name as an error may quote it: printable ASCII, at most 80 characters."""
    text = ascii(str(name))[1:-1]
    return text if len(text) <= 80 else text[:77] + "..."  # noqa: PLR2004 - the width said above


def _check(kind: str, pattern: re.Pattern[str], name: str) -> str:
    if not isinstance(name, str) or not pattern.match(name):
        raise UsageError(
            f"{shown(name)!r} is not a valid {kind}",
            why=f"a {kind} matches {pattern.pattern.removesuffix(chr(92) + 'Z')}",
            next_step=f"correct the {kind}",
            code="invalid-name",
        )
    return name


def check_type(name: str) -> str:
    """The component type, or UsageError `invalid-name`."""
    return _check("component type", TYPE, name)


def check_nickname(name: str) -> str:
    """The nickname, or UsageError `invalid-name`."""
    return _check("nickname", NICKNAME, name)


def check_environment(name: str) -> str:
    """The environment, or UsageError `invalid-name`."""
    return _check("environment", ENVIRONMENT, name)


def check_prefix(name: str) -> str:
    """The parameter prefix, or UsageError `invalid-name`."""
    return _check("parameter prefix", PREFIX, name)


def make_address(component_type: str, nickname: str) -> str:
    """`type/nickname`, both checked."""
    return f"{check_type(component_type)}/{check_nickname(nickname)}"


class Address(NamedTuple):
    """A component's address in its parts; as text, `type/nickname`.

    `environment` is empty where the address is one of the environment at hand, as almost all are.
    """

    type: str
    nickname: str
    environment: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that somebody wrote, its names checked; UsageError `invalid-name`."""
        address = cls.of(text)
        if "/" not in text:
            raise UsageError(
                f"{shown(text)!r} is not a component's address",
                why="an address is type/nickname",
                next_step="write it like vpc/core",
                code="invalid-name",
            )
        check_type(address.type)
        check_nickname(address.nickname)
        return address

    @classmethod
    def of(cls, text: str) -> Address:
        """The parts of an address that was checked when it was made."""
        component_type, _, nickname = text.partition("/")
        return cls(component_type, nickname)

    def __str__(self) -> str:
        return f"{self.type}/{self.nickname}"


def type_of(address: str) -> str:
    """The component type in an address that was checked when it was made."""
    return address.partition("/")[0]


def is_address(text: str) -> bool:
    """Whether text is a well-formed address."""
    address = Address.of(text)
    return bool(TYPE.match(address.type) and NICKNAME.match(address.nickname))


def config_parameter(prefix: str, address: str) -> str:
    """Name of the parameter that holds a component's config."""
    return f"{prefix}/{address}/{CONFIG}"


def runtime_parameter(prefix: str, address: str) -> str:
    """Name of the parameter that holds a component's runtime."""
    return f"{prefix}/{address}/{RUNTIME}"


def binding_parameter(prefix: str) -> str:
    """Name of the parameter that binds an account to one environment."""
    return f"{prefix}/environment"


def vertex_id(environment: str, address: str) -> str:
    """Id of a component's vertex in a graph store."""
    return f"{environment}:{address}"
