"""`"depends_on": ["vpc/core"]` at the top of a config."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from karma_core import ids
from karma_core.references.base import Context, Reference, Resolved, Subject, invalid_name

KEY = "depends_on"


class Declared:
    """Finds producers that a config lists by address."""

    name: ClassVar[str] = "declared"
    names_runtime: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        del context  # needs nothing beyond the config

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each address in the list."""
        declared = subject.config.get(KEY)
        if declared is None:
            return ()
        if not isinstance(declared, list):
            return (invalid_name(subject, "", KEY, 'depends_on is not a list; write it like ["vpc/core"]'),)
        return [self._one(subject, index, item) for index, item in enumerate(declared)]

    def _one(self, subject: Subject, index: int, item: object) -> Resolved:
        path = f"/{KEY}"
        if isinstance(item, str) and ids.is_address(item):
            return Reference(subject.address, item, self.name, f"{path}/{index}")
        shown = ids.shown(item)
        return invalid_name(
            subject, path, index, f"{shown!r} is not a component's address; write it like vpc/core"
        )
