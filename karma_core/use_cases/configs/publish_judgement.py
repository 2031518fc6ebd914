"""Publishing is judged like a change: by the policy, and by who still uses what is to go.

What the graph says of configs (schema, cycles, missing components) is left to the build, which reports it
and publishes no graph with errors: a config that is wrong may be published, and mended, from Git. Where no
rule could say anything, nothing is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from karma_core import strictjson
from karma_core.changes import judgement
from karma_core.changes.judgement import World
from karma_core.changes.record import Edit
from karma_core.errors import BadInput, Refused
from karma_core.graph.types import read_definitions
from karma_core.ids import type_of
from karma_core.model import Finding, Record, to_builtins
from karma_core.needs import Context, FleetSource, HasModules
from karma_core.policy import rules as rules_of
from karma_core.policy.rules import Facts, Rules
from karma_core.records import Parameter, ParameterKind
from karma_core.use_cases.access.identity import proven_if_possible
from karma_core.use_cases.access.policy_in_force import rules_in_force
from karma_core.use_cases.configs.comparison import Intent
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.pins import Overlay
from karma_core.use_cases.graph.build import definition_of, read_fleet


class PublishVerdict(Record, frozen=True, kw_only=True):
    """The verdict on a publish: findings that forbid it, and why it needs an approval (`needs`).

    `in_use` are addresses that were to be deleted and that others still depend on: they stay. `ruled` says
    whether there was any rule but that.
    """

    ruled: bool = False
    findings: tuple[Finding, ...] = ()
    needs: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it may be published."""
        return not (self.findings or self.needs)


def judge_publish(
    workspace: FleetSource, intents: Sequence[Intent], to_delete: Mapping[str, Parameter]
) -> PublishVerdict | None:
    """The verdict; None where no rule applies: no policy, no protected type, nothing to be deleted."""
    if not intents and not to_delete:
        return None
    rules = rules_in_force(workspace)
    ruled = not rules.silent or _protected(workspace, intents)
    if not (ruled or to_delete):
        return None
    workspace = proven_if_possible(workspace)
    before = read_fleet(workspace)
    after = read_fleet(workspace, overlay=overlay_of(workspace, intents, to_delete))
    written = [_written(intent) for intent in intents]
    removed = [_removed(address, to_delete[address]) for address in to_delete]
    in_use = _in_use(written, removed, _world(before), _world(after))
    edits = (*written, *(edit for edit in removed if edit.address not in in_use))
    facts = _facts(workspace, edits, _world(before), _world(after))
    definitions = {**before.definitions, **after.definitions}
    findings = rules_of.rejections(rules, facts, definitions, workspace.clock()) if edits else ()
    return PublishVerdict(
        ruled=ruled,
        findings=tuple(sorted(findings, key=lambda finding: finding.order)),
        needs=_needs(workspace, rules, edits, (before, after)),
        in_use=tuple(sorted(in_use)),
    )


def _facts(workspace: Context, edits: tuple[Edit, ...], before: World, after: World) -> Facts:
    cone, _ = judgement.reach(edits, before, after)
    return Facts(
        requested_by=workspace.actor.user,
        edits=edits,
        cone=cone,
        users_of=judgement.deployed_users(edits, before),
        region=workspace.environment.region,
        foreign_prefixes=workspace.environment.foreign_prefixes,
    )


def _needs(
    workspace: Context, rules: Rules, edits: tuple[Edit, ...], fleets: tuple[Fleet, Fleet]
) -> tuple[str, ...]:
    """Why an approval is needed. What is new moves nothing that is there: a first publish needs none."""
    existing = tuple(edit for edit in edits if edit.before is not None)
    if not existing:
        return ()
    before, after = fleets
    facts = _facts(workspace, existing, _world(before), _world(after))
    return tuple(rules_of.approvals(rules, facts, {**before.definitions, **after.definitions}))


def _in_use(written: Sequence[Edit], removed: Sequence[Edit], before: World, after: World) -> set[str]:
    """Return removed components that must stay because a remaining component depends on them."""
    in_use: set[str] = set()
    while True:
        edits = [*written, *(edit for edit in removed if edit.address not in in_use)]
        consumed = {finding.component for finding in judgement.live_consumers(edits, before, after)}
        if not consumed:
            return in_use
        in_use |= consumed


def refusal(verdict: PublishVerdict) -> Refused:
    """The error that says why nothing was published."""
    if verdict.findings:
        first = verdict.findings[0]
        return Refused(
            "nothing was published",
            why=first.said,
            next_step="correct what the findings name, or wait until the policy allows it",
            code="publish-rejected",
            findings=to_builtins(verdict.findings),
        )
    return Refused(
        "nothing was published",
        why=f"it needs an approval: {'; '.join(verdict.needs[:5])}",
        next_step="request it as a change: `karma config publish --as-change`",
        code="approval-needed",
        needs=list(verdict.needs),
    )


def _protected(workspace: HasModules, intents: Sequence[Intent]) -> bool:
    """Whether a config that is there already belongs to a type that protects fields."""
    types = sorted({type_of(i.address) for i in intents if i.stored is not None})
    definitions, _ = read_definitions(types, lambda name: definition_of(workspace, name))
    return any(definition.protected_fields for definition in definitions.values())


def _written(intent: Intent) -> Edit:
    stored = intent.stored
    return Edit(
        address=intent.address,
        before=_value(stored) if stored else None,
        base_version=stored.version if stored else 0,
        after=strictjson.parse(intent.value.encode(), where=intent.file.path),
    )


def _removed(address: str, stored: Parameter) -> Edit:
    return Edit(address=address, before=_value(stored), base_version=stored.version, after=None)


def _value(stored: Parameter) -> dict[str, object]:
    """A stored config; empty where it is none that can be read: then every field of the new one is new."""
    try:
        return strictjson.parse_object((stored.value or "").encode(), where=stored.name)
    except BadInput:
        return {}


def overlay_of(workspace: Context, intents: Sequence[Intent], to_delete: Mapping[str, Parameter]) -> Overlay:
    """Return the parameters as publishing would leave them."""
    overlay: dict[str, Parameter | None] = {
        workspace.config_parameter(address): None for address in to_delete
    }
    for intent in intents:
        name = workspace.config_parameter(intent.address)
        kind = intent.stored.kind if intent.stored else ParameterKind.STRING
        overlay[name] = Parameter(
            name=name,
            value=None if kind is ParameterKind.SECURE else intent.value,
            version=(intent.stored.version if intent.stored else 0) + 1,
            kind=kind,
        )
    return overlay


def _world(fleet: Fleet) -> World:
    return World(inventory=fleet.inventory, graph=fleet.graph, findings=fleet.findings)
