"""What a backup consists of: members with their digests, and the manifest that lists them."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from karma_core import ports
from karma_core.model import Record
from karma_core.records import Parameter

FORMAT: Final = 1
"""Of the manifest and the members; raised where an older Karma could not restore a backup any more."""
MANIFEST: Final = "manifest.json"
STATE: Final = "state.jsonl"
LOG: Final = "log.jsonl"
BUILDS: Final = "graph/builds.jsonl"
GRAPH: Final = "graph/current.json"
PARAMETERS: Final = "parameters"
STATES: Final = "terraform"
MODULES: Final = "modules"
ARTIFACTS: Final = "artifacts"


class Member(Record, frozen=True, kw_only=True):
    """One member: its name in the backup, its length in bytes, `sha256:<hex>` of its content."""

    name: str
    size: int
    digest: str


class Manifest(Record, frozen=True, kw_only=True):
    """What a backup holds.

    `environment`, `prefix` and `region` say whose it is. `counts` are of what people count: parameters,
    components, events and so on. `log_head` is the hash of the last event. `left_out` names SecureStrings
    whose values the backup does not have. `members` are all but the manifest itself, by name.
    """

    format: int
    id: str
    environment: str
    prefix: str
    region: str
    taken_at: str
    taken_by: str
    counts: dict[str, int]
    log_head: str = ""
    parameters_revision: str = ""
    applied_revision: str = ""
    left_out: tuple[str, ...] = ()
    members: tuple[Member, ...]


class KeptParameter(Record, frozen=True, kw_only=True):
    """A parameter in a backup: its kept versions, oldest first, and its tags."""

    name: str
    versions: tuple[Parameter, ...]
    tags: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Others:
    """What is backed up beside the stores of an environment.

    `no_artifacts` are the beginnings of keys that are in the artifact store's place and are no artifacts: the
    log's objects, and Terraform's states.
    """

    states: ports.TerraformStates
    modules: ports.ModuleCopies
    no_artifacts: tuple[str, ...] = ()


class Writer(Protocol):
    """A backup that is being made."""

    def add(self, name: str, chunks: Iterable[bytes]) -> None:
        """Write a member; one of the name is replaced."""
        ...

    def drop(self, name: str) -> None:
        """Forget a member, where there is one of the name."""
        ...

    def members(self) -> tuple[Member, ...]:
        """What was written so far, by name."""
        ...


class Reader(Protocol):
    """A backup that was made. BadInput `backup-damaged` where it cannot be read."""

    def members(self) -> tuple[Member, ...]:
        """All members but the manifest with their digests as they are now, by name. Reads everything."""
        ...

    def read(self, name: str) -> bytes:
        """A member's content."""
        ...

    def lines(self, name: str) -> Generator[bytes]:
        """A member's lines, without their newlines."""
        ...


def parameter_member(name: str) -> str:
    """The member that holds a parameter."""
    return f"{PARAMETERS}{name}.json" if name.startswith("/") else f"{PARAMETERS}/{name}.json"


def state_member(address: str) -> str:
    """The member that holds a component's Terraform state."""
    return f"{STATES}/{address}.tfstate"


def module_member(digest: str) -> str:
    """The member that holds an archived module."""
    return f"{MODULES}/{digest.removeprefix('sha256:')}.json"
