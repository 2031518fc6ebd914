"""Facts about modules, stored with the environment's state by builders, for processes without modules.

One document a type, and one that says which of them belong together. A process without modules builds the
same graph from them as the builder would, and says so where they are not enough.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Final

import msgspec

from karma_core import ports, strictjson
from karma_core.decoding import convert
from karma_core.errors import BadInput, Conflict, KarmaError, Refused
from karma_core.inference.facts import ModuleFacts
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.model import Record, to_builtins
from karma_core.needs import FleetSource, HasModules
from karma_core.records import Module
from karma_core.state_places import StateFolder
from karma_core.workspace import EnvironmentSettings, OpenEnvironment, StoredEnvironment

if TYPE_CHECKING:
    from karma_core.use_cases.fleet.fleet import Fleet

KIND: Final = "kept-module"
"""Kind of the state store's documents that hold a type each."""
SUMMARY_KIND: Final = "kept-modules"
SUMMARY: Final = "all"
UNKNOWN: Final = "module-unknown"
"""Code of the finding on a type of which nothing, or nothing that fits, is kept."""
_FEW: Final = 10
"""Up to so many types are fetched one by one; for more all are read at once."""


class Problem(Record, frozen=True, kw_only=True):
    """Why something of a type cannot be used: the parts of the error that the builder met."""

    code: str
    what: str
    why: str
    next_step: str
    place: str = ""

    def error(self) -> BadInput:
        """The error again."""
        facts = {"place": self.place} if self.place else {}
        return BadInput(self.what, why=self.why, next_step=self.next_step, code=self.code, **facts)


class KeptModule(Record, frozen=True, kw_only=True):
    """A type as a builder saw it: its definition and its module, which it need not have."""

    digest: str = ""
    facts: ModuleFacts | None = None
    definition: JsonObject | None = None
    unreadable: Problem | None = None
    unreadable_definition: Problem | None = None


class Summary(Record, frozen=True, kw_only=True):
    """The index of what a build stored. `types` maps types to document digests; `bare` lack a directory.

    `settings` is the digest of the environment's settings that decide a graph, `states` where the builder's
    Terraform keeps its states.
    """

    terraform: str = ""
    settings: str = ""
    types: dict[str, str] = {}
    bare: tuple[str, ...] = ()
    states: StateFolder | None = None


def by_kept_modules(environment: OpenEnvironment) -> StoredEnvironment:
    """The environment for a process without modules and Terraform: it knows of modules what was kept."""
    kept = KeptModules(environment.state, environment.environment)
    shared = {one.name: getattr(environment, one.name) for one in fields(OpenEnvironment)}
    return StoredEnvironment(**{**shared, "modules": kept}, planned_with=kept.terraform_version)


def keep_modules(workspace: FleetSource, fleet: Fleet) -> None:
    """Keep what the fleet was built with, where it has moved. O(types)."""
    here = workspace.modules.types()
    if not here or isinstance(workspace.modules, KeptModules):
        return
    document = workspace.state.document(SUMMARY_KIND, SUMMARY)
    before = _summary(document.body) if document else Summary()
    used = {loaded.type for loaded in fleet.inventory.components.values()}
    bodies = {name: to_builtins(_seen(workspace, fleet, name)) for name in here}
    summary = Summary(
        terraform=_terraform(workspace) or before.terraform,
        settings=_settings(workspace.environment),
        types={name: strictjson.digest(body) for name, body in bodies.items()},
        bare=tuple(sorted(used.difference(here))),
        states=workspace.environment.states,
    )
    if before == summary:
        return
    for name, body in bodies.items():
        if before.types.get(name) != summary.types[name]:
            workspace.state.put_document(KIND, name, body)
    with suppress(Conflict):  # another builder was faster; the next build compares again
        revision = document.revision if document else 0
        workspace.state.put_document(SUMMARY_KIND, SUMMARY, to_builtins(summary), revision=revision)


def _terraform(workspace: HasModules) -> str:
    """The version of now; empty where this builder has none, which can build what was never deployed."""
    try:
        return workspace.terraform_version()
    except KarmaError:
        return ""


def _seen(workspace: HasModules, fleet: Fleet, name: str) -> KeptModule:
    """Return what is known of a type; for a type in use, what the fleet was built with."""
    definition, facts = None, fleet.modules.facts.get(name)
    unreadable_definition, unreadable = None, None
    try:
        definition = workspace.modules.definition(name)
    except BadInput as error:
        unreadable_definition = error
    module = fleet.values.module_of(name)
    try:
        facts = facts or (workspace.modules.facts(name) if module is not None else None)
    except BadInput as error:  # it has been edited meanwhile
        unreadable = error
    return KeptModule(
        digest=module.digest if module is not None else "",
        facts=facts,
        definition=definition,
        unreadable=_problem(unreadable or fleet.values.unreadable.get(name)),
        unreadable_definition=_problem(unreadable_definition),
    )


def _problem(error: BadInput | None) -> Problem | None:
    if error is None:
        return None
    place = str(error.facts.get("place", ""))
    return Problem(code=error.code, what=error.what, why=error.why, next_step=error.next_step, place=place)


def _settings(environment: EnvironmentSettings) -> str:
    """Digest of the settings that decide a graph."""
    types = {name: dict(said) for name, said in environment.types.items()}
    return strictjson.digest([environment.region, environment.prefix, dict(environment.variables), types])


def _summary(body: JsonMapping) -> Summary:
    try:
        return convert(body, Summary)
    except msgspec.ValidationError:
        return Summary()  # written by another version; whoever has the modules writes it anew


class KeptModules:
    """ports.Modules of a process that has none: what the last build kept of them, and no files.

    `types` begins a reading: what is said of a type afterwards is of then. For one thread at a time.
    """

    def __init__(self, state: ports.StateStore, environment: EnvironmentSettings) -> None:
        self._state = state
        self._environment = environment
        self._summary: Summary | None = None
        self._held: dict[str, tuple[str, KeptModule]] = {}

    def types(self) -> tuple[str, ...]:
        """Types that had a directory, sorted; empty before the first build."""
        document = self._state.document(SUMMARY_KIND, SUMMARY)
        self._summary = _summary(document.body) if document else Summary()
        return tuple(sorted(self._summary.types))

    def definition(self, component_type: str) -> JsonObject | None:
        """The definition, or None; BadInput as the builder had it."""
        record = self._kept(component_type)
        if record is not None and record.unreadable_definition is not None:
            raise record.unreadable_definition.error()
        return record.definition if record else None

    def module(self, component_type: str) -> Module | None:
        """The module's digest, without its files; BadInput as the builder had it, or `module-unknown`."""
        why = self._unknown(component_type)
        if why:
            raise BadInput(
                f"the module {component_type} is not known here",
                why=why,
                next_step="run `karma graph build` where the modules are",
                code=UNKNOWN,
            )
        record = self._kept(component_type)
        if record is not None and record.unreadable is not None:
            raise record.unreadable.error()
        if record is None or not record.digest:
            return None
        return Module(type=component_type, digest=record.digest, path="", variables=(), outputs=())

    def facts(self, component_type: str) -> ModuleFacts | None:
        """The facts, or None."""
        record = self._kept(component_type)
        return record.facts if record else None

    def parts(self, component_type: str) -> tuple[str, ...]:
        """The type's own directory: which others it loads is not kept."""
        return (component_type,)

    def revision(self) -> str:
        """A digest of what is kept; a builder's own revision is never equal to it."""
        return strictjson.digest(to_builtins(self._known()))

    def terraform_version(self) -> str:
        """The version that the builder plans with."""
        return self._known().terraform

    def states(self) -> StateFolder | None:
        """Where the builder's Terraform keeps its states: the settings of this process need not say it."""
        return self._known().states

    def archive(self, module: Module) -> str:
        """Refused: there are no files."""
        raise Refused(
            f"the module {module.type} cannot be archived here",
            why="this process has no modules",
            next_step="request a change, or use the command line; workers do it",
            code="no-terraform",
        )

    def archived(self, digest: str, component_type: str) -> Module | None:  # noqa: ARG002 - as the port
        """None: there are no files."""
        return None

    def archived_facts(self, digest: str, component_type: str) -> ModuleFacts | None:  # noqa: ARG002
        """None, likewise."""
        return None

    def _known(self) -> Summary:
        if self._summary is None:
            self.types()
        return self._summary or Summary()

    def _unknown(self, component_type: str) -> str:
        """Return why nothing is known of the type; empty if something is."""
        summary = self._known()
        if not summary.settings:
            return "no build has kept what it knows of modules"
        if summary.settings != _settings(self._environment):
            return "region, prefix, variables or types of the settings are not those of the last build"
        if component_type in summary.types and self._kept(component_type) is None:
            return "a build is just keeping it"
        return "" if component_type in {*summary.types, *summary.bare} else "it came after the last build"

    def _kept(self, component_type: str) -> KeptModule | None:
        """Return the stored record of the type; None if there is none, or if it is not the summary's."""
        wanted = self._known().types.get(component_type)
        held = self._held.get(component_type)
        if wanted is None or (held is not None and held[0] == wanted):
            return held[1] if wanted is not None and held is not None else None
        self._fetch(component_type)
        held = self._held.get(component_type)
        return held[1] if held is not None and held[0] == wanted else None

    def _fetch(self, component_type: str) -> None:
        """Read the type's document; all of them where many have moved."""
        moved = [n for n, wanted in self._known().types.items() if self._held.get(n, ("",))[0] != wanted]
        if len(moved) > _FEW:
            documents = self._state.documents(KIND)
        else:
            one = self._state.document(KIND, component_type)
            documents = (one,) if one is not None else ()
        for document in documents:
            with suppress(msgspec.ValidationError):  # written by another version
                kept = convert(document.body, KeptModule)
                self._held[document.id] = strictjson.digest(document.body), kept


def require_known(fleet: Fleet) -> None:
    """Refused `module-unknown` where the fleet has types of which nothing is known here."""
    unknown = [finding for finding in fleet.findings if finding.code == UNKNOWN]
    if unknown:
        raise Refused(
            "what a build would give cannot be known here",
            why=unknown[0].message,
            next_step="run `karma graph build` where the modules are, then ask again",
            code=UNKNOWN,
            types=[finding.name for finding in unknown],
        )
