"""What becomes of a config that Git and the parameter store hold differently."""

from __future__ import annotations

from karma_core.model import Record
from karma_core.records import ConfigFile, Parameter
from karma_core.three_way import Overlap


class Intent(Record, frozen=True, kw_only=True):
    """A config to publish: `value` in canonical form, over the stored version.

    `git` is what Git holds, where the value has edits of a change besides, and `change` the change; None
    where the value is Git's.
    """

    address: str
    file: ConfigFile
    value: str
    stored: Parameter | None
    git: str | None = None
    change: str | None = None


class Ahead(Record, frozen=True, kw_only=True):
    """A config that a change moved. `stored` is None where the change removed it.

    `value` is Git's and `file` its place, None where Git has no such config yet.
    """

    address: str
    stored: Parameter | None
    value: str | None
    file: ConfigFile | None = None


class Diverged(Record, frozen=True, kw_only=True):
    """A config that Git and a change edited at the same places: held until somebody says which side wins.

    `value` is Git's, None where the config left Git; `stored` is None where a change removed it. Where
    nobody but Git edited it, `published_from` is the commit of what is published, which comes after the work
    tree's.
    """

    address: str
    stored: Parameter | None
    value: str | None
    file: ConfigFile | None
    overlaps: tuple[Overlap, ...]
    published_from: str = ""


class Take(Record, frozen=True, kw_only=True):
    """Addresses of diverged configs, by the side whose edits win where both edited the same place."""

    git: frozenset[str] = frozenset()
    store: frozenset[str] = frozenset()

    @property
    def addresses(self) -> frozenset[str]:
        """All that are named."""
        return self.git | self.store
