"""The policy evaluated, in one place for changes and for the gate before every deploy and destroy.

What forbids something is a finding, why it needs an approval is a sentence. Where the rules are not
`guarded`, the answer to a prompt, or the order of a run, is the approval of what the run destroys.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from karma_core.changes import judgement
from karma_core.changes.judgement import World
from karma_core.changes.record import Change, Edit
from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.ids import type_of
from karma_core.model import Finding, Record
from karma_core.needs import Context, FleetSource, HasModules, PolicySource
from karma_core.plan.document import ACTIVE, Plan
from karma_core.policy import rules as rules_of
from karma_core.policy.rules import Facts, Rules
from karma_core.records import Applied
from karma_core.use_cases.access.policy_in_force import definitions_of, rules_in_force
from karma_core.use_cases.fleet.fleet import Fleet

OVERRIDABLE = frozenset({"policy-freeze"})
"""Codes of the findings that `--override-policy` sets aside, beside approvals."""


class Evaluation(Record, frozen=True, kw_only=True):
    """The outcome of the rules: `findings` forbid the request, `needs` are reasons for an approval."""

    findings: tuple[Finding, ...] = ()
    needs: tuple[str, ...] = ()


def world_of(fleet: Fleet) -> World:
    """Return the loaded environment as one side of a comparison."""
    return World(inventory=fleet.inventory, graph=fleet.graph, findings=fleet.findings)


def types_of(workspace: HasModules) -> set[str]:
    """All types of which anything is defined."""
    return {*workspace.modules.types(), *workspace.environment.types}


def is_silent(workspace: FleetSource, types: Collection[str]) -> bool:
    """Whether no rule can say anything of a run: no policy is there, and no type protects anything."""
    if not rules_in_force(workspace).silent:
        return False
    definitions = definitions_of(workspace, types).values()
    return not any(definition.protected or definition.protected_fields for definition in definitions)


def approves_all(
    workspace: PolicySource, addresses: Collection[str], definitions: Mapping[str, TypeDefinition]
) -> bool:
    """Whether no rule can ask for an approval of a run, whatever its plan is."""
    types = {type_of(address) for address in addresses}
    protected = any(definitions.get(name, EMPTY).protected for name in types)
    return rules_in_force(workspace).silent and not protected


# -- changes ------------------------------------------------------------------------------------------------


def evaluate_edits(
    workspace: PolicySource, facts: Facts, definitions: Mapping[str, TypeDefinition]
) -> Evaluation:
    """Evaluate the rules on a request, before its plan is known."""
    rules = rules_in_force(workspace)
    return Evaluation(
        findings=rules_of.rejections(rules, facts, definitions, workspace.clock()),
        needs=tuple(rules_of.approvals(rules, facts, definitions)),
    )


def evaluate_plan(
    workspace: PolicySource, plan: Plan, definitions: Mapping[str, TypeDefinition]
) -> tuple[str, ...]:
    """Why the plan of a change needs an approval."""
    return tuple(rules_of.approvals_of_plan(rules_in_force(workspace), plan, definitions))


def frozen(workspace: PolicySource) -> str:
    """Return the reason of the freeze in force with its time zone; empty if no freeze is in force."""
    holding = rules_in_force(workspace).freezes(workspace.clock())
    return next((f"{freeze.reason} ({freeze.timezone})" for freeze in holding), "")


def why_void(workspace: PolicySource, change: Change, *, needed: bool) -> str:
    """Why the rules of now do not accept who approved the change, or who requested one that nobody approved.

    Empty where they do, and where no approval is `needed` of one that has it.
    """
    given, rules = change.approval, rules_in_force(workspace)
    if given is None and rules.asks_requester and not change.proof:
        return f"{change.requested_by} was only said to have requested it, and nobody approved it"
    if given is None or not needed:
        return ""
    if rules.asks_approver and not given.proof:
        return f"{given.by} was only said to have approved it"
    if rules.asks_distinct and not change.proof:
        return f"{change.requested_by} was only said to have requested it"
    return rules_of.may_approve(rules, given.by, change.requested_by, change.asked_by)


# -- runs ---------------------------------------------------------------------------------------------------


def pending_edits(fleet: Fleet, addresses: Collection[str]) -> tuple[Edit, ...]:
    """Return the edits that a deploy would apply: from each applied config to the current one."""
    edits = []
    for address in sorted(addresses):
        config, applied = fleet[address].config, fleet.deployed(address)
        if config is None or config.value is None:
            continue
        before = applied_config(applied) if applied is not None else None
        if before != config.value:
            version = config.parameter.version
            edits.append(Edit(address=address, before=before, base_version=version, after=config.value))
    return tuple(edits)


def taking_over(fleet: Fleet, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The edits as the rules see them: a config that takes over what is deployed creates nothing."""
    adjusted = []
    for edit in edits:
        held = fleet.deployed(edit.address) if edit.address in fleet.moves else None
        adjusted.append(replace(edit, before=applied_config(held)) if held is not None else edit)
    return tuple(adjusted)


def applied_config(applied: Applied) -> dict[str, object]:
    """Return the config of the last successful apply, or of a failed one if none succeeded before."""
    failed = not applied.succeeded and applied.good_config is not None
    return (applied.good_config or {}) if failed else applied.config


def forbids_run(
    workspace: PolicySource, fleet: Fleet, edits: tuple[Edit, ...], askers: tuple[str, str]
) -> tuple[Finding, ...]:
    """Return the findings that forbid a run, from its requester, the time and its pending edits.

    `askers` are who is said to want it and who ordered it; both have to be allowed to.
    """
    facts = _facts(workspace, fleet, edits, askers, ())
    return rules_of.rejections(rules_in_force(workspace), facts, fleet.definitions, workspace.clock())


def needs_of_run(
    workspace: PolicySource,
    fleet: Fleet,
    edits: tuple[Edit, ...],
    plan: Plan,
    askers: tuple[str, str],
) -> tuple[str, ...]:
    """Return why a run needs an approval, judging by what its plan changes."""
    moved = moved_by(plan)
    if not moved:
        return ()
    rules = rules_in_force(workspace)
    planned = tuple(edit for edit in edits if edit.address in set(moved))
    facts = _facts(workspace, fleet, planned, askers, moved)
    needs = [
        *rules_of.approvals(rules, facts, fleet.definitions),
        *(f"{address} is protected" for address in moved if rules.protects(address)),
        *_of_plan(rules, plan, fleet.definitions),
    ]
    return tuple(dict.fromkeys(needs))


def moved_by(plan: Plan) -> tuple[str, ...]:
    """Addresses of the components that a plan moves, or may move, sorted."""
    return tuple(sorted(c.address for c in plan.components if c.action in ACTIVE))


def restricted(plan: Plan, addresses: Collection[str]) -> Plan:
    """The plan of these components alone."""
    return replace(plan, components=tuple(c for c in plan.components if c.address in addresses))


def _of_plan(rules: Rules, plan: Plan, definitions: Mapping[str, TypeDefinition]) -> Sequence[str]:
    """Why a plan needs an approval that the answer to a prompt does not give."""
    if rules.guarded:
        return rules_of.approvals_of_plan(rules, plan, definitions)
    kept = (c for c in plan.components if rules_of.keeps(rules, definitions, c.address))
    return [
        f"{c.address}: {c.action} {c.losses}" for c in kept if c.loses or c.action in rules_of.DESTRUCTIVE
    ]


def _facts(
    workspace: Context,
    fleet: Fleet,
    edits: tuple[Edit, ...],
    askers: tuple[str, str],
    moved: tuple[str, ...],
) -> Facts:
    requested_by, asked_by = askers
    return Facts(
        requested_by=requested_by,
        asked_by=asked_by,
        edits=edits,
        cone=moved,
        users_of=judgement.deployed_users(edits, world_of(fleet)),
        region=workspace.environment.region,
        foreign_prefixes=workspace.environment.foreign_prefixes,
        takes_over=fleet.moves,
    )
