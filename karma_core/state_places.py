"""Places of Terraform states: where Karma keeps each component's, and which one a remote state names.

A place is compared by what identifies a state in its backend. Regions, accounts, endpoints and credentials
say how a place is reached, and are not compared. Sources: Terraform's documentation of the backends `local`,
`s3`, `http`, `gcs` and `azurerm`, and their code where workspaces are concerned.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from karma_core import ids

DEFAULT: Final = "default"
"""The workspace of whoever names none; Karma's Terraform runs in no other."""
STATE: Final = "terraform.tfstate"
_PORTS: Final = {"http": 80, "https": 443}

Names = Mapping[str, str]
"""Arguments of a backend's configuration, those alone that identify a state."""


class StatePlace(NamedTuple):
    """A state's place: its backend, and what identifies it there in a comparable form."""

    backend: str
    parts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.backend}:{'/'.join(self.parts)}"


class NamedState(NamedTuple):
    """A state as a module names it: backend, (argument, value) pairs sorted by argument, and workspace."""

    backend: str
    arguments: tuple[tuple[str, str], ...]
    workspace: str = DEFAULT

    @property
    def place(self) -> StatePlace | None:
        """The place that it names; None for a backend that is not compared, or an incomplete name."""
        named = BACKENDS.get(self.backend)
        parts = named.parts(dict(self.arguments), self.workspace) if named is not None else None
        return StatePlace(self.backend, parts) if parts is not None else None


class Backend(NamedTuple):
    """How a backend names a state: its identifying arguments, and the parts that they and a workspace make.

    `parts` gives None where a required argument is missing, or the backend has no workspaces.
    """

    arguments: tuple[str, ...]
    parts: Callable[[Names, str], tuple[str, ...] | None]


def _local(names: Names, workspace: str) -> tuple[str, ...] | None:
    """The file. A relative path counts from where Terraform runs, which is no place that stays."""
    path = names.get("path", STATE)
    if workspace != DEFAULT:
        path = posixpath.join(names.get("workspace_dir", "terraform.tfstate.d"), workspace, STATE)
    return (posixpath.normpath(path),) if posixpath.isabs(path) else None


def _s3(names: Names, workspace: str) -> tuple[str, ...] | None:
    if not (names.get("bucket") and names.get("key")):
        return None
    if workspace == DEFAULT:
        return names["bucket"], names["key"]
    return names["bucket"], posixpath.join(names.get("workspace_key_prefix", "env:"), workspace, names["key"])


def _http(names: Names, workspace: str) -> tuple[str, ...] | None:
    """The address; scheme and host in small letters, without the scheme's own port."""
    try:
        url = urlsplit(names.get("address", ""))
        port = url.port
    except ValueError:
        return None
    if workspace != DEFAULT or not url.hostname:
        return None
    shown_port = "" if port in (None, _PORTS.get(url.scheme)) else f":{port}"
    return (
        f"{url.scheme}://{url.hostname}{shown_port}{url.path or '/'}{'?' if url.query else ''}{url.query}",
    )


def _gcs(names: Names, workspace: str) -> tuple[str, ...] | None:
    if not names.get("bucket"):
        return None
    return names["bucket"], posixpath.join(names.get("prefix", ""), f"{workspace}.tfstate")


def _azurerm(names: Names, workspace: str) -> tuple[str, ...] | None:
    required = [names.get(name, "") for name in ("storage_account_name", "container_name", "key")]
    if not all(required):
        return None
    *account, key = required
    return (*account, key if workspace == DEFAULT else f"{key}env:{workspace}")


BACKENDS: Final[Mapping[str, Backend]] = MappingProxyType(
    {
        "local": Backend(("path", "workspace_dir"), _local),
        "s3": Backend(("bucket", "key", "workspace_key_prefix"), _s3),
        "http": Backend(("address",), _http),
        "gcs": Backend(("bucket", "prefix"), _gcs),
        "azurerm": Backend(("container_name", "key", "storage_account_name"), _azurerm),
    }
)
"""The backends whose places are compared."""
ARGUMENTS: Final = tuple(sorted({name for one in BACKENDS.values() for name in one.arguments}))
"""Every identifying argument of any of them."""


@dataclass(frozen=True)
class StateFolder:
    """Where an environment keeps the states of its components: `<path>/<type>/<nickname>/terraform.tfstate`.

    `path` is an absolute directory, or the start of the keys in `bucket` (which may be empty).
    """

    backend: Literal["local", "s3"]
    path: str
    bucket: str = ""

    def place(self, address: str) -> StatePlace | None:
        """The place of a component's state."""
        component_type, nickname, _ = ids.Address.of(address)
        path = posixpath.join(self.path, component_type, nickname, STATE)
        arguments = {"path": path} if self.backend == "local" else {"bucket": self.bucket, "key": path}
        return NamedState(self.backend, tuple(sorted(arguments.items()))).place


def index(folder: StateFolder | None, addresses: Iterable[str]) -> dict[StatePlace, str]:
    """Each component's place → its address; empty where it is not known where states are kept."""
    if folder is None:
        return {}
    return {place: address for address in addresses if (place := folder.place(address)) is not None}
