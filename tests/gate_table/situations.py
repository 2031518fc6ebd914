"""Environments in which something is about to be asked for, prepared before the rule is in force.

In all of them b/two depends on a/one, both are deployed, and what is asked for moves a/one.
"""

from __future__ import annotations

import io
import itertools
import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock, RLock
from typing import Any, Final

from karma_core import failpoints, strictjson
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.model import Provenance
from karma_core.policy.published import parameter_name
from karma_core.records import ConfigFile, ParameterWrite
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.drift import check_drift
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem
from tests.gate_table.rules import REPLACED, Row
from tests.memory_system import ALL, Killed

COMMIT: Final = "a" * 40
"""The only commit of `GitFiles`."""
SMALL: Final = {"size": 1}
"""The config that a/one is deployed with, unless a situation says another."""


class GitFiles:
    """Configs in Git, in memory: address → config, in one commit."""

    def __init__(self) -> None:
        self.configs: dict[str, Any] = {}

    def is_behind(self, commit: str) -> bool:
        return False

    def head(self) -> str | None:
        return COMMIT

    def scan(self, environment: str, *, refuse: object = None) -> Iterator[ConfigFile]:
        for address in sorted(self.configs):
            yield ConfigFile(address=address, path=f"iac/{environment}/{address}/config.json", stamp="1")

    def read(self, file: ConfigFile) -> bytes:
        return json.dumps(self.configs[file.address]).encode()

    def absences(self, environment: str, addresses: Sequence[str]) -> dict[str, str]:
        """Everything is checked out."""
        return {}

    def config_at(self, environment: str, address: str, commit: str) -> bytes | None:
        config = self.configs.get(address)
        return None if config is None else json.dumps(config).encode()

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        return {}


class TableSystem(ChangeSystem):
    """An environment under a rule. `subject` is the id of the change, run or plan that is asked for."""

    def __init__(self, row: Row) -> None:
        self.files = GitFiles()
        super().__init__(types="a b")
        self.row = row
        self.subject = ""
        self.holder = ""
        self.neighbour = ChangeSystem()

    @property
    def workspace(self) -> Workspace:
        """As ann opens it, proven, with the configs in Git."""
        return replace(super().workspace, repository=self.files)  # type: ignore[arg-type]

    @property
    def elsewhere(self) -> Workspace:
        """The environment `other` of the same project."""
        made = self.neighbour.workspace
        return replace(made, environment=replace(made.environment, name="other"))

    def start_with(self, config: Any) -> None:
        """Deploy a/one with this config, and b/two."""
        self.configure(a_one=config, b_two={"a_nickname": "one"})
        self.deploy()

    def enforce(self, *, laxer_checkout: bool) -> None:
        """Put the row's rule in force: published, and in the checkout unless that one is to be laxer."""
        row = self.row
        document = {
            "policy": dict(row.policy),
            "types": {"a": dict(row.definition)} if row.definition else {},
        }
        value = strictjson.canonical(document).decode()
        self.parameters.put([ParameterWrite(name=parameter_name("/iac"), value=value)])
        self.policy = {} if laxer_checkout else dict(row.policy)
        if row.definition and not laxer_checkout:
            self.modules._definitions["a"] = dict(row.definition)
        self.foreign_prefixes = ("/other",)
        self.clock.pass_seconds(3600 * row.hours)
        self.applies()
        self.said.clear()


# -- situations -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is there to be asked for: its kind, and how it comes about."""

    kind: str
    prepare: Callable[[TableSystem], None]


class _Copier(pickle.Pickler):
    """Pickles a whole system: its locks become new ones, its ids go on where they are."""

    def reducer_override(self, thing: Any) -> Any:
        for make in (Lock, RLock):
            if isinstance(thing, type(make())):
                return make, ()
        if isinstance(thing, itertools.count):
            return itertools.count, (int(repr(thing).removeprefix("count(").removesuffix(")")),)
        return NotImplemented


_PREPARED: dict[tuple[object, ...], bytes] = {}


def prepared(situation: Situation, row: Row) -> TableSystem:
    """A system of its own in this situation; each is brought about once, and copied then."""
    key = (situation.prepare, strictjson.canonical([dict(row.config), dict(row.edit)]))
    if key not in _PREPARED:
        system = TableSystem(row)
        situation.prepare(system)
        kept = io.BytesIO()
        _Copier(kept).dump(system)
        _PREPARED[key] = kept.getvalue()
    made: TableSystem = pickle.loads(_PREPARED[key])  # noqa: S301 - our own, of this process
    made.row = row
    return made


def _pending(system: TableSystem) -> None:
    """Another config of a/one is published, and not deployed yet."""
    system.start_with(SMALL)
    system.configure(a_one=dict(system.row.config))


def _planned(system: TableSystem) -> None:
    _pending(system)
    system.subject = plan(system.workspace, ALL).id


def _planned_destroy(system: TableSystem) -> None:
    _pending(system)
    system.subject = plan_destroy(system.workspace, ALL).id


def _interrupted(system: TableSystem) -> None:
    """A deploy died before it applied anything."""
    _pending(system)

    def die(reached: str) -> None:
        system.life.ended = system.life.ended or reached == "deploy.after_start"

    failpoints.install(die)
    try:
        system.deploy()
    except Killed:
        pass
    finally:
        failpoints.install(None)
    system.clock.pass_seconds(61)
    system.subject = system.state.runs()[0].id


def _drifted(system: TableSystem) -> None:
    """Somebody changed the resource in the cloud, so that it has to be made anew."""
    system.start_with(SMALL)
    system.terraform.outside["a/one"] = {"size": 7}
    _taint(system)
    check_drift(system.workspace, ALL)


def _in_git(system: TableSystem) -> None:
    """Git has another config of a/one than the parameter store."""
    system.start_with(SMALL)
    system.files.configs = {"a/one": dict(system.row.edit), "b/two": {"a_nickname": "one"}}


def _approve(system: TableSystem, change: Change) -> Change:
    return system.approve(change) if change.status is State.AWAITING_APPROVAL else change


def _approved(system: TableSystem) -> None:
    """A change that nothing held back when it was requested."""
    system.start_with(SMALL)
    change = system.request("a/one", replace=dict(system.row.edit), proceed=True)
    system.subject = _approve(system, change).id


def _awaiting(system: TableSystem) -> None:
    """A change that waits for an approval, for another rule that is no longer there."""
    system.start_with(SMALL)
    system.policy = {"require_approval": True}
    system.subject = system.request("a/one", replace=dict(system.row.edit), proceed=True).id


def _queued(system: TableSystem) -> None:
    """A change that waits for another one, which nobody has approved."""
    system.start_with(SMALL)
    system.policy = {"require_approval": True}
    system.holder = system.request("a/one", proposed_change={"note": "first"}).id
    change = system.request("a/one", replace=dict(system.row.edit), proceed=True)
    assert change.status is State.QUEUED
    system.subject = change.id


def _moved_on(system: TableSystem) -> None:
    """An applied change, whose rollback brings the row's config back."""
    system.start_with(dict(system.row.edit))
    change = _approve(system, system.request("a/one", replace=SMALL))
    assert system.apply(change).status is State.APPLIED
    system.subject = change.id


def _half_applied(system: TableSystem) -> None:
    """The last deploy of a/one failed half-way; its last good config is the row's."""
    system.start_with(dict(system.row.edit))
    system.configure(a_one=SMALL)
    system.terraform.failures["a/one"] = "apply"
    system.deploy()
    system.terraform.failures.clear()
    system.terraform.outside["a/one"] = {"size": 7}
    if system.row.edit == REPLACED:
        _taint(system)


def _taint(system: TableSystem) -> None:
    """Let the next plan replace the resource of a/one, as Terraform does with one that is tainted."""
    system.terraform._states["a/one"]["trigger"] = "tainted"


def _elsewhere(system: TableSystem) -> None:
    """Another environment has another config of a/one."""
    system.start_with(SMALL)
    system.neighbour.configure(a_one=dict(system.row.edit))


def _failed(system: TableSystem) -> None:
    """A change whose apply failed; its config is written."""
    system.start_with(SMALL)
    change = _approve(system, system.request("a/one", replace=dict(system.row.edit), proceed=True))
    system.terraform.failures["a/one"] = "apply"
    assert system.apply(change).status is State.FAILED
    system.terraform.failures.clear()
    system.subject = change.id


DEPLOY = Situation(kind="deploy", prepare=_pending)
DEPLOY_OF_PLAN = Situation(kind="deploy", prepare=_planned)
DESTROY = Situation(kind="destroy", prepare=_pending)
DESTROY_OF_PLAN = Situation(kind="destroy", prepare=_planned_destroy)
RESUME = Situation(kind="resume", prepare=_interrupted)
REPAIR = Situation(kind="repair", prepare=_drifted)
CHANGE = Situation(kind="change", prepare=_in_git)
ROLLBACK = Situation(kind="change", prepare=_moved_on)
RESTORATION = Situation(kind="change", prepare=_half_applied)
PROMOTION = Situation(kind="change", prepare=_elsewhere)
RETRY = Situation(kind="retry", prepare=_failed)
APPROVED = Situation(kind="approved", prepare=_approved)
DRAINED = Situation(kind="drained", prepare=_approved)
AWAITING = Situation(kind="awaiting", prepare=_awaiting)
QUEUED = Situation(kind="queued", prepare=_queued)
