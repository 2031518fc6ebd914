"""The remaining work of a run that ended early, with the versions that it began with."""

from __future__ import annotations

from karma_core.needs import FleetSource, Planning
from karma_core.plan.document import Plan
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.pins import pinned
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.resume import find_run, progress_of
from karma_core.use_cases.selection.record import Selection


def rest_of(workspace: FleetSource, run_id: str) -> tuple[Fleet, set[str]]:
    """(the environment as the run began with it, its components that are not done).

    NotFound, or Refused `not-resumable` as a resume.
    """
    run = find_run(workspace, run_id)
    pins = pinned(run)
    fleet = read_fleet(workspace, pins=pins)
    members = {a for a in pins.configs if a in fleet.graph and fleet[a].config is not None}
    return fleet, members - progress_of(workspace.state.entries(run_id=run_id)).done.keys()


def plan_rest(workspace: Planning, fleet: Fleet, left: set[str]) -> Plan:
    """Plan the remaining components and store the plan; `left` is not empty."""
    return plan(workspace, Selection(targets=tuple(sorted(left))), fleet=fleet)
