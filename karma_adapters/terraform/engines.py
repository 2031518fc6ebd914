"""Which program runs which type's modules: a type's choice before the environment's before the project's.

The version constraints of all of them must hold. Programs are looked for when they are first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from karma_adapters.processes.children import Processes
from karma_adapters.terraform import binary as binaries
from karma_adapters.terraform.binary import Binary
from karma_core.configuration import Engine
from karma_core.engines import ANY, EngineChoice, satisfies
from karma_core.errors import SettingsError

ENGINE_VERSION = "engine-version"


class Wish(NamedTuple):
    """An engine that somebody asks for, and the place where that is said (`[terraform]`)."""

    place: str
    choice: EngineChoice


class Engines:
    """The programs of one environment. `wishes` are its own and the project's, the strongest first.

    `cache` keeps the programs' versions; they are asked in `environment`. Relative paths count from `root`.
    """

    def __init__(
        self,
        wishes: Sequence[Wish],
        *,
        cache: Path,
        processes: Processes,
        environment: Mapping[str, str],
        root: Path = Path(),
    ) -> None:
        self._wishes = tuple(wishes)
        self._cache = cache
        self._processes = processes
        self._environment = environment
        self._root = root
        self._binaries: dict[str, Binary] = {}
        self._lock = threading.Lock()

    def binary(self, choice: EngineChoice = ANY) -> Binary:
        """The program; SettingsError `engine-missing` where it is not there, with the place that names it."""
        place, name = self._chosen(choice)
        with self._lock:
            if name not in self._binaries:
                own = self._root / name
                wanted = str(own.absolute()) if "/" in name and own.is_file() else name
                self._binaries[name] = binaries.find(wanted, place=place)
            return self._binaries[name]

    def engine(self, choice: EngineChoice = ANY) -> Engine:
        """Which of the two languages it reads, by its name: it need not be there."""
        return binaries.engine(self._chosen(choice)[1])

    def mark(self, choice: EngineChoice) -> str:
        """A token that changes whenever the program may have changed; empty where it is not there."""
        try:
            return self.binary(choice).key
        except SettingsError:
            return ""

    def version(self, choice: EngineChoice = ANY) -> str:
        """Name and version, e.g. `terraform 1.11.4`; a process only when the program's files are new."""
        return binaries.version(self.binary(choice), self._cache, self._processes, self._environment)

    def require(self, component_type: str, choice: EngineChoice) -> None:
        """Return where the type's modules may be run; of an empty one, those of types that choose nothing.

        SettingsError where the program is not there, or `engine-version` where a constraint forbids it.
        """
        if not any(wish.choice.version for wish in (*self._wishes, Wish("", choice))):
            self.binary(choice)
            return
        name, _, version = self.version(choice).partition(" ")
        for place, wanted in (*self._wishes, Wish(of_type(component_type), choice)):
            if not satisfies(version, wanted.version):
                subject = f"modules of the type {component_type}" if component_type else "modules here"
                raise SettingsError(
                    f"{name} {version} may not run {subject}",
                    why=f"{place} wants version {wanted.version}",
                    next_step=f"install that version, name it by `binary` there, or change {place}",
                    code=ENGINE_VERSION,
                )

    def _chosen(self, choice: EngineChoice) -> tuple[str, str]:
        """(place, program) of the strongest that names one."""
        wishes = (Wish("`terraform` of the type's component.yaml or [types]", choice), *self._wishes)
        named = ((place, wish.binary) for place, wish in wishes if wish.binary)
        return next(named, ("[terraform]", ""))


def of_type(component_type: str) -> str:
    """The place where a type's choice is said."""
    return f"`terraform` of component.yaml or [types.{component_type}]"
