"""Prefect's flows, called as plain functions over an environment in memory.

What Prefect gives a flow is stood in for: the id and the parameters of its run, futures, artifacts. Steps run
in threads. What the flow itself does, and in which order, is the code's own.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

import pytest

from flows import change_run, deploy, push_run, reconcile
from flows.registration import deployments
from karma_core.errors import KarmaError
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.graph import build
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Actor, Workspace
from tests.gate_table import situations
from tests.gate_table.entry import Drivers, Entry
from tests.gate_table.situations import COMMIT, Situation, TableSystem


class FlowRuns:
    """Runs the deployments of prefect.yaml; `start` is a RunStarter whose runs have ended when it returns."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.system: TableSystem
        self._numbers = itertools.count(1)
        self._run = ("", "", {})
        self._flows = {body["name"]: _flow(body["entrypoint"]) for body in deployments()}
        runtime = SimpleNamespace(
            get_id=lambda: self._run[0],
            get_flow_name=lambda: self._run[1],
            get_parameters=lambda: self._run[2],
        )
        patch.setattr(deploy, "open_workspace", self._open)
        patch.setattr(deploy, "flow_run", runtime)
        patch.setattr(deploy, "build_graph", SimpleNamespace(submit=lambda _, w: build.build_graph(w)))
        patch.setattr(deploy, "validate", SimpleNamespace(submit=lambda *_: SimpleNamespace(result=int)))
        patch.setattr(deploy, "show_result", _nothing)
        patch.setattr(reconcile, "find_api", _nothing)
        patch.setattr(reconcile, "create_table_artifact", _nothing)
        for module in (deploy, reconcile):
            patch.setattr(module, "read_settings", _nothing)
        for module in (deploy, change_run, push_run):
            patch.setattr(module, "show_page", _nothing)
        for module in (deploy, change_run):
            patch.setattr(module, "PrefectExecutor", lambda *_: ThreadExecutor(4))

    def _open(self, _settings: object, _name: str, **of_run: Any) -> Workspace:
        """As a worker opens it: nobody is proven."""
        user = of_run["user"] or "worker"
        actor = Actor(user=user, source=of_run["source"], flow_run=of_run["flow_run"])
        return replace(self.system.workspace, actor=actor)

    def function(self, name: str) -> Any:
        """The function of a deployment's flow."""
        return self._flows[name].fn

    def run(self, system: TableSystem, name: str, parameters: Mapping[str, Any]) -> None:
        """Run a deployment with these parameters; its error is raised."""
        self.system = system
        function = self.function(name)
        given = inspect.signature(function).bind(**{"project": "/project", **parameters})
        given.apply_defaults()
        before = self._run
        self._run = (f"flow-run-{next(self._numbers)}", name, given.arguments)
        try:
            function(**given.arguments)
        finally:
            self._run = before

    def start(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Run it as a worker does that takes it: its error is known there, and not to whoever started it."""
        try:
            self.run(self.system, flow, parameters)
        except KarmaError as error:
            self.system.said.append(("run_failed", error.document()))
        return idempotency_key


def _flow(entrypoint: str) -> Any:
    file, _, name = entrypoint.partition(":")
    return getattr(import_module(file.removesuffix(".py").replace("/", ".")), name)


def _nothing(*_words: object, **_named: object) -> None:
    """What is shown in Prefect's own pages is not looked at."""


WAYS: Final = ("form", "schedule", "vouched order")
"""How a flow is started: by a form or Prefect's API, by a schedule, by an order that Karma vouches for."""
FLOW_PARAMETERS: Final[tuple[tuple[str, Situation, dict[str, Any]], ...]] = (
    ("deploy", situations.DEPLOY, {"everything": True}),
    ("deploy", situations.RESUME, {"resume_run": "{}"}),
    ("deploy", situations.REPAIR, {"targets": ["a/one"]}),
    ("destroy", situations.DESTROY, {"everything": True}),
    ("change-run", situations.CHANGE, {"component": "a/one", "apply_when_approved": True}),
    ("change-run", situations.APPROVED, {"change_id": "{}"}),
    (
        "push-run",
        situations.CHANGE,
        {"addresses": ["a/one"], "commit": COMMIT, "author": "ann", "message": ""},
    ),
    ("reconcile", situations.DRAINED, {}),
)
"""(flow, what is there to be asked for, parameters); `{}` stands for the subject."""


def parameters_for(system: TableSystem, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of one run: `{}` stands for the subject, and a requested config is the row's."""
    given = {key: system.subject if value == "{}" else value for key, value in parameters.items()}
    wanted = (
        {"proposed_change": dict(system.row.edit)} if name == "change-run" and "component" in given else {}
    )
    return {"environment": "test", **given, **wanted}


def entries() -> list[Entry]:
    """Every flow that leads to an order or a change, by each way in which it can be started."""
    return [
        Entry(
            name=name,
            through=through,
            situation=situation,
            ask=partial(_ask, through, name, parameters),
            proven=through == "vouched order",
        )
        for through in WAYS
        for name, situation, parameters in FLOW_PARAMETERS
    ]


def _ask(
    through: str, name: str, parameters: Mapping[str, Any], drivers: Drivers, system: TableSystem
) -> None:
    """A form and a schedule say nobody's name; an order that Karma keeps vouches for ann."""
    given = parameters_for(system, name, parameters)
    if through == "schedule":
        given |= {"source": "schedule"}
    if through == "vouched order":
        given |= {"requested_by": "ann", "source": "api"}
        given = vouch(system.workspace, name, given)
    drivers.flows.run(system, name, given)
