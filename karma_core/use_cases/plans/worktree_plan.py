"""Plan the work tree's configs as if they were published; nothing is written to the parameter store."""

from __future__ import annotations

from karma_core.needs import Planning
from karma_core.plan.document import Plan
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.configs.comparison import compare
from karma_core.use_cases.configs.publish_judgement import overlay_of
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.unpublished import removed_alone
from karma_core.use_cases.selection.record import Selection


def plan_worktree(workspace: Planning, selection: Selection) -> Plan:
    """Plan a selection of the environment with the work tree's configs over the published ones.

    Configs that Git does not have stay as they are, and are named. A deploy refuses the stored plan
    (`unpublished-plan`). ValidationFailed with all findings where a config cannot be published; NotFound or
    Refused where there is no work tree of the environment.
    """
    comparison = compare(workspace)
    intents = comparison.intents
    fleet = read_fleet(workspace, overlay=overlay_of(workspace, intents, {}))
    besides = (*policy_differs(workspace), *removed_alone(workspace, comparison))
    return plan(workspace, selection, fleet=fleet, published=not intents, besides=besides)
