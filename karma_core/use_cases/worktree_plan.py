"""Plan what the work tree holds, as if it were published; nothing is written to the parameter store."""

from __future__ import annotations

from karma_core.plan.document import Plan
from karma_core.use_cases.build import read_fleet
from karma_core.use_cases.config_comparison import compare
from karma_core.use_cases.plan import plan
from karma_core.use_cases.policy_in_force import policy_differs
from karma_core.use_cases.publish_judgement import overlay_of
from karma_core.use_cases.runs import Selection
from karma_core.use_cases.unpublished import removed_alone
from karma_core.workspace import Workspace


def plan_worktree(workspace: Workspace, selection: Selection) -> Plan:
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
