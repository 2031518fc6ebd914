"""Findings about what a plan did not cover: "no changes" holds only for what was planned.

Of what a selection leaves out `not_selected` says the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from karma_core.model import Finding
from karma_core.needs import FleetBesideGit
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.plans.unpublished import unpublished


def not_looked_at(workspace: FleetBesideGit, fleet: Fleet) -> Iterator[Finding]:
    """Warnings `policy-differs` and `unpublished` of the environment.

    One parameter read, one scan of the work tree's configs.
    """
    yield from policy_differs(workspace)
    yield from unpublished(workspace, fleet)
