"""Every way to a deploy or destroy is listed, and leads through the gate."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import typer
import yaml

from karma_adapters.aws.eventbridge_runs import FLOWS as ORDERED
from karma_adapters.local.thread_runs import FLOWS as THREADS
from karma_api.routes import ROUTES as ALL_ROUTES
from karma_cli.main import app
from karma_core.use_cases.orders.entry_points import COMMANDS, FLOWS, ROUTES, Leads

ROOT = Path(__file__).parents[5]
PACKAGES = (
    "karma_core",
    "karma_adapters",
    "karma_api",
    "karma_lambda",
    "karma_cli",
    "karma_service",
    "flows",
    "tasks",
)
APPLYING = {("karma_core.use_cases.runs.deploy", "deploy"), ("karma_core.use_cases.runs.deploy", "resume")}
DESTROYING = {("karma_core.use_cases.runs.destroy", "destroy")}


def commands(command: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Every command, as typed after `karma`."""
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path)
        return
    for name, child in below.items():
        yield from commands(child, (*path, name))


def test_every_command_flow_and_route_has_a_row() -> None:
    """A new one without a row fails here; so does a row of what is gone."""
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    assert set(COMMANDS) == set(commands(typer.main.get_command(app)))
    assert set(FLOWS) == {deployment["name"] for deployment in deployments}
    assert set(ROUTES) == {route.name for route in ALL_ROUTES if route.method != "GET"}


def test_threads_and_the_event_bus_start_no_other_flows() -> None:
    """What they start is a row already."""
    assert set(THREADS) | set(ORDERED) <= set(FLOWS)


def test_no_route_applies_anything_itself() -> None:
    """The API starts flows; a flow or a command gives orders."""
    assert set(ROUTES.values()) <= {Leads.STARTS, Leads.NOTHING}


def test_deploys_and_destroys_are_carried_out_behind_the_gate_alone() -> None:
    """Only `orders.py`, which asks the gate, imports the use cases that apply."""
    importers = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if imported(ast.parse(path.read_text("utf-8"))) & (APPLYING | DESTROYING)
    }
    assert importers == {"karma_core/use_cases/orders/carrying_out.py"}


def imported(tree: ast.Module) -> set[tuple[str, str]]:
    """(module, name) of everything that a module imports by name, or reads of a module that it imports."""
    names, modules = set(), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {(node.module, alias.name) for alias in node.names}
            modules |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            names.add((modules.get(node.value.id, ""), node.attr))
    return names
